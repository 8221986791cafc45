"""`python -m e2e.demo [--keep]`: boots a control plane and tells the story on it."""

import argparse
import sys

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import ClusterError
from e2e.cluster.toolchain import ROOT, ToolchainError
from e2e.demo.stage import Stage, StoryError
from e2e.demo.story import tell
from e2e.release import NAME, NAMESPACE, Release


def main() -> int:
    """Tell the story; end with 1 if a step does not come out as told."""
    arguments = _parse()
    try:
        print("booting etcd, kube-apiserver and kube-controller-manager ...", flush=True)
        plane = ControlPlane().start()
    except (ClusterError, ToolchainError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    release = Release(plane)
    try:
        print(plane.kubectl("version").stdout.strip())
        stage = Stage(release)
        tell(stage, stay=arguments.keep)
        stage.show_figures()
    except (ClusterError, StoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    else:
        print("\nEverything came out as told.")
        return 0
    finally:
        _end(release, keep=arguments.keep)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m e2e.demo", description=__doc__)
    parser.add_argument(
        "--keep", action="store_true", help="leave it all up, and say how to use it"
    )
    return parser.parse_args()


def _end(release: Release, *, keep: bool) -> None:
    plane = release.plane
    if not keep:
        release.stop()
        plane.stop()
        return
    plane.detach()
    folders = f"{plane.tools.kubectl.parent}:{plane.tools.helm.parent}:{ROOT / '.venv' / 'bin'}"
    print("\nIt is all still up:")
    print(f"  export KUBECONFIG={plane.kubeconfig}")
    print(f'  export PATH="{folders}:$PATH"')
    print(f"  logs: {plane.folder / 'logs'}")
    print(f"  how it goes again: revet cleanup && helm uninstall {NAME} --namespace={NAMESPACE}")
    print(f"  stop it: cd {ROOT} && {sys.executable} -m e2e.cluster down {plane.folder}")


if __name__ == "__main__":
    sys.exit(main())
