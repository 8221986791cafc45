"""Inputs to objects: files, stdin, and what a renderer prints, as programs of our own play it."""

import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from revet.cli.load import (
    STDIN_NAME,
    Chart,
    Document,
    InputProblem,
    Kustomization,
    Loaded,
    Place,
    Renderers,
    Skipped,
    Source,
    find_inputs,
    find_renderers,
    load,
    read_input,
)

POD = "apiVersion: v1\nkind: Pod\n"
CHART = Chart("charts/web", Path("charts/web"))


def _load(*paths: str, stdin: str = "") -> list[Loaded]:
    return list(load(find_inputs(paths), Renderers(), io.BytesIO(stdin.encode())))


def _program(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import json, os, sys, time\n{code}")


def _print(text: str) -> tuple[str, ...]:
    return _program(f"print({text!r}, end='')")


def test_files_and_stdin_are_read_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(POD, encoding="utf-8")
    Path("b.yaml").write_text("a: [", encoding="utf-8")
    Path("gone.yaml").symlink_to("nowhere")
    pod, problem, gone, piped = _load("a.yaml", "b.yaml", "gone.yaml", "-", stdin=POD)
    assert isinstance(pod, Document)
    assert pod.source == Source("a.yaml", "file")
    assert isinstance(problem, InputProblem)
    assert (problem.file, problem.line) == ("b.yaml", 1)
    assert gone == InputProblem("gone.yaml", None, "cannot be read: No such file or directory")
    assert isinstance(piped, Document)
    assert piped.source == Source(STDIN_NAME, "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_a_problem(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        (problem,) = find_inputs([str(tmp_path)])
    finally:
        tmp_path.chmod(stat.S_IRWXU)
    assert problem == InputProblem(str(tmp_path), None, "cannot be read: Permission denied")


def test_documents_of_a_chart_are_named_after_their_templates() -> None:
    text = (
        "---\n# Source: web/templates/a.yaml\n"
        + POD
        + "---\n# Source: web/charts/db/templates/b.yaml\n"
        + POD
        + "---\n# Source: web/templates/c.yaml\na: [\n"
    )
    first, second, problem = read_input(CHART, Renderers(helm=_print(text)))
    assert isinstance(first, Document)
    assert first.source == Source("charts/web/templates/a.yaml", "helm")
    assert first.locate("/kind") == Place(4, 1)
    assert isinstance(second, Document)
    assert second.source == Source("charts/web/charts/db/templates/b.yaml", "helm")
    assert isinstance(problem, InputProblem)
    assert problem.file == "charts/web/templates/c.yaml"


def test_helm_is_given_a_release_the_folder_and_the_values() -> None:
    code = "print(json.dumps({'apiVersion': 'v1', 'kind': 'X', 'argv': sys.argv[1:]}))"
    renderers = Renderers(helm=_program(code), values=("a.yaml", "b.yaml"))
    chart = Chart("Web_1", Path("Web_1"))
    (document,) = read_input(chart, renderers)
    assert isinstance(document, Document)
    values = ["--values=a.yaml", "--values=b.yaml"]
    assert document.value["argv"] == ["web-1", "./Web_1", "--include-crds", *values]


def test_a_kustomization_is_read_as_it_is_built() -> None:
    folder = Kustomization("prod", Path("prod"))
    code = f"print(sys.argv[1] == './prod' and {json.dumps(POD)})"
    (document,) = read_input(folder, Renderers(kustomize=_program(code)))
    assert isinstance(document, Document)
    assert document.source == Source("prod", "kustomize")


@pytest.mark.parametrize("found", [CHART, Kustomization("charts/web", Path("charts/web"))])
def test_without_a_renderer_it_is_told(found: Chart | Kustomization) -> None:
    (skipped,) = read_input(found, Renderers())
    assert isinstance(skipped, Skipped)
    assert skipped.file == "charts/web"
    assert "on PATH" in skipped.reason


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (_program("sys.exit('Error:\\n  no values')"), "helm does not render it: Error: no values"),
        (_program("sys.exit(3)"), "ended with 3"),
        (("./no-such-program",), "./no-such-program: No such file or directory"),
    ],
)
def test_what_a_renderer_complains_of_is_told(program: tuple[str, ...], message: str) -> None:
    (problem,) = read_input(CHART, Renderers(helm=program))
    assert isinstance(problem, InputProblem)
    assert message in problem.message


def test_a_library_chart_is_told() -> None:
    code = "sys.exit('Error: library charts are not installable')"
    (skipped,) = read_input(CHART, Renderers(helm=_program(code)))
    assert isinstance(skipped, Skipped)
    assert "library chart" in skipped.reason


def test_a_renderer_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    os.mkfifo(pids)  # Its end is seen only when the last of them has gone.
    code = f"pids = open({str(pids)!r}, 'w')\nif os.fork(): pass\nwhile True: time.sleep(60)"
    reader = os.open(pids, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    try:
        (problem,) = read_input(CHART, Renderers(helm=_program(code), timeout_s=2))
        assert isinstance(problem, InputProblem)
        assert "it took longer than 2 s" in problem.message
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


def test_programs_are_found_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_renderers() == Renderers()
    for name in ("helm", "kubectl"):
        (tmp_path / name).touch(mode=0o755)
    found = find_renderers(["v.yaml"])
    assert found.helm == (str(tmp_path / "helm"), "template")
    assert found.kustomize == (str(tmp_path / "kubectl"), "kustomize")
    assert found.values == ("v.yaml",)
    (tmp_path / "kustomize").touch(mode=0o755)
    assert find_renderers().kustomize == (str(tmp_path / "kustomize"), "build")
    assert find_renderers(helm="/opt/helm").helm == ("/opt/helm", "template")
