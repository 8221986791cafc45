"""One file's trouble is its own, and what could not be decided is said, in every form."""

import io
import json
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from revet.cli.check.judge import Judge
from revet.cli.check.manifests import Question, check
from revet.cli.check.report import Exit, NotChecked
from revet.cli.load import Document, File, Found, InputProblem, Renderers, read_input
from revet.cli.load import places as load_places
from revet.cli.main import app
from revet.core.model.mode import Mode
from tests.cli.conftest import Ask

GOOD: Final = "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: {hostPID: true}\n"
SOME: Final = "apiVersion: revet.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {name: p}\n"
UNKNOWN: Final = (
    f"{SOME}spec: {{profile: restricted, namespaceSelector: {{matchLabels: {{tier: prod}}}}}}\n"
)
NOTHING: Final = "holds nothing to check"


def test_a_surprise_while_reading_is_an_error_of_that_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(*_: object) -> None:
        raise KeyError("odd\nthing")

    monkeypatch.setattr("revet.cli.load.reading.read_objects", surprise)
    path = tmp_path / "a.yaml"
    path.write_text(GOOD, encoding="utf-8")
    found: Found = File("a.yaml", path)
    (problem,) = read_input(found, Renderers())
    assert problem == InputProblem("a.yaml", None, "cannot be read: KeyError: 'odd\\nthing'")


def test_a_surprise_while_judging_is_an_error_of_that_object(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(judge: Judge, document: Document, *args: object) -> None:
        if document.value["metadata"]["name"] == "a":
            raise RuntimeError("surprise")
        real(judge, document, *args)  # type: ignore[arg-type] # handed on as they come

    real = Judge._judge
    monkeypatch.setattr(Judge, "_judge", surprise)
    report = ask(f"{GOOD.replace('name: b', 'name: a')}---\n{GOOD}")
    assert [each.name for each in report.objects] == ["b"]
    (problem,) = report.problems
    assert problem.message == "Pod a: can't be judged: RuntimeError: surprise"
    assert report.exit(Mode.ENFORCE) is Exit.BAD_INPUT


def test_keys_that_are_mappings_hide_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("{? &a " * 200, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(GOOD, encoding="utf-8")
    report = check(Question((str(tmp_path),)))
    assert [each.name for each in report.objects] == ["b"]
    assert len(report.problems) == 1


@pytest.mark.parametrize("options", [["-o", "sarif"], ["-o", "json"], ["-o", "junit"], ["--diff"]])
def test_what_could_not_be_decided_is_said_on_standard_error(
    tmp_path: Path, options: list[str]
) -> None:
    (tmp_path / "a.yaml").write_text(f"{UNKNOWN}---\n{GOOD}", encoding="utf-8")
    done = CliRunner().invoke(app, ["check", str(tmp_path), *options])
    assert done.exit_code == Exit.BAD_INPUT
    said = "a.yaml: not checked: 1 object in Namespace default: policy p needs its labels"
    assert said in done.stderr
    assert "a.yaml: not checked" not in done.stdout


def test_a_report_in_a_file_says_it_too(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{UNKNOWN}---\n{GOOD}", encoding="utf-8")
    file = tmp_path / "report"
    done = CliRunner().invoke(app, ["check", str(tmp_path / "a.yaml"), "--output-file", str(file)])
    assert done.exit_code == Exit.BAD_INPUT
    assert "not checked: 1 object in Namespace default" in done.stderr


@pytest.mark.parametrize("text", ["", "# only words\n", "---\n---\n"])
def test_a_file_that_holds_nothing_alone_is_no_pass(ask: Ask, text: str) -> None:
    report = ask(text)
    assert report.left_out == (NotChecked("in.yaml", NOTHING, undecided=True),)
    assert report.exit(Mode.ENFORCE) is Exit.BAD_INPUT


def test_beside_others_it_is_only_said(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("# words\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text(GOOD, encoding="utf-8")
    names = (str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"))
    report = check(Question(names))
    assert report.left_out[0] == NotChecked(names[0], NOTHING)
    assert report.exit(Mode.ENFORCE) is Exit.FINDINGS


def test_a_pipe_that_brought_nothing_is_no_pass(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(GOOD, encoding="utf-8")
    report = check(Question((str(tmp_path / "b.yaml"), "-")), stdin=io.BytesIO(b""))
    assert report.left_out[0] == NotChecked("<stdin>", NOTHING, undecided=True)
    assert report.exit(Mode.ENFORCE) is Exit.BAD_INPUT


def test_where_no_policy_could_be_read_nobody_says_that_none_selects(ask: Ask) -> None:
    report = ask(f"{SOME}spec: {{profile: nonsense}}\n---\n{GOOD}")
    reason = "that nobody can judge: no policy could be read"
    assert report.left_out == (NotChecked("in.yaml", reason, 1, undecided=True),)


def test_where_one_of_two_could_not_be_read_that_is_said(ask: Ask) -> None:
    other = f"{SOME.replace('name: p', 'name: q')}spec: {{profile: nonsense}}\n"
    elsewhere = UNKNOWN.replace("tier: prod", "kubernetes.io/metadata.name: shop")
    report = ask(f"{elsewhere}---\n{other}---\n{GOOD}")
    reason = "in Namespace default, which no policy that could be read selects"
    assert report.left_out == (NotChecked("in.yaml", reason, 1, undecided=True),)


def test_a_list_costs_what_as_many_documents_do(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted are the children that are listed to find places."""
    listed = 0
    real = load_places._list_children

    def count(value: object) -> object:
        nonlocal listed
        listed += len(value) if isinstance(value, dict | list) else 0
        return real(value)

    monkeypatch.setattr(load_places, "_list_children", count)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"hostPID": True}}
    report = ask(json.dumps({"apiVersion": "v1", "kind": "List", "items": [pod] * 300}))
    assert len(report.objects) == 300
    assert listed <= 300 * 20


def test_a_long_list_in_an_object_is_counted_once(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = 0
    real = load_places.count_nodes

    def count(value: object) -> int:
        nonlocal counted
        counted += 1
        return real(value)

    monkeypatch.setattr(load_places, "count_nodes", count)
    rules = [{"host": "*.a"}] * 400
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "a"},
        "spec": {"rules": rules},
    }
    report = ask(json.dumps(ingress))
    assert len([each for each in report.findings if "/rules/" in each.pointer]) >= 400
    assert counted <= 10 * 400


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--values", "gone.yaml"], "gone.yaml: no such file"),
        (["-n", "Shop_1"], "'Shop_1' is no name of a Namespace"),
        (["--namespace-labels", "tier=a b"], "tier: String should match pattern"),
        (["--namespace-labels", "-x=a"], "each key must be a label key"),
    ],
)
def test_flags_that_make_no_sense_are_refused(
    tmp_path: Path, options: list[str], message: str
) -> None:
    (tmp_path / "a.yaml").write_text(GOOD, encoding="utf-8")
    done = CliRunner().invoke(app, ["check", str(tmp_path), *options], env={"COLUMNS": "200"})
    assert done.exit_code == Exit.BAD_INPUT
    assert message in " ".join(done.stderr.replace("│", " ").split())


def test_a_profile_that_is_named_twice_judges_once(ask: Ask) -> None:
    report = ask(GOOD, policies=("restricted", "restricted"))
    assert len(report.policies) == 1


def test_the_defaults_of_a_limit_range_are_said_not_to_be_used(ask: Ask) -> None:
    limits = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: []}\n"
    assert any("LimitRange" in each for each in ask(f"{GOOD}---\n{limits}").notes)
    assert not any("LimitRange" in each for each in ask(GOOD).notes)
