"""Whether a node can be had on this machine; and one, with a control plane, for tests."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import ClusterError
from e2e.node.build import find_node, find_program
from e2e.node.node import Node
from e2e.node.traces import find_traces

_PROGRAMS: Final = ("ip", "mount", "nft", "nsenter", "runc", "unshare")


def find_hindrance() -> str:
    """Say why no node can be had here; empty if one can."""
    if os.geteuid() != 0:
        return "a node needs root"
    missing = [name for name in _PROGRAMS if find_program(name) is None]
    if missing:
        return f"a node needs {', '.join(missing)}: see docs/development/cluster.md"
    room = ["unshare", "--mount", "--net", "--pid", "--fork", "true"]
    tried = subprocess.run(room, capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"a node needs namespaces of its own: {tried.stderr.strip()}"
    if find_node() is None:
        return "the programs of a node are not built: make node, some minutes of CPU time"
    return ""


@contextmanager
def open_node() -> Iterator[Node]:
    """Give a node; at the end nothing may be left of it.

    Raises:
        ClusterError: something is.

    """
    programs = find_node()
    if programs is None:
        raise ClusterError(find_hindrance())
    with ControlPlane(has_nodes=True) as plane:
        with Node(plane, programs) as node:
            yield node
            ours = (node.folder, node.namespaces)
        if left := find_traces(*ours):
            raise ClusterError(f"a node has left behind: {'; '.join(left)}")
