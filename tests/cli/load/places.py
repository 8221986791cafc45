"""What holds for all places, whatever they were read from."""

from collections.abc import Iterator

from revet.cli.load.places import Tree
from revet.core.pointer import escape, split


def list_pointers(value: object, pointer: str = "") -> Iterator[str]:
    """Return the pointers of a value and of all below it."""
    yield pointer
    if isinstance(value, dict):
        for key, child in value.items():
            yield from list_pointers(child, f"{pointer}/{escape(key)}")
    if isinstance(value, list):
        for index, child in enumerate(value):
            yield from list_pointers(child, f"{pointer}/{index}")


def check_key_places(tree: Tree, text: str) -> None:
    """Check that at each field's place its key begins; keys are quoted in this text."""
    lines = text.split("\n")
    for pointer in list_pointers(tree.value):
        token = ["", *split(pointer)][-1]
        place = tree.locate(pointer)
        at = lines[place.line - 1][place.column - 1 :]
        if token and not token.isdecimal():
            start = token[:1] if token[:1].isalnum() and token[:1].isascii() else ""
            assert at.startswith(f'"{start}'), (pointer, place)
