"""The table of attacks: what each must come to, what it came to, and the score."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tests.support.attacks import (  # noqa: F401 -- they register their attacks
    admission,
    attestations,
    floods,
    keyless,
    keys,
    layout,
    logs,
    platforms,
    reach,
    reference,
    registry,
    scans,
    signature,
)
from tests.support.attacks.case import CASES
from tests.support.attacks.stage import Stage, Told, World, open_world

TABLE: Final = Path(__file__).parents[2] / "data" / "attacks.yaml"
NOT_APPLICABLE: Final = "not applicable"
EXPECTED: Final = ("refused", "admitted", "unknown", NOT_APPLICABLE)


@dataclass(frozen=True)
class Row:
    """An attack, what must come of it, and what is said then; or why it can't be made."""

    id: str
    expected: str
    message: str

    def __str__(self) -> str:
        """Name it as tests do."""
        return self.id


@dataclass(frozen=True)
class Seen:
    """A row, and what came of it."""

    row: Row
    told: Told | None

    @property
    def is_wrong(self) -> bool:
        """Whether it came otherwise, or for another reason."""
        if self.told is None:
            return False
        return self.told.outcome != self.row.expected or self.row.message not in self.told.text


def read_rows() -> list[Row]:
    """Read the table."""
    return [Row(**each) for each in yaml.safe_load(TABLE.read_text(encoding="utf-8"))]


async def run(world: World, row: Row) -> Seen:
    """Do what a row says."""
    if row.expected == NOT_APPLICABLE:
        return Seen(row, None)
    return Seen(row, await CASES[row.id](Stage(world, f"name-{row.id}")))


async def run_all() -> list[Seen]:
    """Do what all rows say."""
    async with open_world() as world:
        return [await run(world, row) for row in read_rows()]


def score(seen: Iterable[Seen]) -> str:
    """Put it all into one line."""
    rows = list(seen)
    right = Counter(each.row.expected for each in rows if not each.is_wrong)
    wrong = sum(each.is_wrong for each in rows)
    # What can't be told is decided by onUnknown, which denies if nothing else is said.
    refused = right["refused"] + right["unknown"]
    return (
        f"attack list: {refused} refused, {right['admitted']} admitted as they must, "
        f"{right[NOT_APPLICABLE]} not applicable, {wrong} wrong"
    )
