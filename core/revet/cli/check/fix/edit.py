"""Growths of one document to insertions into its text: comments, order and quoting stay."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from revet.cli.check.fix.growth import Growth
from revet.cli.check.fix.snippet import write_block, write_flow
from revet.cli.check.fix.syntax import Branch, EditError, Leaf, Node, Root
from revet.core.check import Json
from revet.core.pointer import field_path, join

_BRACKETS: Final = ("}", "]")
_INDENT: Final = 2


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Put `text` in place of `start` to `end`; of several at one place the deeper one first."""

    start: int
    shallowness: int
    end: int
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Carry out edits, none of which overlaps another."""
    parts: list[str] = []
    here = 0
    for each in sorted(edits):
        parts += (text[here : each.start], each.text)
        here = each.end
    return "".join((*parts, text[here:]))


class Writer:
    """Writes into one document, in its own manner."""

    def __init__(self, text: str, root: Root) -> None:
        self._text = text
        self._root = root
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._is_json = _is_json(text, root.node)
        self._indents_sequences = any(each > 0 for each in _offsets(root.node, is_mapping=False))
        self._step = next(_offsets(root.node, is_mapping=True), _INDENT)

    def edit(self, growth: Growth) -> Edit:
        """Return what writes a growth.

        Raises:
            EditError: it can't be written at its place, and why.

        """
        node = self._find(growth.path)
        depth = -len(growth.path)
        if isinstance(node, Leaf):
            return self._fill(node, growth, depth)
        if not node.is_flow:
            return self._extend_block(node, growth, depth)
        return self._extend_flow(node, growth, depth)

    def _find(self, path: Sequence[str]) -> Node:
        node = self._root.node
        self._refuse_shared(node, ())
        for depth, token in enumerate(path, start=1):
            node = _child(node, token, path[:depth])
            self._refuse_shared(node, path[:depth])
        return node

    def _refuse_shared(self, node: Node, path: Sequence[str]) -> None:
        if isinstance(node, Leaf) and node.is_alias:
            raise EditError(f"{_name(path)} is an alias, so a fix would change other places too")
        if node.anchor in self._root.used_anchors:
            raise EditError(
                f"{_name(path)} has the anchor &{node.anchor}, so a fix would change other places"
                " too"
            )

    def _fill(self, leaf: Leaf, growth: Growth, depth: int) -> Edit:
        """Write a value where null stands, or where nothing does behind a colon."""
        if not growth.fills_null or leaf.anchor is not None:
            raise EditError(f"{_name(growth.path)} is written in a way that can't be extended")
        value = write_flow(growth.added, is_json=self._is_json)
        if leaf.start == leaf.end and self._text[leaf.start - 1 : leaf.start] == ":":
            value = f" {value}"
        return Edit(leaf.start, depth, leaf.end, value)

    def _extend_block(self, branch: Branch, growth: Growth, depth: int) -> Edit:
        lines = write_block(
            growth.added, indent=self._step, indents_sequences=self._indents_sequences
        )
        column = branch.column
        if not branch.is_mapping and branch.anchor is not None:
            raise EditError(f"{_name(growth.path)} has an anchor before its dashes")
        indented = [" " * column + line for line in lines]
        end = branch.end
        if self._text[end - 1 : end] == "\n":  # below a text that keeps its last lines
            return Edit(end, depth, end, "".join(line + self._newline for line in indented))
        at = self._text.find("\n", end)
        at = len(self._text) if at < 0 else at - (self._text[at - 1] == "\r")
        return Edit(at, depth, at, "".join(self._newline + line for line in indented))

    def _extend_flow(self, branch: Branch, growth: Growth, depth: int) -> Edit:
        close = branch.end - 1
        if self._text[close] not in _BRACKETS:
            raise EditError(f"{_name(growth.path)} has no brackets to write in")
        if not branch.items:
            return Edit(close, depth, close, ", ".join(self._entries(growth.added, None)))
        last = branch.items[-1].end
        first_of_last = branch.keys[-1] if branch.is_mapping else branch.items[-1]
        margin = self._margin(first_of_last.start)
        if margin is None:
            text = "".join(f", {each}" for each in self._entries(growth.added, None))
        else:
            unit = self._unit(margin, close)
            entries = self._entries(growth.added, unit)
            between = "," + self._newline + margin
            text = "".join(between + each.replace("\n", self._newline + margin) for each in entries)
        return Edit(last, depth, last, text)

    def _entries(self, added: Json, indent: int | None) -> Iterator[str]:
        if isinstance(added, dict):
            for key, value in added.items():
                name = write_flow(key, is_json=self._is_json)
                yield f"{name}: {write_flow(value, is_json=self._is_json, indent=indent)}"
        elif isinstance(added, list):
            for item in added:
                yield write_flow(item, is_json=self._is_json, indent=indent)

    def _margin(self, at: int) -> str | None:
        """Return what stands before a node in its line; None where that is not only space."""
        margin = self._text[self._text.rfind("\n", 0, at) + 1 : at]
        return margin if margin.isspace() or not margin else None

    def _unit(self, margin: str, close: int) -> int:
        outer = self._margin(close)
        return max(len(margin) - len(outer), 1) if outer is not None else _INDENT


def _child(node: Node, token: str, path: Sequence[str]) -> Node:
    if isinstance(node, Branch) and node.is_mapping:
        for key, value in zip(node.keys, node.items, strict=True):
            if isinstance(key, Leaf) and not key.is_alias and key.text == token:
                return value
        raise EditError(f"{_name(path)} is merged from elsewhere (<<)")
    if isinstance(node, Branch) and token.isdecimal() and int(token) < len(node.items):
        return node.items[int(token)]
    raise EditError(f"{_name(path)} is not found in the text")


def _is_json(text: str, node: Node) -> bool:
    return (
        isinstance(node, Branch)
        and node.is_flow
        and bool(node.keys)
        and text[node.keys[0].start] == '"'
    )


def _offsets(node: Node, *, is_mapping: bool) -> Iterator[int]:
    """Yield how much further right than their keys mappings, or lists, stand."""
    if isinstance(node, Leaf) or node.is_flow:
        return
    for each in node.items:
        if isinstance(each, Branch) and not each.is_flow:
            if node.is_mapping and each.is_mapping is is_mapping:
                yield each.column - node.column
            yield from _offsets(each, is_mapping=is_mapping)


def _name(path: Sequence[str]) -> str:
    return field_path(join(*path)) or "the whole document"
