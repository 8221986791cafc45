"""JSON pointers (RFC 6901): written by checks, walked by patches, shown as field paths."""

from itertools import pairwise
from typing import Final


def escape(token: str) -> str:
    """Return `token` as it stands in a pointer."""
    return token.replace("~", "~0").replace("/", "~1")


def split(pointer: str) -> list[str]:
    """Return the tokens of `pointer`; the empty pointer has none."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def join(*tokens: str) -> str:
    """Return the pointer that walks `tokens`."""
    return "".join(f"/{escape(token)}" for token in tokens)


NAMESPACE: Final = "/metadata/namespace"


def absolute(prefix: str, pointer: str) -> str:
    """Return the place in the object of a `pointer` that starts at the template at `prefix`.

    The namespace is the object's own: a template has none.
    """
    return pointer if pointer == NAMESPACE else prefix + pointer


def field_path(pointer: str) -> str:
    """Return `pointer` as Kubernetes writes fields: `spec.containers[0].image`.

    A key that is no plain word stands in brackets: `metadata.annotations[example.com/key]`.
    """
    tokens = split(pointer)
    path = ".".join(tokens[:1])
    for before, token in pairwise(tokens):
        if token.isdigit() or before in {"annotations", "labels"}:
            path += f"[{token}]"
        else:
            path += f".{token}"
    return path
