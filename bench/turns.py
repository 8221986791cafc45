"""The order in which contenders are measured; apart, so that all parts are fair in the same way."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def take_turns(contenders: Sequence[T], rounds: int) -> Iterator[T]:
    """Give each its turn in each round.

    Every second round goes backwards, and every two rounds another one starts: nobody has the best
    place, and nobody always follows the same one, whose leftovers it would bear.
    """
    for number in range(rounds):
        first = number // 2 % len(contenders)
        turn = [*contenders[first:], *contenders[:first]]
        yield from reversed(turn) if number % 2 else turn
