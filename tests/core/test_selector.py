"""Label selectors match, read and join as Kubernetes' own do."""

import json
from collections.abc import Mapping
from itertools import product

import pytest
from pydantic import ValidationError

from revet.core.model.selector import (
    LabelSelector,
    Operator,
    Requirement,
    canonical,
    compile_selector,
    join,
)


def _needs(key: str, operator: Operator, *values: str) -> LabelSelector:
    return LabelSelector(
        match_expressions=(Requirement(key=key, operator=operator, values=values),)
    )


ALL = LabelSelector()
WEB = LabelSelector(match_labels={"app": "web"})
TWO = LabelSelector(match_labels={"app": "web", "tier": "prod"})
IN = _needs("app", Operator.IN, "web", "api")
IN_EMPTY = _needs("app", Operator.IN, "")
NOT_IN = _needs("app", Operator.NOT_IN, "web", "api")
EXISTS = _needs("app", Operator.EXISTS)
ABSENT = _needs("app", Operator.DOES_NOT_EXIST)
BOTH = LabelSelector(
    match_labels={"tier": "prod"},
    match_expressions=(Requirement(key="app", operator=Operator.NOT_IN, values=("web",)),),
)
NEVER = LabelSelector(
    match_expressions=(
        Requirement(key="app", operator=Operator.EXISTS),
        Requirement(key="app", operator=Operator.DOES_NOT_EXIST),
    )
)
SELECTORS = [ALL, WEB, TWO, IN, IN_EMPTY, NOT_IN, EXISTS, ABSENT, BOTH, NEVER]

NONE: dict[str, str] = {}
LABELS = [
    NONE,
    {"app": "web"},
    {"app": "api"},
    {"app": ""},
    {"app": "db", "tier": "prod"},
    {"app": "web", "tier": "prod"},
    {"tier": "prod"},
]


@pytest.mark.parametrize(
    ("selector", "matched"),
    [
        (ALL, LABELS),
        (WEB, [{"app": "web"}, {"app": "web", "tier": "prod"}]),
        (TWO, [{"app": "web", "tier": "prod"}]),
        (IN, [{"app": "web"}, {"app": "api"}, {"app": "web", "tier": "prod"}]),
        (IN_EMPTY, [{"app": ""}]),
        # as upstream: NotIn and DoesNotExist match where there is no such label
        (NOT_IN, [NONE, {"app": ""}, {"app": "db", "tier": "prod"}, {"tier": "prod"}]),
        (EXISTS, [labels for labels in LABELS if "app" in labels]),
        (ABSENT, [NONE, {"tier": "prod"}]),
        (BOTH, [{"app": "db", "tier": "prod"}, {"tier": "prod"}]),
        (NEVER, []),
    ],
)
def test_a_selector_matches_these_labels_only(
    selector: LabelSelector, matched: list[Mapping[str, str]]
) -> None:
    matches = compile_selector(selector)
    assert [labels for labels in LABELS if matches(labels)] == matched


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        (ALL, ""),
        (WEB, "app in (web)"),
        (TWO, "app in (web),tier in (prod)"),
        (IN, "app in (api,web)"),
        (IN_EMPTY, "app in ()"),
        (NOT_IN, "app notin (api,web)"),
        (EXISTS, "app"),
        (ABSENT, "!app"),
        (BOTH, "app notin (web),tier in (prod)"),
        (NEVER, "!app,app"),
        (_needs("app", Operator.IN, "web", "web"), "app in (web)"),
    ],
)
def test_the_normal_form(selector: LabelSelector, text: str) -> None:
    assert canonical(selector) == text


def test_the_normal_form_knows_no_order() -> None:
    one = LabelSelector(
        match_labels={"a": "1", "b": "2"},
        match_expressions=(
            Requirement(key="c", operator=Operator.IN, values=("x", "y")),
            Requirement(key="d", operator=Operator.EXISTS),
        ),
    )
    other = LabelSelector(
        match_labels={"b": "2"},
        match_expressions=(
            Requirement(key="d", operator=Operator.EXISTS),
            Requirement(key="c", operator=Operator.IN, values=("y", "x")),
            Requirement(key="a", operator=Operator.IN, values=("1",)),
        ),
    )
    assert canonical(one) == canonical(other) == "a in (1),b in (2),c in (x,y),d"


@pytest.mark.parametrize(("one", "other"), list(product(SELECTORS, SELECTORS)))
def test_joined_matches_what_both_match(one: LabelSelector, other: LabelSelector) -> None:
    joined = compile_selector(join(one, other))
    first, second = compile_selector(one), compile_selector(other)
    for labels in LABELS:
        assert joined(labels) == (first(labels) and second(labels))
    assert canonical(join(one, other)) == canonical(join(other, one))


def test_joining_says_nothing_twice() -> None:
    assert join(BOTH, BOTH) == BOTH
    assert join(BOTH, ALL) == BOTH == join(ALL, BOTH)


def test_joining_keeps_a_contradiction() -> None:
    api = LabelSelector(match_labels={"app": "api"})
    assert canonical(join(WEB, api)) == "app in (api),app in (web)"
    assert not any(compile_selector(join(WEB, api))(labels) for labels in LABELS)


def test_two_long_selectors_can_be_joined() -> None:
    def many(prefix: str) -> LabelSelector:
        return LabelSelector(match_labels={f"{prefix}{number}": "x" for number in range(16)})

    joined = join(many("a"), many("b"))
    assert len(joined.match_labels) == 32
    assert compile_selector(joined)({**many("a").match_labels, **many("b").match_labels})


def test_a_selector_is_written_as_kubernetes_reads_it() -> None:
    assert json.loads(BOTH.model_dump_json(by_alias=True, exclude_defaults=True)) == {
        "matchLabels": {"tier": "prod"},
        "matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}],
    }
    assert ALL.model_dump_json(by_alias=True, exclude_defaults=True) == "{}"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "-a",
        "a-",
        "a b",
        "a/b/c",
        "/a",
        "a/",
        "Up.example/a",
        "n" * 64,
        "a\n",
        "é",
        "p" * 254 + "/a",
    ],
)
def test_what_is_no_label_key_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        LabelSelector(match_labels={key: "x"})
    with pytest.raises(ValidationError):
        Requirement(key=key, operator=Operator.EXISTS)


@pytest.mark.parametrize("value", ["-a", "a-", "a b", "a/b", "v" * 64, "a\n", "é"])
def test_what_is_no_label_value_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        LabelSelector(match_labels={"app": value})
    with pytest.raises(ValidationError):
        Requirement(key="app", operator=Operator.IN, values=(value,))
