"""What loading gives: objects whose fields have places, and what was not read.

Apart, so that whoever judges and prints needs none of the readers.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from revet.cli.load.places import Place, Tree

Origin = Literal["file", "helm", "kustomize", "cluster"]
"""Only what comes from a "file" can be written back."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where documents come from.

    `file` is as the person typed it, or below what they typed. For a chart it is the template,
    for a kustomization the folder; places in both are those of the rendered text.
    """

    file: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Document:
    """One object of Kubernetes: it has an apiVersion and a kind. `value` is not to be changed.

    `index` counts the documents of the text from 0; the items of a List share one, and `pointer`
    tells which of them it is (`/items/3`; empty where there is no List). `tree` is the text's,
    `own` the object's alone.
    """

    source: Source
    index: int
    pointer: str
    value: dict[str, Any]
    tree: Tree = field(repr=False)
    own: Tree = field(repr=False)

    @property
    def is_live(self) -> bool:
        """Whether it was read from a cluster: it stands in no text."""
        return self.source.origin == "cluster"

    def locate(self, pointer: str) -> Place:
        """Return the place of a field of this object, or of its nearest parent that is there."""
        return self.own.locate(pointer)


@dataclass(frozen=True, slots=True)
class InputProblem:
    """Something that cannot be read: bad input. All else is read all the same."""

    file: str
    line: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was found and is not checked, and why.

    `undecided`: whoever named it meant something to be there, so it is no pass.
    """

    file: str
    reason: str
    undecided: bool = False


Loaded: TypeAlias = Document | InputProblem | Skipped
