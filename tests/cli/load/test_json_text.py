"""JSON: strict, with places, and what it alone has."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revet.cli.load.json_text import JSONError, read_json
from revet.cli.load.places import Place, TextError, Tree, count_nodes
from revet.cli.load.text import read_text
from tests.cli.load.places import check_key_places

_TEXTS = st.text(st.characters(codec="utf-8"))
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner), max_leaves=20
)


def _read(text: str) -> Tree:
    (tree,) = read_json(text)
    return tree


@given(_VALUES, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_what_was_written_is_read(value: object, indent: int | str | None, plain: bool) -> None:  # noqa: FBT001
    text = json.dumps(value, indent=indent, ensure_ascii=plain)
    tree = _read(text)
    assert tree.value == value
    assert len(tree.places) == count_nodes(value)
    check_key_places(tree, text)


@given(st.dictionaries(_TEXTS, _VALUES, min_size=1))
def test_a_file_of_json_is_never_read_as_yaml(value: dict[str, object]) -> None:
    (tree,) = read_text(json.dumps(value).encode(), is_json=True)
    assert isinstance(tree, Tree)
    assert tree.value == value


def test_places_are_those_of_keys_and_items() -> None:
    tree = _read('{\n  "a": {"b": [1,\n\t{"c": "\\ud83d\\ude00"}]},\n  "é": 2, "d": 3\n}')
    assert tree.value == {"a": {"b": [1, {"c": "😀"}]}, "é": 2, "d": 3}
    assert tree.locate("") == Place(1, 1)
    assert tree.locate("/a/b") == Place(2, 9)
    assert tree.locate("/a/b/0") == Place(2, 15)
    assert tree.locate("/a/b/1") == Place(3, 2)
    assert tree.locate("/a/b/1/c") == Place(3, 3)
    assert tree.locate("/d") == Place(4, 11)


def test_values_may_stand_one_after_another() -> None:
    trees = list(read_json('{"a": 1}\n{"a": 2} {"a": 3}\n', 4))
    assert [tree.value for tree in trees] == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert [tree.locate("/a") for tree in trees] == [Place(5, 2), Place(6, 2), Place(6, 11)]


def test_half_a_pair_of_surrogates_becomes_what_go_makes_of_it() -> None:
    assert _read('{"\\ud800": "x\\uDC00y"}').value == {"\ufffd": "x\ufffdy"}


def test_numbers_are_of_64_bits_or_floats() -> None:
    value = _read("[9223372036854775807, 9223372036854775808, 1.0, -0]").value
    assert isinstance(value, list)
    assert [type(each) for each in value] == [int, float, float, int]


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 400, "9" * 5000])
def test_a_number_that_no_float_holds_is_refused(number: str) -> None:
    with pytest.raises(TextError, match="too large for 64 bits") as caught:
        _read(f'{{"a":\n {number}}}')
    assert caught.value.place == Place(2, 2)
    assert not math.isfinite(float(number))


@pytest.mark.parametrize("text", ['{"a": 1,}', "{'a': 1}", '{"a": NaN}', '{"a": 01}', '{"a"'])
def test_what_is_no_json_is_told_as_such(text: str) -> None:
    with pytest.raises(JSONError, match="not JSON"):
        _read(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": 1,\n "b": {"a": 1},\n "a": 2}', Place(3, 2)),
        ('[{"\\u0061": 1,\n "a": 2}]', Place(2, 2)),
        ('{"\\ud800": 1,\n "\\ud801": 2}', Place(2, 2)),
    ],
)
def test_a_key_that_stands_twice_is_refused(text: str, place: Place) -> None:
    with pytest.raises(TextError, match="stands in line 1 already") as caught:
        _read(text)
    assert caught.value.place == place


@pytest.mark.parametrize("depth", [201, 900, 5000, 200_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    with pytest.raises(TextError, match="nested deeper than 200 levels"):
        _read("[" * depth + "]" * depth)
