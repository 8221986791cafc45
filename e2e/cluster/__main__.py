"""Builds, boots and stops a control plane by hand: `python -m e2e.cluster build|up|down FOLDER`."""

import argparse
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from e2e.cluster.build import build_tools
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import ClusterError
from e2e.cluster.toolchain import ROOT, ToolchainError
from e2e.cluster.watchdog import stop_recorded


def main() -> int:
    """Run one command; an error is one message, not a trace."""
    arguments = _parse()
    try:
        if arguments.command == "build":
            _build()
        elif arguments.command == "up":
            _up()
        else:
            _down(arguments.folder)
    except (ClusterError, ToolchainError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m e2e.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build the programs and say where they are")
    commands.add_parser("up", help="boot a cluster, leave it running, print its KUBECONFIG")
    down = commands.add_parser("down", help="stop a cluster that `up` left, remove its folder")
    down.add_argument("folder", type=Path, help="the folder that `up` has named")
    return parser.parse_args()


def _build() -> None:
    for name, path in asdict(build_tools()).items():
        print(f"{name}: {path}")


def _up() -> None:
    """Print shell commands, so that `eval "$(python -m e2e.cluster up)"` works."""
    plane = ControlPlane().start()
    plane.detach()
    print(f"export KUBECONFIG={plane.kubeconfig}")
    print(f'export PATH="{plane.tools.kubectl.parent}:{plane.tools.helm.parent}:$PATH"')
    print(f"# logs: {plane.folder / 'logs'}")
    print(f"# stop it: cd {ROOT} && {sys.executable} -m e2e.cluster down {plane.folder}")


def _down(folder: Path) -> None:
    folder = folder.resolve()
    if not (folder / "pids").is_dir():
        raise ClusterError(f"{folder} is not the folder of a cluster: it has no `pids` in it")
    stop_recorded(folder)
    shutil.rmtree(folder)
    print(f"stopped, and removed {folder}")


if __name__ == "__main__":
    sys.exit(main())
