"""The demo itself: its story must come out as told, for it is what a newcomer sees first."""

import re
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
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    story, _, measured = done.stdout.partition("\nMeasured")
    assert "✗" not in story
    assert len(re.findall(r"^\d+\. ", story, re.MULTILINE)) == 18
    figures = dict(re.findall(r"^   (\S.*?) {2,}([\d.]+) (?:s|MiB)$", measured, re.MULTILINE))
    assert set(figures) == {
        "operator started to leading",
        "policy applied to Enforcing",
        "NetworkPolicies deleted to back",
        "Pod Security label changed to back",
        "operator killed and restarted to all put back",
        "helm uninstall to nothing left",
        "the operator's memory (RSS)",
    }
    # What is promised of a foreign edit.
    for name in ("NetworkPolicies deleted to back", "Pod Security label changed to back"):
        assert 0 < float(figures[name]) <= 5
    assert 20 < float(figures["the operator's memory (RSS)"]) < 512  # the chart's limit
    assert measured.endswith("\nEverything came out as told.\n")
