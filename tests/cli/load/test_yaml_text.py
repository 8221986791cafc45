"""YAML as Kubernetes reads it, with the place of each field."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from revet.cli.load.places import Place, TextError, Tree, count_nodes
from revet.cli.load.text import read_text
from revet.cli.load.yaml_text import MAX_DEPTH, read_yaml
from tests.cli.load.places import check_key_places, list_pointers
from tests.support.yaml_table import Case, Difference, normalise, read_cases, read_differences

_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]))
_SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | _TEXTS
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner), max_leaves=20
)


class _Quoting(yaml.SafeDumper):
    """Quotes all texts: what PyYAML leaves plain is not always text to Kubernetes."""


_Quoting.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def _read(text: str) -> Tree:
    (tree,) = read_yaml(text.encode())
    return tree


def _places(text: str) -> dict[str, Place]:
    tree = _read(text)
    assert len(tree.places) == count_nodes(tree.value)
    return {pointer: tree.locate(pointer) for pointer in list_pointers(tree.value)}


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: repr(case.text))
def test_texts_mean_what_they_mean_to_kubectl(case: Case) -> None:
    found = list(read_text(case.text.encode()))
    if case.json is None:
        assert [each for each in found if isinstance(each, TextError)]
    else:
        values = [each.value for each in found if isinstance(each, Tree)]
        assert len(values) == len(found)
        assert normalise(values or [None]) == normalise([json.loads(case.json)])


@pytest.mark.parametrize("case", read_differences(), ids=lambda case: case.why)
def test_differences_are_as_told(case: Difference) -> None:
    found = list(read_text(case.text.encode()))
    refused = any(isinstance(each, TextError) for each in found)
    values = [each.value for each in found if isinstance(each, Tree)]
    assert (None if refused else json.dumps(values)) == case.ours


def test_a_field_has_the_place_of_its_key() -> None:
    text = "a:\n  b: 1\n  'c d':\n  - x\n  -   w: é\n      z: [1, {k: v}]\n"
    assert _places(text) == {
        "": Place(1, 1),
        "/a": Place(1, 1),
        "/a/b": Place(2, 3),
        "/a/c d": Place(3, 3),
        "/a/c d/0": Place(4, 5),
        "/a/c d/1": Place(5, 7),
        "/a/c d/1/w": Place(5, 7),
        "/a/c d/1/z": Place(6, 7),
        "/a/c d/1/z/0": Place(6, 11),
        "/a/c d/1/z/1": Place(6, 14),
        "/a/c d/1/z/1/k": Place(6, 15),
    }


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("/spec/containers/0/image", Place(2, 3)),
        ("/spec/hostNetwork", Place(3, 3)),
        ("/spec/containers/7", Place(2, 3)),
        ("/metadata/labels", Place(1, 1)),
        ("/spec/hostNetwork/deeper", Place(3, 3)),
        ("/spec/a~1b", Place(4, 3)),
    ],
)
def test_what_is_not_there_has_the_place_of_its_parent(pointer: str, place: Place) -> None:
    tree = _read("spec:\n  containers: []\n  hostNetwork: true\n  a/b: 1\n")
    assert tree.locate(pointer) == place


def test_places_below_an_alias_are_those_of_its_anchor() -> None:
    places = _places("a: &x\n  b: 1\nc: *x\nd: [*x]\n")
    assert places["/c"] == Place(3, 1)
    assert places["/c/b"] == places["/a/b"] == places["/d/0/b"] == Place(2, 3)
    assert places["/d/0"] == Place(4, 5)


def test_merged_fields_have_the_place_where_they_were_written() -> None:
    text = "base: &base\n  x: 1\n  w: {p: 1}\nown:\n  x: {q: 2}\n  <<: *base\n  w: 3\n  z: [4]\n"
    tree = _read(text)
    assert tree.value == {
        "base": {"x": 1, "w": {"p": 1}},
        "own": {"x": 1, "w": 3, "z": [4]},
    }
    places = _places(text)
    assert places["/own/x"] == Place(2, 3)
    assert places["/own/w"] == Place(7, 3)
    assert places["/own/z/0"] == Place(8, 7)


def test_the_first_of_several_merged_mappings_wins_with_its_place() -> None:
    text = "<<: [{x: 1, w: {p: 1}}, {x: {q: 2}, z: 2}]\n"
    assert _read(text).value == {"x": 1, "z": 2, "w": {"p": 1}}
    places = _places(text)
    assert places["/x"] == Place(1, 7)
    assert places["/w/p"] == Place(1, 17)
    assert places["/z"] == Place(1, 37)


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("a: 1\nb: 2\na: 3\n", "the key 'a' stands in line 1 already", Place(3, 1)),
        ("x: {p: 1}\ny:\n  a: 1\n  'a': 3\n", "the key 'a' stands in line 3", Place(4, 3)),
        ("<<: {a: 1}\na: 1\na: 2\n", "the key 'a' stands in line 2 already", Place(3, 1)),
        ("1: a\n'1': b\n", "the key '1' stands in line 1 already", Place(2, 1)),
        ("a: *b\n", "no anchor &b stands before this", Place(1, 4)),
        ("a: &a\n- *a\n", "the anchor &a contains itself", Place(2, 3)),
        ("a:\n- .inf\n", "JSON has no .inf and no .nan", Place(2, 3)),
        ("a: 1\n~: b\n", "a key must not be null", Place(2, 1)),
        ("a: 1\n[b]: 2\n", "a key must be a text", Place(2, 1)),
        ("a: !!int b\n", "cannot read 'b' as !!int", Place(1, 4)),
        ("<<: [a]\n", "<< must have a mapping", Place(1, 5)),
        ("a: 1\n b: 2\n", "mapping values are not allowed", Place(2, 3)),
        ("a: b\nc: \x00\n", "the character U+0000 is not allowed", Place(2, 4)),
        ("é: \x7f", "the character U+007F is not allowed", Place(1, 4)),
        ("a: 'b\n", "found unexpected end of stream", Place(1, 4)),
        ("a: 1\nb: {c: 1\n", "did not find expected ',' or '}'", Place(2, 4)),
    ],
)
def test_what_is_refused_has_its_place(text: str, message: str, place: Place) -> None:
    with pytest.raises(TextError) as caught:
        list(read_yaml(text.encode()))
    assert message in str(caught.value)
    assert caught.value.place == place


def test_lines_above_are_added() -> None:
    (tree,) = read_yaml(b"a: 1", 10)
    assert tree.locate("/a") == Place(11, 1)
    with pytest.raises(TextError) as caught:
        list(read_yaml(b"a: }", 10))
    assert caught.value.place == Place(11, 4)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 201 + "]" * 201,
        "- " * 201 + "a",
        "a: &a " + "[" * 150 + "]" * 150 + "\nb: " + "[" * 60 + "*a" + "]" * 60,
    ],
    ids=["flow", "block", "alias"],
)
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(TextError, match=f"nested deeper than {MAX_DEPTH} levels"):
        list(read_yaml(text.encode()))


@pytest.mark.parametrize("text", ["{? &a " * 60, "{? &a " * 2000, "? &a ".join(["{"] * 60)])
def test_keys_that_are_no_texts_are_not_walked_into(text: str) -> None:
    with pytest.raises(TextError, match="a key must be a text"):
        list(read_yaml(text.encode()))


def test_a_stack_that_runs_out_is_an_error_of_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Merges with anchors take most frames a level; there are never enough for 10,000."""
    monkeypatch.setattr("revet.cli.load.yaml_text.MAX_DEPTH", 10_000)
    with pytest.raises(TextError, match="nested deeper than"):
        list(read_yaml(b"{<<: " * 9_000))


