"""`python -m e2e.demo [--keep]`: boots a control plane and tells the story on it."""

import argparse
import sys

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import ClusterError
from e2e.cluster.toolchain import ROOT, ToolchainError
from e2e.crd import install_crd
from e2e.demo.stage import Stage, StoryError
from e2e.demo.story import tell
from e2e.webhook import Webhook


def main() -> int:
    """Tell the story; end with 1 if a step does not come out as told."""
    arguments = _parse()
    try:
        print("booting etcd, kube-apiserver and kube-controller-manager ...", flush=True)
        plane = ControlPlane().start()
    except (ClusterError, ToolchainError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    webhook = Webhook(plane)
    try:
        print(plane.kubectl("version").stdout.strip())
        install_crd(plane)
        webhook.write_certificate()
        webhook.start()
        tell(Stage(webhook))
    except (ClusterError, StoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    else:
        print("\nEverything came out as told.")
        return 0
    finally:
        _end(plane, webhook, keep=arguments.keep)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m e2e.demo", description=__doc__)
    parser.add_argument(
        "--keep", action="store_true", help="leave it all up, and say how to use it"
    )
    return parser.parse_args()


def _end(plane: ControlPlane, webhook: Webhook, *, keep: bool) -> None:
    if not keep:
        webhook.stop()
        plane.stop()
        return
    plane.detach()
    print("\nIt is all still up:")
    print(f"  export KUBECONFIG={plane.kubeconfig}")
    print(f'  export PATH="{plane.tools.kubectl.parent}:$PATH"')
    print(f"  logs: {plane.folder / 'logs'}")
    print(f"  stop it: cd {ROOT} && {sys.executable} -m e2e.cluster down {plane.folder}")


if __name__ == "__main__":
    sys.exit(main())
