"""The chart's values: wrong ones are refused with their place, and all of them are documented."""

import json
import re
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.helm import CHART, Helm
from tests.chart.charts import CHANGES, defaults, render_text

_BAD: Final[list[tuple[str, Any, str]]] = [
    ("replicas", 2, "additional properties 'replicas' not allowed"),
    ("webhook.replica", 2, "additional properties 'replica' not allowed"),
    ("webhook.image.name", "x", "additional properties 'name' not allowed"),
    ("webhook.resources.request", {}, "additional properties 'request' not allowed"),
    ("webhook.replicas", "2", "got string, want integer"),
    ("webhook.replicas", 0, "minimum: got 0, want 1"),
    ("operator.replicas", 0, "minimum: got 0, want 1"),
    ("operator.auditInterval", 0.5, "got number, want integer"),
    ("webhook.drain", -1, "minimum: got -1, want 0"),
    ("webhook.url", "http://revet.example.com", "does not match pattern"),
    ("webhook.url", "https://revet.example.com/path", "does not match pattern"),
    ("webhook.image.digest", "sha256:0", "does not match pattern"),
    ("webhook.image.pullPolicy", "Sometimes", "value must be one of"),
    ("systemNamespaces", "calico-system", "got string, want array"),
    ("systemNamespaces", ["Calico"], "does not match pattern"),
    ("systemNamespaces", ["a", "a"], "are equal"),
    ("toleratedKeys", ["a b"], "does not match pattern"),
    ("canary.pinnedImage", "registry.example.com/revet:1.2.3", "does not match pattern"),
    ("canary.timeout", 0, "minimum: got 0, want 1"),
    ("publicRoot.tufUrl", "http://tuf.example.com", "does not match pattern"),
    ("monitoring.rules", "yes", "got string, want boolean"),
    ("webhook.nodeSelector", {"pool": 1}, "got number, want string"),
    ("webhook.tolerations", [{"keys": "pool"}], "additional properties 'keys' not allowed"),
    ("operator", None, "missing property 'operator'"),
]


@pytest.mark.parametrize(("path", "value", "message"), _BAD, ids=json.dumps)
def test_a_wrong_value_is_refused_with_its_place(path: str, value: object, message: str) -> None:
    said = render_text({path: value}, check=False)
    assert "values don't meet the specifications of the schema" in said
    assert message in said


def test_a_global_value_is_refused_here_and_taken_from_a_parent(tmp_path: Path) -> None:
    said = render_text({"global.registry": "example.com"}, check=False)
    assert "global is no value of this chart" in said
    chart: dict[str, object] = {"apiVersion": "v2", "name": "parent", "version": "1.0.0"}
    chart["dependencies"] = [{"name": "revet", "version": "0.1.0"}]
    (tmp_path / "Chart.yaml").write_text(json.dumps(chart), encoding="utf-8")
    shutil.copytree(CHART, tmp_path / "charts" / "revet")
    done = Helm(tmp_path / "helm").run("template", "x", str(tmp_path), "--set=global.registry=y")
    assert "name: revet-webhook" in done.stdout


def test_each_value_has_a_comment() -> None:
    lines = (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()
    keys = {path.rpartition(".")[2] for path in defaults()}
    written = [number for number, line in enumerate(lines) if _key(line) in keys]
    assert len(written) == len(defaults())
    for number in written:
        assert lines[number - 1].lstrip().startswith("# "), lines[number]


def _key(line: str) -> str:
    return line.partition(":")[0].strip()


def test_the_documentation_names_each_value_with_its_default() -> None:
    text = (CHART.parents[1] / "docs" / "install.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.]+)` \| `(.+?)` \| .+ \|$", text, re.MULTILINE)
    assert {path: json.loads(value) for path, value in rows} == defaults()
    assert len(rows) == len(defaults())


def test_every_value_does_something() -> None:
    assert set(CHANGES) == set(defaults())
    # Labels of what is not made can't be seen.
    shown = ("monitoring.rules", "monitoring.podMonitor", "ingest.enabled")
    base: dict[str, Any] = dict.fromkeys(shown, True)
    base["canary.pinnedImage"] = CHANGES["canary.pinnedImage"]
    before = render_text(base)
    unused = []
    for path, value in CHANGES.items():
        assert value != defaults()[path], path
        changed = base | {path: defaults()[path] if path in base else value}
        if render_text(changed) == before:
            unused.append(path)
    assert unused == []
