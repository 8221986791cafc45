"""Paths of the node, as the kernel would resolve them: what lies within what."""

import re
from posixpath import normpath
from typing import Final

#: The root or the working folder of a process, which for most of the node's own is its root; and
#: of the process that is found there, and so on: all in one go, a path may be a megabyte.
_PROCESS_ROOTS: Final = re.compile(
    r"(?:/proc/(?:[0-9]+|self|thread-self)(?:/task/[0-9]+)?/(?:root|cwd)(?=/|$))+"
)


def normal_path(path: str) -> str:
    """Return a path without `.`, `..` and double slashes; /var/run is /run on every node.

    Other symbolic links of a node can't be seen from here.
    """
    plain = plain_path(path)
    return plain.removeprefix("/var") if is_within(plain, "/var/run") else plain


def plain_path(path: str) -> str:
    """Return a path without `.`, `..` and double slashes, as it stands otherwise."""
    return "/" + normpath(f"/{path}").lstrip("/")


def reached_path(path: str) -> str:
    """Return the path that a mount would reach: /proc/1/root is the node's root once more."""
    plain = normal_path(path)
    found = _PROCESS_ROOTS.match(plain)
    return normal_path(plain[found.end() :]) if found else plain


def is_within(path: str, folder: str) -> bool:
    """Return whether a normal path is a folder, or lies below it."""
    return folder in ("/", path) or path.startswith(f"{folder}/")
