"""The demo itself: its story must come out as told, for it is what a newcomer sees first."""

import subprocess
import sys

import pytest

from e2e.cluster.target import Cluster
from e2e.cluster.toolchain import ROOT


def test_the_story_comes_out_as_told(cluster: Cluster) -> None:
    if cluster.control_plane is None:
        pytest.skip("the demo boots a control plane of its own: REVET_E2E_CLUSTER=local")
    argv = [sys.executable, "-m", "e2e.demo"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything came out as told." in done.stdout
