"""A file with the fixes of all its documents, read anew to see that it says what is meant."""

import json
from bisect import bisect_left
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from revet.cli.check.fix.edit import Edit, Writer, apply
from revet.cli.check.fix.growth import Growth, grow
from revet.cli.check.fix.syntax import EditError, read_roots
from revet.cli.load import Document, Place
from revet.cli.load.places import TextError, Tree
from revet.cli.load.text import part_text, read_text
from revet.core.check import Json
from revet.core.pointer import split

_CHANGED: Final = "the file is not as it was when it was judged"
_NOT_READ: Final = "the text is written in a way that can't be extended"
_OTHERWISE: Final = "read again, the fixed text would not say what is meant"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be added to a document, with paths from the document."""

    document: Document
    growths: tuple[Growth, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document that stays as it is, and why."""

    document: Document
    reason: str


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The new text, and what had to be refused."""

    data: bytes
    refusals: tuple[Refusal, ...]


@dataclass(slots=True)
class _Group:
    """The wishes for one document of the text: the items of a List share one."""

    tree: Tree
    wishes: list[Wish] = field(default_factory=list)

    @property
    def place(self) -> Place:
        return self.tree.locate("")


def rewrite(data: bytes, wishes: Iterable[Wish]) -> Rewritten:
    """Write what is wished for into the text of one file; a document gets all or nothing."""
    mark = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    parts = list(part_text(data.removeprefix(BOM_UTF8)))
    firsts = [first for first, _ in parts]
    groups: list[list[_Group]] = [[] for _ in parts]
    for group in _group(wishes):
        groups[bisect_left(firsts, group.place.line) - 1].append(group)
    refusals: list[Refusal] = []
    written = [
        _write_part(part, first, here, refusals)
        for (first, part), here in zip(parts, groups, strict=True)
    ]
    return Rewritten(b"".join((mark, *written)), tuple(refusals))


def _group(wishes: Iterable[Wish]) -> list[_Group]:
    groups: dict[int, _Group] = {}
    for wish in wishes:
        tree = wish.document.tree
        groups.setdefault(id(tree), _Group(tree)).wishes.append(wish)
    return list(groups.values())


def _write_part(
    part: bytes, first_line: int, groups: Sequence[_Group], refusals: list[Refusal]
) -> bytes:
    # From the end: what stands above stays where it is.
    for group in sorted(groups, key=lambda each: each.place, reverse=True):
        try:
            part = _write(part, first_line, group, refusals)
        except EditError as error:
            refused = {id(each.document) for each in refusals}
            left = (each.document for each in group.wishes if id(each.document) not in refused)
            refusals += (Refusal(document, str(error)) for document in left)
    return part


def _write(part: bytes, first_line: int, group: _Group, refusals: list[Refusal]) -> bytes:
    before = list(_read(part))
    at = next((index for index, tree in enumerate(before) if _is_at(tree, group, first_line)), None)
    if at is None or not _is_same(before[at].value, group.tree.value):
        raise EditError(_CHANGED)
    text = part.decode()
    root = next((each for each in read_roots(text, first_line) if each.place == group.place), None)
    if root is None:
        raise EditError(_NOT_READ)
    writer = Writer(text, root)
    edits: list[Edit] = []
    growths: list[Growth] = []
    for wish in group.wishes:
        wanted = _from_root(wish)
        try:
            edits += [writer.edit(each) for each in wanted]
            growths += wanted
        except EditError as error:
            refusals.append(Refusal(wish.document, str(error)))
    fixed = apply(text, edits).encode()
    meant: list[object] = [tree.value for tree in before]
    meant[at] = grow(cast("Json", group.tree.value), growths)
    said = [tree.value for tree in _read(fixed)]
    if len(said) != len(meant) or not all(map(_is_same, said, meant)):
        raise EditError(_OTHERWISE)
    return fixed


def _from_root(wish: Wish) -> list[Growth]:
    prefix = split(wish.document.pointer)
    return [Growth((*prefix, *each.path), each.added, each.fills_null) for each in wish.growths]


def _read(part: bytes) -> Iterator[Tree]:
    for found in read_text(part):
        if isinstance(found, TextError):
            return
        yield found


def _is_at(tree: Tree, group: _Group, first_line: int) -> bool:
    line, column = tree.locate("")
    return group.place == Place(line + first_line, column)


def _is_same(one: object, other: object) -> bool:
    """Compare JSON values as JSON does: to Python 1, 1.0 and true are equal."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
