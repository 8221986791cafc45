"""Selects the pods that are none of some: a selector has no "not", so it takes several of them.

NetworkPolicies add up, so what one selector can't say, several that each say a part of it can.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Final

from revet.core.model.selector import LabelSelector, Operator, Requirement

_OPPOSITE: Final = {
    Operator.IN: Operator.NOT_IN,
    Operator.NOT_IN: Operator.IN,
    Operator.EXISTS: Operator.DOES_NOT_EXIST,
    Operator.DOES_NOT_EXIST: Operator.EXISTS,
}
#: More objects than these for one line of a policy are no help to anybody.
_MOST: Final = 16


def select_none_of(selectors: Sequence[LabelSelector]) -> list[LabelSelector] | None:
    """Return selectors that together match exactly what none of `selectors` does.

    None where that takes too many of them.
    """
    negated = [list(_negate(each)) for each in selectors]
    if prod(len(each) for each in negated) > _MOST:
        return None
    # A term that two of them share counts once.
    terms = [tuple(dict.fromkeys(each)) for each in product(*negated)]
    return [
        LabelSelector.model_construct(match_labels={}, match_expressions=each) for each in terms
    ]


def _negate(selector: LabelSelector) -> Iterator[Requirement]:
    """Yield terms of which one holds where the selector does not match."""
    for key, value in selector.match_labels.items():
        yield Requirement(key=key, operator=Operator.NOT_IN, values=(value,))
    for each in selector.match_expressions:
        yield Requirement(key=each.key, operator=_OPPOSITE[each.operator], values=each.values)
