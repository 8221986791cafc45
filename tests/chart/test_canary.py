"""The canary in the chart: off until an image is named, and then with few rights, in one place."""

from typing import Final

from tests.chart.charts import CHANGES, find, render, render_text

_VALUES: Final = {"canary.pinnedImage": CHANGES["canary.pinnedImage"]}
_NAMESPACE: Final = "revet-system-canary"


def test_without_an_image_there_is_no_trace_of_it() -> None:
    assert "canary" not in render_text()


def test_its_namespace_is_outside_of_every_policy_for_all_processes() -> None:
    flag = f"- --system-namespace={_NAMESPACE}\n"
    assert render_text(_VALUES).count(flag) == 2
    assert render_text({**_VALUES, "ingest.enabled": True}).count(flag) == 3


def test_its_rights_are_about_pods_of_its_namespace_alone() -> None:
    manifests = render(_VALUES)
    roles = [each for each in manifests if each["kind"] in {"Role", "ClusterRole"}]
    making = [
        each["metadata"]["name"]
        for each in roles
        for rule in each["rules"]
        if "pods" in rule["resources"] and "create" in rule["verbs"]
    ]
    assert making == ["revet-canary"]
    role = find(manifests, "Role", "revet-canary")
    assert role["metadata"]["namespace"] == _NAMESPACE
    [rule] = role["rules"]
    assert (rule["resources"], rule["verbs"]) == (["pods"], ["get", "list", "create", "delete"])
    namespace = find(manifests, "Namespace", _NAMESPACE)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
