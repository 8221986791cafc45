"""Real helm and kubectl render what `revet check` is given."""

from pathlib import Path
from typing import Final

import pytest

from e2e.cluster.build import build_tool
from e2e.helm import CHART
from revet.cli.load import (
    Chart,
    Document,
    InputProblem,
    Kustomization,
    Renderers,
    Skipped,
    find_inputs,
    read_input,
)

_DEPLOYMENT: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: app, image: web, securityContext: {privileged: {{ .Values.privileged }}}}
"""


@pytest.fixture(scope="module")
def renderers() -> Renderers:
    helm, kubectl = (str(build_tool(name)) for name in ("helm", "kubectl"))
    return Renderers(helm=(helm, "template"), kustomize=(kubectl, "kustomize"))


@pytest.fixture
def chart(tmp_path: Path) -> Chart:
    folder = tmp_path / "web"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n", "utf-8")
    (folder / "values.yaml").write_text("privileged: false\n", "utf-8")
    (folder / "templates" / "web.yaml").write_text(_DEPLOYMENT, "utf-8")
    return Chart(str(folder), folder)


def _privileged(document: Document) -> object:
    (container,) = document.value["spec"]["template"]["spec"]["containers"]
    return container["securityContext"]["privileged"]


def test_a_chart_is_rendered_with_values(chart: Chart, renderers: Renderers) -> None:
    values = chart.path.parent / "prod.yaml"
    values.write_text("privileged: true\n", "utf-8")
    assert find_inputs([str(chart.path.parent)])[1:] == [chart]
    for given, privileged in (((), False), ((str(values),), True)):
        with_values = Renderers(helm=renderers.helm, values=given)
        (document,) = read_input(chart, with_values)
        assert isinstance(document, Document)
        assert _privileged(document) is privileged
        assert document.source.file == f"{chart.name}/templates/web.yaml"
        assert document.locate("/kind").line == 4


def test_our_own_chart_is_rendered(renderers: Renderers) -> None:
    found = list(read_input(Chart("charts/revet", CHART), renderers))
    documents = [each for each in found if isinstance(each, Document)]
    assert len(documents) == len(found)
    assert {"Deployment", "CustomResourceDefinition"} <= {each.value["kind"] for each in documents}
    files = {each.source.file for each in documents}
    assert all(CHART.parent.parent.joinpath(file).is_file() for file in files), files


def test_a_broken_chart_is_bad_input(chart: Chart, renderers: Renderers) -> None:
    (chart.path / "templates" / "web.yaml").write_text("{{ .Values.", "utf-8")
    (problem,) = read_input(chart, renderers)
    assert isinstance(problem, InputProblem)
    assert "templates/web.yaml:1" in problem.message


def test_a_library_chart_is_not_checked(chart: Chart, renderers: Renderers) -> None:
    with (chart.path / "Chart.yaml").open("a", encoding="utf-8") as file:
        file.write("type: library\n")
    (skipped,) = read_input(chart, renderers)
    assert isinstance(skipped, Skipped)


def test_a_kustomization_is_rendered(tmp_path: Path, renderers: Renderers) -> None:
    text = _DEPLOYMENT.replace("{{ .Values.privileged }}", "false")
    patch = '- {op: replace, path: /metadata/name, value: "on"}\n'
    for name, content in {
        "base/kustomization.yaml": "resources: [web.yaml]\n",
        "base/web.yaml": text,
        "prod/kustomization.yaml": "resources: [../base]\npatches:\n"
        "- {path: patch.yaml, target: {kind: Deployment}}\n",
        "prod/patch.yaml": patch,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, "utf-8")
    (found,) = find_inputs([str(tmp_path)])
    assert isinstance(found, Kustomization)
    (document,) = read_input(found, renderers)
    assert isinstance(document, Document)
    assert document.value["metadata"]["name"] == "on"
    assert document.source.origin == "kustomize"


def test_a_broken_kustomization_is_bad_input(tmp_path: Path, renderers: Renderers) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [gone.yaml]\n", "utf-8")
    (problem,) = read_input(Kustomization("here", tmp_path), renderers)
    assert isinstance(problem, InputProblem)
    assert "gone.yaml" in problem.message
