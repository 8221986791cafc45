"""A bar that nobody can miss would prove nothing."""

import pytest

from bench.figures import Figure, median_ratio, shortfalls


@pytest.mark.parametrize(
    ("figure", "line"),
    [
        (Figure("rate", 4321.6, "1/s"), "bench: rate 4322 1/s bar - ok"),
        (Figure("cpu_ratio", 1.0, "x", at_most=1), "bench: cpu_ratio 1 x bar <=1 ok"),
        (Figure("cpu_ratio", 1.001, "x", at_most=1), "bench: cpu_ratio 1.001 x bar <=1 short"),
        (Figure("rss", 73.44, "MiB", at_most=100), "bench: rss 73.44 MiB bar <=100 ok"),
        (Figure("rate_ratio", 0.9, "x", at_least=0.9), "bench: rate_ratio 0.9 x bar >=0.9 ok"),
        (
            Figure("rate_ratio", 0.8999, "x", at_least=0.9),
            "bench: rate_ratio 0.8999 x bar >=0.9 short",
        ),
    ],
)
def test_prints_value_bar_and_verdict(figure: Figure, line: str) -> None:
    assert figure.line == line
    assert shortfalls([figure]) == ([figure] if line.endswith("short") else [])


def test_compares_within_rounds() -> None:
    # The second round was slow for both: the medians' own ratio would be 2.
    assert median_ratio([1.0, 30.0, 2.0], [1.0, 10.0, 1.0]) == 2.0
    assert median_ratio([1.0, 30.0, 3.0], [1.0, 10.0, 1.0]) == 3.0
