"""Measured values and the bars that they must clear; apart, so that all benches print the same."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One measured value. Without a bar it is only told."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_short(self) -> bool:
        """Say whether it misses its bar."""
        too_high = self.at_most is not None and self.value > self.at_most
        too_low = self.at_least is not None and self.value < self.at_least
        return too_high or too_low

    @property
    def bar(self) -> str:
        """The bar as text, `-` for none."""
        bounds = (("<=", self.at_most), (">=", self.at_least))
        return ",".join(f"{sign}{bound:g}" for sign, bound in bounds if bound is not None) or "-"

    @property
    def line(self) -> str:
        """The line that scripts read."""
        verdict = "short" if self.is_short else "ok"
        return f"bench: {self.name} {format_value(self.value)} {self.unit} bar {self.bar} {verdict}"


def format_value(value: float) -> str:
    """Show four digits, so that a value a thousandth beside its bar shows it; thousands whole."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"  # noqa: PLR2004 - four digits


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Take the median of the ratios of values measured in the same rounds.

    What slows a whole round then cancels out.
    """
    return median(a / b for a, b in zip(above, below, strict=True))


def shortfalls(figures: Iterable[Figure]) -> list[Figure]:
    """List the figures that miss their bars."""
    return [figure for figure in figures if figure.is_short]
