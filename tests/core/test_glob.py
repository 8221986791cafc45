"""A glob means the same whether it is walked through, or its parts are looked for."""

import re
from collections.abc import Iterator
from itertools import product

from revet.core.glob import matches


def words(letters: str, longest: int) -> Iterator[str]:
    """Yield all words of these letters."""
    for length in range(longest + 1):
        yield from map("".join, product(letters, repeat=length))


def test_all_short_globs_match_what_they_say() -> None:
    texts = list(words("ab", 4))
    meant = {"*": ".*", "?": "."}
    for glob in words("ab*?", 4):
        expression = re.compile("".join(meant.get(each, each) for each in glob))
        for text in texts:
            assert matches(glob, text) is bool(expression.fullmatch(text)), (glob, text)


def test_what_is_found_between_two_stars_is_not_used_twice() -> None:
    assert not matches("*ab*ba*", "aba")
    assert not matches("ab*ba", "aba")
    assert matches("*ab*ba*", "abba")


def test_no_text_makes_it_long() -> None:
    assert not matches("*a" * 50 + "*b", "a" * 5_000)
    assert not matches("*a" * 5 + "?*b", "a" * 5_000)
