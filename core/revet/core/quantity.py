"""Quantities by their value: the API server stores `1024Mi` as `1Gi`, and 1000 as `1k`.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from fractions import Fraction
from math import ceil
from typing import Final

_QUANTITY: Final = re.compile(
    r"([+-]?)(\d+\.?\d*|\.\d+)(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d{1,9}))?"
)
_BINARY: Final = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
#: What the API server makes of anything larger; and it keeps nothing below a nano.
_MOST: Final = Fraction(2**63 - 1)
_NANO: Final = 10**9
#: Beyond this every number is more than the most, or less than the least.
_LONGEST_EXPONENT: Final = 100


def read_quantity(text: str | float) -> Fraction | None:
    """Return the value of a quantity, as the API server would store it; None: it is none."""
    found = _QUANTITY.fullmatch(str(text))
    if found is None:
        return None
    sign, digits, binary, decimal, exponent = found.groups()
    value = Fraction(digits) * _scale(binary, decimal, exponent)
    rounded = min(Fraction(ceil(value * _NANO), _NANO), _MOST)
    return -rounded if sign == "-" else rounded


def _scale(binary: str | None, decimal: str | None, exponent: str | None) -> Fraction:
    if binary:
        return Fraction(1024) ** (_BINARY.index(binary) + 1)
    power = _DECIMAL[decimal] if decimal else int(exponent or 0)
    return Fraction(10) ** max(-_LONGEST_EXPONENT, min(_LONGEST_EXPONENT, power))
