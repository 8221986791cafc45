"""An event of PyYAML's parser: what a node's beginning tells; apart, since its stubs say little."""

from typing import Final, Protocol

from yaml.events import ScalarEvent

from revet.cli.load import scalar

_MERGE: Final = "<<"
_MERGE_TAG: Final = "tag:yaml.org,2002:merge"


class _Mark(Protocol):
    line: int
    column: int


class Event(Protocol):
    """The beginning of a node; only a scalar has `value`. The stubs of PyYAML know no kinds."""

    anchor: str | None
    tag: str | None
    value: str
    implicit: tuple[bool, bool]
    start_mark: _Mark


def is_merge(event: Event) -> bool:
    """Say whether it is the key `<<`."""
    return (
        isinstance(event, ScalarEvent)
        and event.value == _MERGE
        and (event.implicit[0] or event.tag == _MERGE_TAG)
    )


def is_plain(event: Event) -> bool:
    """Say whether its text alone tells what it is; with the tag `!` alone it does not."""
    return event.implicit[0] and event.tag is None


def resolve(event: Event) -> scalar.Scalar:
    """Return what the scalar means."""
    if event.tag is not None:
        return scalar.resolve_tagged(event.tag, event.value)
    return scalar.resolve(event.value) if event.implicit[0] else event.value
