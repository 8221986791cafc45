"""What the chart renders: rights, pods, names and alerts, with default and with other values."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from inspect import signature
from typing import Any, Final

import pytest

from e2e.helm import CHART
from revet.core.check import Level
from revet.core.checks import ALL
from revet.core.engine import evaluate, select_level
from revet.core.model.version import LATEST
from revet.ingest.main import serve as serve_ingest
from revet.ingest.metrics import Metrics as IngestMetrics
from revet.operator.main import serve as serve_operator
from revet.operator.metrics import Metrics as OperatorMetrics
from revet.webhook.main import serve as serve_webhook
from revet.webhook.metrics import Metrics as WebhookMetrics
from tests.chart.charts import CHANGES, QUARANTINE, find, render, render_text
from tests.support.check_files import read_manifest
from tests.support.manifests import Manifest

_MODES: Final[Mapping[str, Mapping[str, Any]]] = {"default values": {}, "all other values": CHANGES}
_CANARY: Final = "revet-system-canary"
_PROCESSES: Final = ("revet-operator", "revet-webhook")
_PEOPLE: Final = ("policy-admin", "policy-viewer", "releaser")


@pytest.fixture(scope="module", params=list(_MODES.values()), ids=list(_MODES))
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(request.param)


@pytest.fixture(scope="module")
def everything() -> list[Manifest]:
    return render(CHANGES)


def test_the_names_are_those_that_the_operator_knows(manifests: list[Manifest]) -> None:
    names = {f"{each['kind']}/{each['metadata']['name']}" for each in manifests}
    accounts = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Deployment")
    expected = {f"{kind}/{name}" for kind in accounts for name in _PROCESSES}
    expected |= {f"{kind}/{name}" for kind in ("Role", "RoleBinding") for name in _PROCESSES}
    expected |= {"Service/revet-webhook", "PodDisruptionBudget/revet-webhook"}
    expected |= {f"ClusterRole/revet-{name}" for name in _PEOPLE}
    if _has_ingest(manifests):
        expected |= {f"{kind}/revet-ingest" for kind in (*accounts, "Service")}
        expected.add("PodDisruptionBudget/revet-ingest")
        # What has all other values has a public root and a canary, too.
        expected.add("ConfigMap/revet-public-root")
        expected |= {f"{kind}/revet-canary" for kind in ("Role", "RoleBinding")}
        expected.add(f"Namespace/{_CANARY}")
    assert names - {"PodMonitor/revet", "PrometheusRule/revet"} == expected


def _has_ingest(manifests: list[Manifest]) -> bool:
    return any(each["metadata"]["name"] == "revet-ingest" for each in manifests)


def test_nothing_is_a_hook_or_a_webhook_configuration(manifests: list[Manifest]) -> None:
    assert "helm.sh/hook" not in json.dumps(manifests)
    assert not [each for each in manifests if "WebhookConfiguration" in each["kind"]]


def test_namespaced_objects_are_in_the_release_s_namespace(manifests: list[Manifest]) -> None:
    for each in manifests:
        name, kind = each["metadata"]["name"], each["kind"]
        wanted = _CANARY if name == "revet-canary" else "revet-system"
        found = each["metadata"].get("namespace", wanted)
        assert found == wanted, name
        assert ("namespace" in each["metadata"]) is not kind.startswith(("ClusterRole", "Namesp"))
        assert each["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"


def _rules(manifests: list[Manifest]) -> Iterator[tuple[str, Mapping[str, list[str]]]]:
    for each in manifests:
        if each["kind"] in {"Role", "ClusterRole"}:
            for rule in each["rules"]:
                yield f"{each['kind']}/{each['metadata']['name']}", rule


def test_no_right_is_a_wildcard(manifests: list[Manifest]) -> None:
    rules = list(_rules(manifests))
    assert len(rules) > 10
    for role, rule in rules:
        for field in ("apiGroups", "resources", "verbs"):
            assert rule[field], (role, rule)
            assert not [text for text in rule[field] if "*" in text], (role, rule)


#: By resource, what nobody of ours may do in the whole cluster, unless by name.
_NEVER: Final[Mapping[str, set[str]]] = {
    "namespaces": {"create", "update", "delete"},
    "secrets": {"get", "list", "watch", "create", "update", "patch", "delete"},
    "pods": {"create", "update", "patch", "delete"},
    "validatingwebhookconfigurations": {"create", "update", "patch", "delete"},
    "mutatingwebhookconfigurations": {"create", "update", "patch", "delete"},
    "validatingadmissionpolicies": {"create", "update", "patch", "delete"},
    "validatingadmissionpolicybindings": {"create", "update", "patch", "delete"},
    "clusterroles": {"get", "create", "update", "patch", "delete", "bind", "escalate"},
    "serviceaccounts/token": {"create"},
}

_POD_PULL_SECRETS: Final = (
    "ClusterRole/revet-webhook",
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
)


def test_secrets_can_be_read_only_where_the_values_say_so() -> None:
    def readable(values: Mapping[str, Any]) -> list[dict[str, Any]]:
        rules = _rules(render(values))
        return [
            {"role": role, **rule}
            for role, rule in rules
            if role.endswith("/revet-webhook") and "secrets" in rule["resources"]
        ]

    assert readable({}) == []
    [named] = readable({"webhook.images.pullSecrets": ["registry"]})
    assert (named["role"], named["resourceNames"]) == ("Role/revet-webhook", ["registry"])
    assert named["verbs"] == ["list", "watch"]
    [every] = readable({"webhook.images.podPullSecrets": True})
    assert (every.pop("role"), every) == _POD_PULL_SECRETS


def test_what_could_take_the_cluster_over_is_not_granted(manifests: list[Manifest]) -> None:
    for role, rule in _rules(manifests):
        if (role, rule) in (_POD_PULL_SECRETS, QUARANTINE):
            continue
        if role.startswith("ClusterRole") and not rule.get("resourceNames"):
            for resource in rule["resources"]:
                assert not _NEVER.get(resource, set()) & set(rule["verbs"]), (role, rule)
        assert not {"impersonate", "escalate", "bind"} & set(rule["verbs"]), (role, rule)


def test_only_people_may_relabel(manifests: list[Manifest]) -> None:
    roles = {role for role, rule in _rules(manifests) if "relabel" in rule["verbs"]}
    assert roles == {"ClusterRole/revet-policy-admin"}
    bound = {each["roleRef"]["name"] for each in manifests if each["kind"].endswith("Binding")}
    assert bound - {"revet-ingest", "revet-canary"} == set(_PROCESSES)


def _findings(deployment: Manifest) -> list[str]:
    checks = select_level(ALL, Level.RESTRICTED, LATEST)
    return [each.control for each in evaluate(read_manifest(deployment).pod(), checks)]


@pytest.mark.parametrize("name", _PROCESSES)
def test_our_own_pods_are_restricted_by_our_own_engine(
    manifests: list[Manifest], name: str
) -> None:
    deployment = find(manifests, "Deployment", name)
    assert _findings(deployment) == []
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"]["memory"]
    assert container["command"] == [name]
    assert pod["serviceAccountName"] == name
    assert pod["enableServiceLinks"] is False
    # The engine does judge: without its security contexts, the same Deployment has findings.
    bare = deepcopy(deployment)
    del bare["spec"]["template"]["spec"]["securityContext"]
    del bare["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    assert "run-as-non-root" in _findings(bare)


@pytest.mark.parametrize("name", _PROCESSES)
def test_pods_are_found_by_what_selects_them(manifests: list[Manifest], name: str) -> None:
    deployment = find(manifests, "Deployment", name)["spec"]
    labels = deployment["template"]["metadata"]["labels"].items()
    assert deployment["selector"]["matchLabels"].items() <= labels
    for spread in deployment["template"]["spec"]["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"].items() <= labels
    service = find(manifests, "Service", "revet-webhook")["spec"]
    budget = find(manifests, "PodDisruptionBudget", "revet-webhook")["spec"]
    is_webhook = name == "revet-webhook"
    assert (service["selector"].items() <= labels) is is_webhook
    assert (budget["selector"]["matchLabels"].items() <= labels) is is_webhook
    ports = {port["name"] for port in deployment["template"]["spec"]["containers"][0]["ports"]}
    assert (service["ports"][0]["targetPort"] in ports) is is_webhook


#: What a pod leaves to the program: it signs in as its ServiceAccount, under its own name.
_NOT_IN_A_POD: Final = {"kubeconfig", "identity"}


@pytest.mark.parametrize(
    ("name", "serve"),
    [
        ("revet-operator", serve_operator),
        ("revet-webhook", serve_webhook),
        ("revet-ingest", serve_ingest),
    ],
)
def test_every_flag_of_a_program_is_set_and_there_is_no_other(
    everything: list[Manifest], name: str, serve: Callable[..., None]
) -> None:
    pod = find(everything, "Deployment", name)["spec"]["template"]["spec"]
    flags = {arg.partition("=")[0] for arg in pod["containers"][0]["args"]}
    options = set(signature(serve).parameters) - _NOT_IN_A_POD
    assert flags == {f"--{option.replace('_', '-')}" for option in options}


def test_the_ingest_is_only_there_where_it_is_asked_for(everything: list[Manifest]) -> None:
    assert not _has_ingest(render())
    assert _has_ingest(everything)
    rights = [rule for role, rule in _rules(everything) if role.endswith("/revet-ingest")]
    assert {verb for rule in rights for verb in rule["verbs"]} == {"list", "watch", "create"}
    assert [rule["resources"] for rule in rights if "create" in rule["verbs"]] == [["tokenreviews"]]
    kept = ("Role/revet-operator", ["secrets"])
    [secrets] = [rule for role, rule in _rules(everything) if (role, rule["resources"]) == kept]
    assert "revet-ingest-tls" in secrets["resourceNames"]
    [bare] = [rule for role, rule in _rules(render()) if (role, rule["resources"]) == kept]
    assert "revet-ingest-tls" not in bare["resourceNames"]


def test_the_ingest_s_pods_are_restricted_and_found(everything: list[Manifest]) -> None:
    deployment = find(everything, "Deployment", "revet-ingest")
    assert _findings(deployment) == []
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert (container["command"], container["securityContext"]["readOnlyRootFilesystem"]) == (
        ["revet-ingest"],
        True,
    )
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    service = find(everything, "Service", "revet-ingest")["spec"]
    assert service["selector"].items() <= labels
    assert service["ports"][0]["targetPort"] in {each["name"] for each in container["ports"]}
    mounts = {each["name"] for each in container["volumeMounts"]}
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    assert mounts == {each["name"] for each in volumes} == {"tls", "senders", "client-ca"}


def test_a_replica_has_time_to_drain(manifests: list[Manifest]) -> None:
    pod = find(manifests, "Deployment", "revet-webhook")["spec"]["template"]["spec"]
    [drain] = [arg for arg in pod["containers"][0]["args"] if arg.startswith("--drain=")]
    # 5 s more are for answers under way.
    assert pod["terminationGracePeriodSeconds"] > int(drain.removeprefix("--drain=")) + 5


def test_one_replica_has_no_disruption_budget() -> None:
    kinds = {each["kind"] for each in render({"webhook.replicas": 1})}
    assert "PodDisruptionBudget" not in kinds
    assert "Deployment" in kinds


def test_a_digest_wins_over_a_tag() -> None:
    image = {"webhook.image.repository": "example.com/revet", "webhook.image.tag": "1.2"}
    digest = f"sha256:{'a' * 64}"
    for values, expected in (
        (image, "example.com/revet:1.2"),
        (image | {"webhook.image.digest": digest}, f"example.com/revet@{digest}"),
    ):
        deployment = find(render(values), "Deployment", "revet-webhook")
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        assert container["image"] == expected


def test_a_long_interval_is_written_in_digits() -> None:
    values = {"operator.auditInterval": 2_000_000, "webhook.staleAfter": 3_000_000}
    values |= {"operator.imageInterval": 4_000_000}
    text = render_text(values)
    assert "--audit-interval=2000000\n" in text
    assert "--stale-after=3000000\n" in text
    assert "--image-interval=4000000\n" in text


def test_alerts_ask_for_metrics_that_there_are(everything: list[Manifest]) -> None:
    [group] = find(everything, "PrometheusRule", "revet")["spec"]["groups"]
    webhook = WebhookMetrics(lambda: 0.0, lambda: 0.0, lambda: {"production": 1})
    exposed = webhook.expose() + OperatorMetrics().expose() + IngestMetrics().expose()
    # Those with labels have no sample yet, but all have a type.
    known = set(re.findall(r"^# TYPE (revet_\w+) ", exposed.decode(), re.MULTILINE))
    for rule in group["rules"]:
        asked = set(re.findall(r"revet_\w+", rule["expr"]))
        assert asked, rule
        assert asked <= known, rule
        assert rule["annotations"]["summary"]
    docs = (CHART.parents[1] / "docs" / "install.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(Revet\w+)` \| .+ \|$", docs, re.MULTILINE)
    assert told == [rule["alert"] for rule in group["rules"]]


def test_the_chart_is_of_our_version() -> None:
    text = (CHART / "Chart.yaml").read_text(encoding="utf-8")
    project = (CHART.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    [version] = re.findall(r'^version = "(.+)"$', project, re.MULTILINE)
    assert f"\nversion: {version}\n" in text
    assert f"\nappVersion: {version}\n" in text
