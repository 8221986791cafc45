"""Label selectors: the model, what they match, their normal form and their conjunction.

As upstream's metav1.LabelSelector and LabelSelectorAsSelector, to the letter.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, assert_never

from pydantic import Field

from revet.core.model.schema import Model, rule

Labels = Mapping[str, str]

_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_PREFIX = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_KEY = rf"^({_PREFIX}/)?{_NAME}$"
_LONGEST_PREFIX = 253  # a pattern can't count across its parts
_LONGEST_KEY = _LONGEST_PREFIX + len("/") + 63

Key = Annotated[str, Field(min_length=1, max_length=_LONGEST_KEY, pattern=_KEY)]
Value = Annotated[str, Field(max_length=63, pattern=rf"^({_NAME})?$")]

# What is not nullable the API server drops where it is null: `tier:` with its value forgotten
# would select everything. So it is kept, for the rule below to refuse.
_KeptValue = Annotated[Value, Field(json_schema_extra={"nullable": True})]


class Operator(StrEnum):
    """How a requirement compares a label with its values."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class Requirement(Model):
    """One thing that the labels must satisfy."""

    key: Key
    """The label's key."""
    operator: Operator
    """In, NotIn, Exists or DoesNotExist. NotIn and DoesNotExist also match where there is no such
    label.
    """
    values: Annotated[tuple[Value, ...], Field(max_length=32)] = ()
    """The values to compare with: at least one for In and NotIn, none for the others."""

    @rule(
        f"self.key.indexOf('/') <= {_LONGEST_PREFIX}",
        f"the prefix must have at most {_LONGEST_PREFIX} characters",
        "key",
    )
    def has_short_prefix(self) -> bool:
        """Tell whether the part before the slash is no longer than a domain name."""
        return self.key.find("/") <= _LONGEST_PREFIX

    @rule(
        "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
        "In and NotIn need at least one value, Exists and DoesNotExist take none",
        "values",
    )
    def has_its_values(self) -> bool:
        """Tell whether there are values where the operator needs them, and only there."""
        return (self.operator in {Operator.IN, Operator.NOT_IN}) == bool(self.values)


class LabelSelector(Model):
    """Selects objects by their labels: all that is said must hold. An empty one selects all."""

    match_labels: Annotated[Mapping[str, _KeptValue], Field(max_length=16)] = Field(default={})
    """Labels that must be there with exactly these values."""
    match_expressions: Annotated[tuple[Requirement, ...], Field(max_length=16)] = ()
    """Further requirements."""

    @rule(
        "!has(self.matchLabels) || self.matchLabels.all(k,"
        f" k.indexOf('/') <= {_LONGEST_PREFIX} && k.matches(r'{_KEY}')"
        " && dyn(self.matchLabels[k]) != null)",
        "each key must be a label key ([prefix/]name, the prefix of at most 253 characters,"
        " the name of at most 63) with a value",
        "matchLabels",
    )
    def has_label_keys(self) -> bool:
        """Tell whether the API server would take each key as a label's."""
        keys = self.match_labels
        return all(key.find("/") <= _LONGEST_PREFIX and re.fullmatch(_KEY, key) for key in keys)


def compile_selector(selector: LabelSelector) -> Callable[[Labels], bool]:
    """Make the function that tells whether labels match."""
    tests = tuple(_compile(*term) for term in _terms(selector))
    if len(tests) == 1:  # by far the most frequent, and it's called for each review
        return tests[0]
    return lambda labels: all(test(labels) for test in tests)


def canonical(selector: LabelSelector) -> str:
    """Write the normal form, in kubectl's notation: equal for two that say the same in other order.

    Empty for the selector that matches all.
    """
    return ",".join(sorted({_write(*term) for term in _terms(selector)}))


def measure(selector: LabelSelector) -> int:
    """Return about how many characters a selector takes when it is written."""
    terms = ((key, *values) for key, _, values in _terms(selector))
    return sum(len(text) + len('"",') for term in terms for text in term)


def join(one: LabelSelector, other: LabelSelector) -> LabelSelector:
    """Make the selector that matches what both match."""
    labels = {**other.match_labels, **one.match_labels}
    contradictions = (
        Requirement(key=key, operator=Operator.IN, values=(value,))
        for key, value in other.match_labels.items()
        if labels[key] != value
    )
    expressions = (*one.match_expressions, *other.match_expressions, *contradictions)
    # Not checked again: two good selectors may be longer together than one may be in a policy.
    return LabelSelector.model_construct(
        match_labels=labels,
        match_expressions=tuple(
            each for index, each in enumerate(expressions) if each not in expressions[:index]
        ),
    )


def _terms(selector: LabelSelector) -> Iterator[tuple[str, Operator, frozenset[str]]]:
    for key, value in selector.match_labels.items():
        yield key, Operator.IN, frozenset({value})
    for each in selector.match_expressions:
        yield each.key, each.operator, frozenset(each.values)


def _compile(key: str, operator: Operator, values: frozenset[str]) -> Callable[[Labels], bool]:
    match operator:
        case Operator.IN:
            return lambda labels: labels.get(key) in values
        case Operator.NOT_IN:
            return lambda labels: labels.get(key) not in values
        case Operator.EXISTS:
            return lambda labels: key in labels
        case Operator.DOES_NOT_EXIST:
            return lambda labels: key not in labels
        case _:
            assert_never(operator)


def _write(key: str, operator: Operator, values: frozenset[str]) -> str:
    match operator:
        case Operator.IN:
            return f"{key} in ({','.join(sorted(values))})"
        case Operator.NOT_IN:
            return f"{key} notin ({','.join(sorted(values))})"
        case Operator.EXISTS:
            return key
        case Operator.DOES_NOT_EXIST:
            return f"!{key}"
        case _:
            assert_never(operator)
