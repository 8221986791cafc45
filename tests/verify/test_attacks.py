"""Every row of the attack list comes to what it must, for the reason that it must."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.attacks.case import CASES
from tests.support.attacks.stage import World, open_world
from tests.support.attacks.table import EXPECTED, NOT_APPLICABLE, Row, Seen, read_rows, run, score

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS = read_rows()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    """Give what all attacks share."""
    async with open_world() as shared:
        yield shared


@pytest.mark.parametrize("row", [each for each in ROWS if each.expected != NOT_APPLICABLE], ids=str)
async def test_an_attack(world: World, row: Row) -> None:
    seen = await run(world, row)
    assert seen.told is not None
    assert (seen.told.outcome, row.message in seen.told.text) == (row.expected, True), seen.told


async def test_the_list_is_whole() -> None:
    assert {each.expected for each in ROWS} == set(EXPECTED)
    ids = [each.id for each in ROWS]
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    assert {each.id for each in ROWS if each.expected != NOT_APPLICABLE} == set(CASES)
    assert all(each.message for each in ROWS if each.expected != "admitted")


async def test_the_score_counts_what_went_wrong() -> None:
    right = Row("wrong-key", "refused", "none of the policy's keys")
    wrong = Row("wrong-key", "admitted", "none of the policy's keys")
    other = Row("wrong-key", "refused", "for a reason that nobody gave")
    none = Row("none", NOT_APPLICABLE, "it can't be")
    async with open_world() as shared:
        seen: list[Seen] = [await run(shared, each) for each in (right, wrong, other, none)]
    assert score(seen) == (
        "attack list: 1 refused, 0 admitted as they must, 1 not applicable, 2 wrong"
    )
