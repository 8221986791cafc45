"""Holds the table of what YAML means, and our reader at large, against sigs.k8s.io/yaml."""

import json
import random
from typing import Final

import pytest

from e2e.yaml_oracle.process import ask
from revet.cli.load.json_text import read_json
from revet.cli.load.places import TextError
from revet.cli.load.yaml_text import read_yaml
from tests.support.yaml_table import Case, normalise, read_cases, read_differences

SEED: Final = 20_261
_ALPHABET: Final = "0123456789" * 2 + "+-._eExXoObBabTtyn~ "
_FRAMES: Final = ("a: {}", "- {}", "[x, {}]", "{}: v", "a: !!int {}", "a: !!float {}", "a: ! {}")
_SCALARS: Final = (
    *("a", "1", "yes", "~", '"x y"', "'q'", "|\n  t\n", "", "#c", "a #c", "!!str 1", "1.5", "é"),
    *(
        "*p",
        "&p v",
        "<<",
        '"\\u00e9"',
        "{a: 1}",
        "[1, 2]",
        "{a, b: }",
        "@x",
        "a\tb",
        "? k",
        "- - 1",
    ),
    *(": x", '"', "}", "[", "|+", "!", "&r {x: 1, y: 2}", "*r", "[*r, {x: 9}]", "a\x85b"),
)
_KEYS: Final = ("a", "b", "c", "d", "<<", "<<", '"e"', "1", "no", "&p k", "*p", "? f")
# What we refuse and sigs.k8s.io/yaml takes: the table tells each of them.
_STRICTER: Final = (
    "stands in line",
    "a key must be a text, no list and no mapping",
    "did not find expected <document start>",
    "found unexpected ':'",
)


def _write(dice: random.Random, indent: int = 0) -> str:
    """Write YAML, or nearly."""
    kind, pad = dice.random(), " " * indent
    if indent > 5 or kind < 0.2:
        return f"{dice.choice(_SCALARS)}\n"
    text = "\n" if indent else ""
    for _ in range(dice.randint(1, 4)):
        head = f"{dice.choice(_KEYS)}: " if kind < 0.75 else "- "
        text += pad + head + _write(dice, indent + 2)
    return text


def _compare(texts: list[str]) -> tuple[int, list[object]]:
    """Return how many texts both sides read, and where they disagree."""
    both, wrong = 0, list[object]()
    for text, answer in zip(texts, ask(texts), strict=True):
        try:
            trees = list(read_yaml(text.encode()))
        except TextError as error:
            if not answer.error and not any(each in str(error) for each in _STRICTER):
                wrong.append((text, str(error), answer.json))
            continue
        value = trees[0].value if trees else None
        if answer.error or normalise(value) != normalise(json.loads(answer.json)):
            wrong.append((text, value, answer))
        both += 1
    return both, wrong


def test_the_table_is_what_kubectl_reads() -> None:
    cases = [*read_cases(), *read_differences()]
    answers = ask(case.text for case in cases)
    for case, answer in zip(cases, answers, strict=True):
        found = Case(case.text, answer.json or None, answer.error or None)
        assert found == Case(case.text, case.json, case.error)
    assert len(cases) > 250


def test_random_scalars_are_read_alike() -> None:
    dice = random.Random(SEED)
    words = ["".join(dice.choices(_ALPHABET, k=dice.randint(0, 7))) for _ in range(10_000)]
    both, wrong = _compare([dice.choice(_FRAMES).replace("{}", word) for word in words])
    assert wrong == [], f"seed {SEED}"
    assert both > 5000


def test_random_texts_are_read_alike() -> None:
    dice = random.Random(SEED)
    both, wrong = _compare([_write(dice) for _ in range(20_000)])
    assert wrong == [], f"seed {SEED}"
    assert both > 2000


def test_aliases_may_multiply_as_much() -> None:
    head = f"a: &b [{', '.join(['1'] * 399)}]\nc: "
    texts = [f"{head}[{', '.join(['*b'] * times)}]" for times in range(120, 150)]
    refused = [_is_refused(text) for text in texts]
    assert refused == [bool(answer.error) for answer in ask(texts)]
    assert set(refused) == {True, False}


def _is_refused(text: str) -> bool:
    try:
        list(read_yaml(text.encode()))
    except TextError:
        return True
    return False


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, -1, 1.5, 1e3, 1E-3, true, false, null, "x"], "": {}}',
        '{"a": "\\ud83d\\ude00 \\/ \\u0041 \\ud800 \\udc00x \\n"}',
        '{"a": 9223372036854775807, "b": -9223372036854775808, "c": -0, "d": 0.0}',
        '{"a": 9223372036854775808, "b": 123456789012345678901234567890, "c": 1e300}',
        '\t{"a"\r\n:\t1}\n',
        '{"a": 1e400}',
        '{"a": 01}',
        '{"a": NaN}',
        '{"a": 1,}',
        "{'a': 1}",
        '{"a": "\t"}',
        '{"a": "\\q"}',
        '{"a": .5}',
        '{"a": +1}',
        '{"a": 1_0}',
        '{"a"',
        '"\x7f\u2028"',
    ],
)
def test_json_is_read_as_the_api_server_reads_it(text: str) -> None:
    answer = ask([text], as_json=True)[0]
    if answer.error:
        with pytest.raises(TextError):
            list(read_json(text))
    else:
        found = [each.value for each in read_json(text)]
        assert normalise(found) == normalise([json.loads(answer.json)])
