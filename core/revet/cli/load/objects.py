"""Texts to objects of Kubernetes: Lists are parted, what is no object is told."""

from collections.abc import Callable, Iterator
from typing import Any

from revet.cli.load.document import Document, InputProblem, Loaded, Skipped, Source
from revet.cli.load.places import TextError, Tree
from revet.cli.load.text import read_text


def read_objects(data: bytes, source_at: Callable[[int], Source]) -> Iterator[Loaded]:
    """Read all objects of a text; `source_at` names where a line of it comes from."""
    is_json = source_at(1).file.endswith(".json")
    for index, found in enumerate(read_text(data, is_json=is_json)):
        if isinstance(found, TextError):
            line = found.place.line if found.place else None
            column = f" (column {found.place.column})" if found.place else ""
            yield InputProblem(source_at(line or 1).file, line, f"{found}{column}")
        elif found.value is not None:
            source = source_at(found.locate("").line)
            yield from _read_object(source, index, found, "", found.value)


def _read_object(
    source: Source, index: int, tree: Tree, pointer: str, value: object
) -> Iterator[Loaded]:
    line = tree.locate(pointer).line
    if not isinstance(value, dict):
        yield Skipped(source.file, f"line {line}: not an object of Kubernetes: it has no fields")
        return
    kind = value.get("kind")
    missing = [name for name in ("apiVersion", "kind") if not value.get(name)]
    if missing:
        said = " and no ".join(missing)
        yield Skipped(source.file, f"line {line}: not an object of Kubernetes: it has no {said}")
        return
    for name in ("apiVersion", "kind"):
        if not isinstance(value[name], str):
            at = tree.locate(f"{pointer}/{name}").line
            yield InputProblem(source.file, at, f"{name} is {value[name]!r}: must be a text")
            return
    if str(kind).endswith("List") and isinstance(value.get("items"), list):
        yield from _read_items(source, index, tree, pointer, value)
        return
    yield Document(source, index, pointer, value, tree)


def _read_items(
    source: Source, index: int, tree: Tree, pointer: str, value: dict[str, Any]
) -> Iterator[Loaded]:
    # The items of a PodList need not say what they are; a server's do not.
    own = {"apiVersion": value["apiVersion"], "kind": value["kind"].removesuffix("List")}
    for position, item in enumerate(value["items"]):
        if isinstance(item, dict) and own["kind"]:
            item = {**item, **{name: item.get(name) or own[name] for name in own}}  # noqa: PLW2901
        yield from _read_object(source, index, tree, f"{pointer}/items/{position}", item)
