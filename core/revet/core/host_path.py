"""Paths of the node, as the kernel would resolve them: what lies within what."""

from posixpath import normpath


def normal_path(path: str) -> str:
    """Return a path without `.`, `..` and double slashes; /var/run is /run on every node.

    Other symbolic links of a node can't be seen from here.
    """
    plain = "/" + normpath(f"/{path}").lstrip("/")
    return plain.removeprefix("/var") if is_within(plain, "/var/run") else plain


def is_within(path: str, folder: str) -> bool:
    """Return whether a normal path is a folder, or lies below it."""
    return folder in {path, "/"} or path.startswith(f"{folder}/")
