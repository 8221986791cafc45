"""Texts to objects: many documents, Lists, what is no object, and what is broken."""

import pytest

from revet.cli.load.document import Document, InputProblem, Loaded, Skipped, Source
from revet.cli.load.objects import read_objects
from revet.cli.load.places import Place
from revet.cli.load.text import MAX_BYTES

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"


def _load(data: str | bytes, name: str = "a.yaml") -> list[Loaded]:
    source = Source(name, "file")
    given = data.encode() if isinstance(data, str) else data
    return list(read_objects(given, lambda _line: source))


def _documents(data: str | bytes) -> list[Document]:
    found = _load(data)
    documents = [each for each in found if isinstance(each, Document)]
    assert len(documents) == len(found), found
    return documents


def test_documents_are_counted_and_placed() -> None:
    first, second = _documents(f"# a comment\n---\n{POD}---\n---\n# nothing\n---\n{POD}")
    assert (first.index, first.locate("/kind")) == (0, Place(4, 1))
    assert (second.index, second.locate("/metadata/name")) == (3, Place(12, 12))
    assert first.source == Source("a.yaml", "file")


@pytest.mark.parametrize(
    "text", ["", "\n", "# a\n", "---\n", "---\n---\n", "~\n", "---\nnull\n...\n"]
)
def test_empty_documents_are_nothing(text: str) -> None:
    assert _load(text) == []


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("begin", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_change_nothing(begin: bytes, end: str) -> None:
    text = f"{POD}---\n{POD}".replace("\n", end).encode()
    first, second = _documents(begin + text)
    assert first.value == second.value
    assert first.locate("") == Place(1, 1)
    assert second.locate("/kind") == Place(6, 1)


def test_a_broken_document_stops_no_other() -> None:
    before, problem, after = _load(f"{POD}---\na: [\n---\n{POD}")
    assert isinstance(before, Document)
    assert isinstance(problem, InputProblem)
    assert (problem.file, problem.line) == ("a.yaml", 5)
    assert isinstance(after, Document)
    assert after.locate("/kind") == Place(8, 1)


def test_a_directive_belongs_to_the_document_below_it() -> None:
    text = f"%YAML 1.1\n---\n{POD}---\n{POD}"
    assert [each.locate("/kind").line for each in _documents(text)] == [4, 8]


def test_three_dashes_inside_of_a_text_part_nothing() -> None:
    (document,) = _documents(f"{POD}data:\n  x: |\n    a\n    ---\n    b\n")
    assert document.value["data"]["x"] == "a\n---\nb\n"


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b"a: 1\nb: \xff\n", 2, "not UTF-8: byte 0xFF (column 4)"),
        (b"a: \x00", 1, "the character U+0000 is not allowed"),
        ("a: 1".encode("utf-16"), 1, "text in UTF-16: save it as UTF-8"),
        (b"a: b: c", 1, "mapping values are not allowed"),
        (b"kind: [Pod]\napiVersion: v1", 1, "kind is ['Pod']: must be a text"),
        (b"kind: Pod\napiVersion: 1", 2, "apiVersion is 1: must be a text"),
    ],
)
def test_bad_input_names_its_line(data: bytes, line: int, message: str) -> None:
    (problem,) = _load(data)
    assert isinstance(problem, InputProblem)
    assert (problem.line, message in problem.message) == (line, True), problem


def test_a_text_that_is_too_large_is_refused() -> None:
    (problem,) = _load(b"#" * (MAX_BYTES + 1))
    assert isinstance(problem, InputProblem)
    assert "larger than the 64 MiB" in problem.message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\n", "line 1: not an object of Kubernetes: it has no apiVersion and no kind"),
        ("\n\nkind: Pod\n", "line 3: not an object of Kubernetes: it has no apiVersion"),
        ("apiVersion: v1\nkind: ''\n", "line 1: not an object of Kubernetes: it has no kind"),
        ("- a\n", "line 1: not an object of Kubernetes: it has no fields"),
        ("{}", "line 1: not an object of Kubernetes: it has no apiVersion and no kind"),
    ],
)
def test_what_is_no_object_is_told(text: str, reason: str) -> None:
    assert _load(text) == [Skipped("a.yaml", reason)]


def test_a_list_is_parted_and_places_stay() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n"
        "- apiVersion: v1\n  kind: Pod\n- {apiVersion: v1, kind: Service}\n"
    )
    pod, service = _documents(text)
    assert [each.value["kind"] for each in (pod, service)] == ["Pod", "Service"]
    assert [each.pointer for each in (pod, service)] == ["/items/0", "/items/1"]
    assert [each.index for each in (pod, service)] == [0, 0]
    assert pod.locate("/kind") == Place(5, 3)
    assert service.locate("") == Place(6, 3)
    assert service.locate("/spec/ports") == Place(6, 3)


def test_items_of_a_list_of_a_kind_need_not_say_what_they_are() -> None:
    text = '{"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [{"spec": {}}]}'
    (document,) = _documents(text)
    assert document.value == {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {}}
    assert document.locate("/spec") == Place(1, 64)


def test_lists_in_lists_are_parted() -> None:
    inner = '{"apiVersion": "v1", "kind": "PodList", "items": [{}, {}]}'
    text = f'{{"apiVersion": "v1", "kind": "List", "items": [{inner}]}}'
    assert [each.pointer for each in _documents(text)] == ["/items/0/items/0", "/items/0/items/1"]


def test_items_that_are_none_are_told() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- 1\n- kind: Pod\n"
    assert [type(each) for each in _load(text)] == [Skipped, Skipped]


def test_a_kind_that_only_ends_like_a_list_is_an_object() -> None:
    (document,) = _documents("apiVersion: x.org/v1\nkind: AllowList\nspec: {}\n")
    assert document.pointer == ""


def test_yaml_in_braces_is_yaml() -> None:
    (document,) = _documents("{apiVersion: v1, kind: Pod, spec: {hostNetwork: yes}}")
    assert document.value["spec"] == {"hostNetwork": True}


@pytest.mark.parametrize(("name", "words"), [("a.json", "not JSON"), ("a.yaml", "not YAML")])
def test_a_broken_file_is_told_as_what_it_says_it_is(name: str, words: str) -> None:
    (problem,) = _load('{"a": 1,\n "b"', name)
    assert isinstance(problem, InputProblem)
    assert words in problem.message
    assert problem.line is not None
    assert problem.line <= 2