def test_keys_may_be_anchors_and_aliases() -> None:
    assert _read("&k a: *k\nb: {*k : 1}\n").value == {"a": "a", "b": {"a": 1}}
    with pytest.raises(TextError, match="a key must be a text"):
        _read("a: &a {b: 1}\n*a : 2\n")


def _merges(number: int) -> str:
    fields = "".join(f"  k{each}: 1\n" for each in range(number))
    return f"a: &a {{x: 1}}\nb:\n{fields}" + "  <<: *a\n" * number


def _overrides(number: int) -> str:
    fields = "".join(f"  k{each}: 1\n" for each in range(number))
    return f"a: &a\n{fields}b:\n  <<: *a\n{fields}"


@pytest.mark.parametrize("write", [_merges, _overrides])
def test_merging_costs_what_the_text_is_long(
    write: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted are the nodes that are looked at again, and the calls that move places."""
    looked_at = 0

    def count(value: object) -> int:
        nonlocal looked_at
        looked_at += 1
        return count_nodes(value)

    monkeypatch.setattr("revet.cli.load.places.count_nodes", count)
    tree = _read(write(2000))
    assert isinstance(tree.value, dict)
    assert len(tree.value["b"]) >= 2000
    assert looked_at <= 4 * 2000


def test_as_deep_as_is_allowed_is_read() -> None:
    tree = _read("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert len(tree.places) == MAX_DEPTH


@pytest.mark.parametrize("text", ["[" * 200_000 + "]" * 200_000, "- " * 200_000 + "a"])
def test_absurd_nesting_does_not_use_up_the_stack(text: str) -> None:
    """In a process of its own: what this guards against would end it without a word."""
    code = (
        "import sys\n"
        "from revet.cli.load.text import read_text\n"
        "print([str(each) for each in read_text(sys.stdin.buffer.read())])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=text.encode(), capture_output=True, check=True
    )
    assert b"nested deeper" in done.stdout


def test_a_bomb_of_aliases_is_refused_before_it_is_there() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(TextError, match="aliases multiply this document") as caught:
        list(read_yaml("\n".join(lines).encode()))
    assert caught.value.place is not None
    assert caught.value.place.line <= 7


def test_plain_texts_that_were_read_before_do_not_change_later_ones() -> None:
    """Plain texts are remembered; those with the tag `!` look like them and are none."""
    first, second, third = (_read(text).value for text in ("a: ! no", "a: no", "no: ! no"))
    assert (first, second, third) == ({"a": "no"}, {"a": False}, {"false": "no"})


@given(_VALUES)
def test_what_was_written_is_read(value: object) -> None:
    text = yaml.dump(value, Dumper=_Quoting, allow_unicode=True)
    (tree,) = read_text(text.encode())
    assert isinstance(tree, Tree)
    assert tree.value == value
    assert len(tree.places) == count_nodes(value)
    check_key_places(tree, text)
