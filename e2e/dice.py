"""Random choice of field values in the mood of one pod.

Apart from the pods so that how often a value is bad is decided in one place.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Json = Any
Object = dict[str, Json]


class Absent:
    """Marks a field that is left out; None is an explicit null."""


ABSENT = Absent()
UNSET = (ABSENT, None)


class Field(NamedTuple):
    """Values of one field. A function among them makes the value, so that no two pods share it."""

    tidy: Sequence[Json]
    """Values that the strictest check wants, or lets pass if it wants none."""
    fine: Sequence[Json]
    """Values that are no breach by themselves; a restricted check may want another."""
    bad: Sequence[Json] = ()
    """Values that break some check at some version, or nearly so."""


class Dice:
    """Draws values. A draw of 0.0 gives the plainest, for hypothesis shrinks towards that."""

    # (how often a field is tidy, how often it is bad). Most pods have no more than one or two bad
    # fields, because only those tell the checks apart.
    MOODS = (
        (0.0, 0.0),
        (1.0, 0.0),
        (1.0, 0.01),
        (0.99, 0.02),
        (0.97, 0.02),
        (0.9, 0.03),
        (0.7, 0.1),
        (0.2, 0.4),
    )

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        tidy, bad = self.pick(self.MOODS)
        self._bad_from = 1.0 - bad
        self._tidy_from = self._bad_from * (1.0 - tidy)

    def pick(self, options: Sequence[Json]) -> Json:
        """Choose one of the options, each as likely as any other."""
        chosen = options[int(self._draw() * len(options))]
        return chosen(self) if callable(chosen) else chosen

    def happens(self, chance: float) -> bool:
        """Say yes this often."""
        return self._draw() > 1.0 - chance

    def value(self, field: Field) -> Json:
        """Choose a value of this field, in the pod's mood."""
        draw = self._draw()
        if draw >= self._bad_from and field.bad:
            return self.pick(field.bad)
        return self.pick(field.tidy if draw >= self._tidy_from else field.fine)

    def fill(self, fields: Mapping[str, Field]) -> Object:
        """Make an object, field by field."""
        values = ((name, self.value(field)) for name, field in fields.items())
        return {name: value for name, value in values if value is not ABSENT}


def nest(fields: Mapping[str, Field]) -> Callable[[Dice], Object]:
    """Make a value function of an object's fields."""
    return lambda dice: dice.fill(fields)


def fixed(*items: Json) -> Callable[[Dice], list[Json]]:
    """Make a value function that gives a new list of these items."""
    return lambda _: list(items)


def some(pool: Sequence[Json], most: int = 2) -> Callable[[Dice], list[Json]]:
    """Make a value function that gives a list of one to `most` items of the pool."""
    return lambda dice: [dice.pick(pool) for _ in range(dice.pick(range(1, most + 1)))]


def empty(_: Dice) -> Object:
    """Make an empty object."""
    return {}
