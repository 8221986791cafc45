"""Random pods near the boundaries of the Pod Security Standards, for comparing two judges of pods.

Apart from the tests, so that one generator serves both the fast comparison of many pods and
hypothesis with its shrinking. Every pod has the API's types, so that the API server's decoder takes
it; not every one is valid, because a webhook sees pods before they are validated.
"""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from hypothesis import strategies as st

from e2e.dice import Dice, Object
from e2e.fields import METADATA, SPEC


class Question(NamedTuple):
    """A pod, and the standard by which it is to be judged."""

    level: str
    version: str
    pod: Object


LEVELS = ("restricted", "restricted", "baseline")
VERSIONS = ("latest", *(f"v1.{minor}" for minor in range(37)))
# The versions at which a check changes, each with the one before it.
EDGES = tuple(
    f"v1.{minor}" for new in (8, 19, 22, 23, 25, 27, 29, 31, 32, 34, 35) for minor in (new - 1, new)
)


def make_question(random: Random) -> Question:
    """Make one question of the draws of `random`."""
    dice = Dice(random.random)
    version = dice.pick(VERSIONS if dice.happens(0.5) else ("latest", *EDGES))
    level = dice.pick(LEVELS)
    metadata, spec = dice.fill(METADATA), dice.fill(SPEC)
    return Question(
        level, version, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    )


def nth_question(seed: int, number: int) -> Question:
    """Make one question of a seed's. It depends on both numbers only, so it can be made again."""
    return make_question(Random(f"{seed}/{number}"))


def generate_questions(seed: int, count: int) -> Iterator[Question]:
    """Make the first `count` questions of a seed."""
    return (nth_question(seed, number) for number in range(count))


def questions() -> st.SearchStrategy[Question]:
    """Give hypothesis the same questions: it shrinks a failing one towards a plain pod."""
    return st.builds(make_question, st.randoms(use_true_random=False))
