"""The chart's own roles and bindings under our own controls, each of them switched on."""

import json
import re
from pathlib import Path

from revet.core.check import Outcome
from revet.core.checks import ALL
from revet.core.item import is_item, read_item
from revet.core.model.settings import DEFAULT_SETTINGS
from tests.chart.charts import render
from tests.support.manifests import Manifest

DOCS = Path(__file__).parents[2] / "docs" / "install.md"


def _found(manifest: Manifest) -> set[tuple[str, str]]:
    group = manifest["apiVersion"].rpartition("/")[0]
    if not is_item(group, manifest["kind"]):
        return set()
    item = read_item(group, manifest["kind"], json.dumps(manifest).encode())
    return {
        (manifest["metadata"]["name"], finding.control)
        for check in ALL
        for rule in check.items
        if item.kind in rule.kinds
        for finding in rule.bind(DEFAULT_SETTINGS)(item)
        if finding.outcome is Outcome.FAIL
    }


def test_only_the_right_to_label_namespaces_is_found() -> None:
    manifests = render()
    assert {each["kind"] for each in manifests} >= {"ClusterRole", "Role", "ClusterRoleBinding"}
    found = set[tuple[str, str]]().union(*map(_found, manifests))
    assert found == {("revet-operator", "rbac-namespace-write")}
    # The guide says how to let it pass.
    line = r"- \{id: rbac-namespace-write, allow: \[revet-operator\]\}"
    assert re.search(line, DOCS.read_text(encoding="utf-8"))
