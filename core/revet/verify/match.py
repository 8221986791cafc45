"""Compares texts whole: exact, by a glob, or by RE2, which takes no longer for a hostile text."""

from collections.abc import Callable
from functools import partial

import re2  # type: ignore[import-untyped] # it has none

from revet.core.glob import matches
from revet.core.model.policy_signers import Match
from revet.verify.error import SignatureError

Matcher = Callable[[str], bool]


def compile_match(match: Match) -> Matcher:
    """Make a comparison ready.

    Raises:
        SignatureError: it is no regular expression.

    """
    if match.exact is not None:
        return match.exact.__eq__
    if match.glob is not None:
        return partial(matches, match.glob)
    return _compile(match.regexp or "")


def _compile(pattern: str) -> Matcher:
    options = re2.Options()
    options.log_errors = False  # the library would write them to standard error
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = b"".join(error.args).decode("utf-8", errors="replace")
        raise SignatureError(f"{pattern!r} is no regular expression (RE2): {reason}") from error
    return lambda text: compiled.fullmatch(text) is not None
