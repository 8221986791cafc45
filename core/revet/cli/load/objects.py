"""Texts to objects of Kubernetes: Lists are parted, what is no object is told."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from revet.cli.load.document import Document, InputProblem, Loaded, Skipped, Source
from revet.cli.load.places import TextError, Tree
from revet.cli.load.text import read_text

_NAMES: Final = ("apiVersion", "kind")
_NONE: Final[Mapping[str, str]] = {}


def read_objects(data: bytes, source_at: Callable[[int], Source]) -> Iterator[Loaded]:
    """Read all objects of a text; `source_at` names where a line of it comes from."""
    is_json = source_at(1).file.lower().endswith(".json")
    for index, found in enumerate(read_text(data, is_json=is_json)):
        if isinstance(found, TextError):
            line = found.place.line if found.place else None
            column = f" (column {found.place.column})" if found.place else ""
            yield InputProblem(source_at(line or 1).file, line, f"{found}{column}")
        elif found.value is not None:
            source = source_at(found.locate("").line)
            yield from _Reader(source, index, found).read(found, "")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the objects of one document; `own` is an item's part of it."""

    source: Source
    index: int
    tree: Tree

    def read(
        self, own: Tree, pointer: str, defaults: Mapping[str, str] = _NONE
    ) -> Iterator[Loaded]:
        file, line = self.source.file, own.locate("").line
        value = own.value
        if not isinstance(value, dict):
            yield Skipped(file, f"line {line}: not an object of Kubernetes: it has no fields")
            return
        if defaults:
            value = {**value, **{name: value.get(name) or defaults[name] for name in defaults}}
        missing = [name for name in _NAMES if not value.get(name)]
        if missing:
            said = " and no ".join(missing)
            yield Skipped(file, f"line {line}: not an object of Kubernetes: it has no {said}")
            return
        for name in _NAMES:
            if not isinstance(value[name], str):
                at = own.locate(f"/{name}").line
                yield InputProblem(file, at, f"{name} is {value[name]!r}: must be a text")
                return
        if value["kind"].endswith("List") and isinstance(value.get("items"), list):
            yield from self._read_items(own, pointer, value)
            return
        yield Document(self.source, self.index, pointer, value, self.tree, own)

    def _read_items(self, own: Tree, pointer: str, value: dict[str, Any]) -> Iterator[Loaded]:
        # The items of a PodList need not say what they are; a server's do not.
        kind = value["kind"].removesuffix("List")
        defaults = {"apiVersion": value["apiVersion"], "kind": kind} if kind else _NONE
        for position, item in enumerate(own.items("items")):
            yield from self.read(item, f"{pointer}/items/{position}", defaults)
