"""Shows on a terminal how far long work has come; says nothing where nobody looks."""

import sys
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Final, TypeVar

#: Work that takes no longer needs no bar.
_PATIENCE_S: Final = 1.0

_Item = TypeVar("_Item")


def track(
    items: Iterable[_Item],
    label: str,
    total: int | None = None,
    *,
    clock: Callable[[], float] = monotonic,
) -> Iterator[_Item]:
    """Pass the items on, and show on stderr how many there were once it has taken a while."""
    if not sys.stderr.isatty():
        yield from items
        return
    start = clock()
    iterator = iter(items)
    for done, item in enumerate(iterator, start=1):
        yield item
        if clock() - start > _PATIENCE_S:
            yield from _show(iterator, label, done, total)


def _show(items: Iterator[_Item], label: str, done: int, total: int | None) -> Iterator[_Item]:
    # Imported here: rich takes longer than most checks.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, completed=done, total=total)
        for item in items:
            yield item
            progress.advance(task)
