"""helm, built here, apart from the settings and caches of whoever runs us: `python -m e2e.helm`."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from e2e.cluster.build import build_tool
from e2e.cluster.process import ClusterError
from e2e.cluster.toolchain import ROOT

CHART: Final = ROOT / "charts" / "revet"
_TIMEOUT_S: Final = 120


class Helm:
    """helm with a folder of its own; with a kubeconfig it reaches that cluster."""

    def __init__(self, folder: Path, kubeconfig: Path | None = None) -> None:
        self._program = build_tool("helm")
        self._environ = environment(folder)
        if kubeconfig is not None:
            self._environ["KUBECONFIG"] = str(kubeconfig)

    def run(
        self, *args: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run it; with `check`, an exit code other than 0 is an error with helm's own words."""
        result = subprocess.run(
            [self._program, *args],
            env=self._environ,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
        if check and result.returncode != 0:
            raise ClusterError(
                f"`helm {' '.join(args)}` ended with exit code {result.returncode}:\n"
                f"{result.stderr}{result.stdout}"
            )
        return result


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which helm keeps its files in this folder."""
    kinds = ("CACHE", "CONFIG", "DATA")
    homes: Mapping[str, str] = {f"HELM_{kind}_HOME": str(folder / kind.lower()) for kind in kinds}
    rest = {key: value for key, value in os.environ.items() if not key.startswith("HELM_")}
    return {**rest, **homes}


def main() -> int:
    """Run helm with the arguments of the command line."""
    with tempfile.TemporaryDirectory(prefix="revet-helm-") as folder:
        argv = [str(build_tool("helm")), *sys.argv[1:]]
        return subprocess.run(argv, env=environment(Path(folder)), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
