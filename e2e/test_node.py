"""The node itself: a pod runs on it, and nothing of it outlives whoever has started it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from e2e.api import wait_for
from e2e.cluster.build import module_version
from e2e.node.stage import find_hindrance
from e2e.node.traces import find_traces

_ROOT: Final = Path(__file__).parents[1]
_GONE_S: Final = 60
_STARTER: Final = """\
import json

from e2e.node.contents import pause_content
from e2e.node.image import write_image
from e2e.node.stage import open_node

with open_node() as node:
    image = write_image(node.folder, "localhost/one", pause_content(node.programs.pause))
    node.add_image(image)
    spec = {"containers": [{"name": "one", "image": image.pinned}]}
    metadata = {"name": "one", "namespace": "default"}
    node.plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    node.plane.kubectl("wait", "pod/one", "--for=condition=Ready", "--timeout=90s")
    print(json.dumps([str(node.folder), sorted(node.namespaces)]), flush=True)
    input()
"""


def test_nothing_is_left_when_the_starter_is_killed() -> None:
    if hindrance := find_hindrance():
        pytest.skip(hindrance)
    with subprocess.Popen(
        [sys.executable, "-c", _STARTER],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        folder, namespaces = json.loads(starter.stdout.readline())
        kinds = {each.partition(" ")[0] for each in find_traces(Path(folder), namespaces)}
        starter.kill()
    assert kinds == {"process", "cgroup"}
    wait_for(lambda: not find_traces(Path(folder), namespaces), "nothing left", _GONE_S)
    wait_for(lambda: not Path(folder).parent.exists(), "its folder removed", _GONE_S)


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert find_hindrance() == "a node needs root"


def test_the_kubelet_is_of_the_control_planes_version() -> None:
    text = (_ROOT / "e2e/node/kubelet/go.mod").read_text(encoding="utf-8")
    assert re.findall(r"^\tk8s\.io/kubernetes (\S+)", text, re.MULTILINE) == [
        module_version("k8s.io/kubernetes")
    ]
