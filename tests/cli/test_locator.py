"""A Locator says the same whatever was asked before, of a List as of its items' own trees."""

import io
from pathlib import Path

from revet.cli.load import Document, Renderers, find_inputs, load
from revet.cli.load.places import Locator

TEXT = """\
kind: List
apiVersion: v1
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: a, annotations: {example.com/x~y: z}}
  spec:
    containers:
    - name: app
      image: x
    - {name: side, ports: [{hostPort: 1}, {hostPort: 2}]}
    hostPID: true
"""
POINTERS = (
    "/spec/containers/1/ports/1/hostPort",
    "/spec/containers/0/securityContext/capabilities/drop",
    "/spec/containers/0/securityContext/0",
    "/spec/containers/7/name",
    "/spec/containers/x",
    "/spec/hostPID",
    "/spec/hostPID/deeper",
    "/metadata/annotations/example.com~1x~0y",
    "/metadata/annotations/example.com",
    "/spec",
    "",
)


def test_it_agrees_with_the_tree(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text(TEXT, encoding="utf-8")
    (document,) = load(find_inputs([str(path)]), Renderers(), io.BytesIO())
    assert isinstance(document, Document)
    locator = Locator(document.tree)
    for pointer in (*POINTERS, *reversed(POINTERS)):
        assert locator.locate(document.pointer + pointer) == document.locate(pointer), pointer
    lines = {pointer: document.locate(pointer).line for pointer in POINTERS}
    assert lines["/spec/containers/1/ports/1/hostPort"] == 11
    assert lines["/spec/containers/0/securityContext/0"] == 9
