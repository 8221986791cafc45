"""Quantities have the value that the API server gives them."""

from fractions import Fraction

import pytest

from revet.core.quantity import read_quantity


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        (("1Gi", "1024Mi", "1073741824", 2**30, "1048576Ki"), Fraction(2**30)),
        (("500m", "0.5", ".5", "5e-1", "500000u", "+0.5", 0.5), Fraction(1, 2)),
        (("1k", "1000", "1e3", "1E3", "1000.", "0.001M"), Fraction(1000)),
        (("1E", "1e18"), Fraction(10**18)),
        (("-1", "-1000m"), Fraction(-1)),
        (("0", "0Gi", "0e9"), Fraction(0)),
        # Nothing is smaller than a nano, and nothing larger than 64 bits.
        (("1n", "0.0000000001", "1e-99999"), Fraction(1, 10**9)),
        (("99E", "1e999999999", "8Ei"), Fraction(2**63 - 1)),
    ],
)
def test_texts_of_one_value(texts: tuple[str | float, ...], value: Fraction) -> None:
    assert {read_quantity(text) for text in texts} == {value}


@pytest.mark.parametrize("text", ["", "many", "1 Gi", "1gi", "1.2.3", ".", "1e", "Mi"])
def test_what_is_none_has_no_value(text: str) -> None:
    assert read_quantity(text) is None
