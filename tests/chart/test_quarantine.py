"""Quarantine needs rights that the chart gives only where its values say so."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chart.charts import CHANGES, QUARANTINE, Values, render


def _rules(values: Values) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in render(values):
        for rule in each.get("rules", ()):
            yield f"{each['kind']}/{each['metadata']['name']}", rule


def test_pods_can_be_changed_where_the_values_say_so() -> None:
    rules = list(_rules({"operator.quarantine": True}))
    assert rules.count(QUARANTINE) == 1
    assert [role for role, rule in rules if "quarantine" in rule["verbs"]] == [QUARANTINE[0]]


@pytest.mark.parametrize("values", [{}, {**CHANGES, "operator.quarantine": False}])
def test_elsewhere_they_can_not(values: Values) -> None:
    rules = list(_rules(values))
    assert QUARANTINE not in rules
    assert not [role for role, rule in rules if "quarantine" in rule["verbs"]]
