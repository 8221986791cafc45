"""`revet render`: what the operator's own functions make, for policies and namespaces in files."""

import json
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from revet.cli.main import Profile
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model import policy
from revet.core.model.policy import parse_policy
from revet.core.network.facts import Place
from revet.core.render.networkpolicy import network_policies
from tests.cli.command import invoke

POLICY: Final = """\
apiVersion: revet.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: production}
spec:
  namespaceSelector: {matchLabels: {tier: prod}}
  profile: restricted
  enforcement: Enforce
  network: {mode: Enforce, isolate: [Ingress, Egress], allow: {dns: true}}
  namespaces: {mode: Enforce, podSecurity: {enforce: baseline, warn: restricted}}
"""
BOUNDS: Final = ("ResourceQuota", "LimitRange", "ServiceAccount")
NO_DNS: Final = (
    "allow.dns: there is no Service kube-system/kube-dns with a selector, so port 53 of Pods with"
    " k8s-app: kube-dns is taken for the DNS"
)
NO_API_SERVER: Final = (
    "allow.apiServer: no EndpointSlice of Service default/kubernetes tells its addresses"
)
NAMESPACES: Final = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {tier: prod, pod-security.kubernetes.io/warn: baseline}}
---
apiVersion: v1
kind: Namespace
metadata: {name: other}
---
apiVersion: v1
kind: Namespace
metadata: {name: kube-system, labels: {tier: prod}}
"""

_run = partial(invoke, "render")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("policy.yaml").write_text(POLICY, encoding="utf-8")
    Path("namespaces.yaml").write_text(NAMESPACES, encoding="utf-8")


def _render(*args: str) -> dict[tuple[str, str], dict[str, Any]]:
    code, text, _ = _run("-p", "policy.yaml", *args)
    assert code == 0
    manifests = list(yaml.safe_load_all(text))
    return {(each["kind"], each["metadata"]["name"]): each for each in manifests}


def test_entries_and_guards_need_no_namespace() -> None:
    found = _render()
    assert {kind for kind, _ in found} == {
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
    hashes = {entry.path for _, entry in CompiledPolicy.of(_policy()).entries}
    webhooks = found["ValidatingWebhookConfiguration", "revet"]["webhooks"]
    paths = {each["clientConfig"]["service"]["path"] for each in webhooks}
    assert paths == hashes
    guard = found["ValidatingAdmissionPolicy", "revet-namespace-labels"]
    assert "'tier'" in guard["spec"]["variables"][0]["expression"]


def _policy() -> policy.HardeningPolicy:
    return parse_policy(json.dumps(yaml.safe_load(POLICY)))


def test_a_selected_namespace_gets_its_isolation_and_its_labels() -> None:
    found = _render("--namespace-file", "namespaces.yaml")
    made = network_policies(_policy(), Place("shop"))
    assert len(made) == 2
    for each in made:
        shown = found["NetworkPolicy", each["metadata"]["name"]]
        assert shown["spec"] == each["spec"]
        assert shown["metadata"]["namespace"] == "shop"
    labels = found["Namespace", "shop"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "baseline"
    assert labels["pod-security.kubernetes.io/warn"] == "restricted"
    assert "baseline" in str(found["Namespace", "shop"]["metadata"]["annotations"])
    assert {name for kind, name in found if kind == "Namespace"} == {"shop"}


def test_a_selected_namespace_gets_its_bounds() -> None:
    asked = (
        "warn: restricted}, resourceQuota: {hard: {pods: 5}}, limitRange: {limits: [{type: Pod,"
        " max: {cpu: 2}}]}, serviceAccounts: {automountToken: false}}"
    )
    text = POLICY.replace("warn: restricted}}", asked)
    Path("policy.yaml").write_text(text, encoding="utf-8")
    Path("later.yaml").write_text(text.replace("production", "staging"), encoding="utf-8")
    given = ("-p", "policy.yaml", "-p", "later.yaml", "--namespace-file", "namespaces.yaml")
    code, output, errors = _run(*given)
    made = [each for each in yaml.safe_load_all(output) if each["kind"] in BOUNDS]
    assert code == 0
    assert [(each["kind"], each["metadata"]["namespace"]) for each in made] == [
        ("ResourceQuota", "shop"),
        ("LimitRange", "shop"),
        ("ResourceQuota", "shop"),
        ("ServiceAccount", "shop"),
    ]
    assert made[0]["spec"] == {"hard": {"pods": "5"}}
    assert made[1]["spec"] == {"limits": [{"type": "Pod", "max": {"cpu": "2"}}]}
    assert made[3]["automountServiceAccountToken"] is False
    assert "Namespace shop: policy staging: the LimitRange of production holds" in errors


def test_nothing_stands_there_that_only_a_cluster_knows() -> None:
    text = _run("-p", "policy.yaml", "--namespace-file", "namespaces.yaml")[1]
    below = text.partition("---")[2]
    assert not any(word in below for word in ("ownerReferences", "caBundle", "uid", "&id"))


def test_who_is_not_selected_is_told() -> None:
    _, _, errors = _run("-p", "policy.yaml", "--namespace-file", "namespaces.yaml")
    assert errors.splitlines() == [
        "Namespace other: no policy selects it",
        "Namespace kube-system: no policy selects it",
        f"policy production: {NO_DNS}",
        f"policy production: {NO_API_SERVER}",
    ]


def test_what_the_labels_can_not_say_is_told() -> None:
    Path("policy.yaml").write_text(POLICY.replace("Enforce\n  net", "Audit\n  net"), "utf-8")
    _, text, errors = _run("-p", "policy.yaml", "--namespace-file", "namespaces.yaml")
    assert "Namespace shop: policy production: enforce is not written: the policy's" in errors
    assert "pod-security.kubernetes.io/enforce:" not in text


@pytest.mark.parametrize(
    ("old", "new", "args", "said"),
    [
        (
            "{name: production}",
            "{name: production, annotations: {revet.dev/paused: 'true'}}",
            (),
            "policy production is paused: nothing for it",
        ),
        ("", "", ("--system-namespace", "shop"), "Namespace shop: no policy selects it"),
        ("", "", ("--own-namespace", "shop"), "Namespace shop: no policy selects it"),
    ],
)
def test_nothing_is_written_for(old: str, new: str, args: tuple[str, ...], said: str) -> None:
    Path("policy.yaml").write_text(POLICY.replace(old, new) if old else POLICY, "utf-8")
    code, text, errors = _run("-p", "policy.yaml", "--namespace-file", "namespaces.yaml", *args)
    assert code == 0
    assert said in errors
    assert "kind: NetworkPolicy" not in text


def test_a_namespace_that_is_open_gets_nothing() -> None:
    text = NAMESPACES.replace("tier: prod, ", "tier: prod, revet.dev/break-glass: open, ")
    Path("namespaces.yaml").write_text(text, encoding="utf-8")
    found = _render("--namespace-file", "namespaces.yaml")
    assert {kind for kind, _ in found}.isdisjoint({"Namespace", "NetworkPolicy"})


def test_a_webhook_outside_is_called_by_its_address() -> None:
    found = _render("--webhook-url", "https://127.0.0.1:9443")
    entry = found["ValidatingWebhookConfiguration", "revet"]["webhooks"][0]
    assert entry["clientConfig"]["url"].startswith("https://127.0.0.1:9443/")


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("policy.yaml", POLICY.replace("restricted\n", "strict\n"), "policy.yaml:6: Hard"),
        ("policy.yaml", NAMESPACES, "policy.yaml: holds no HardeningPolicy"),
        ("namespaces.yaml", "a: [\n", "namespaces.yaml:"),
    ],
)
def test_bad_input_gives_nothing(file: str, text: str, said: str) -> None:
    Path(file).write_text(text, encoding="utf-8")
    code, output, errors = _run("-p", "policy.yaml", "--namespace-file", "namespaces.yaml")
    assert (code, output) == (2, "")
    assert f"revet render: {said}" in errors


def test_what_is_no_namespace_is_told() -> None:
    Path("more.yaml").write_text("apiVersion: v1\nkind: Event\nmetadata: {name: x}\n", "utf-8")
    code, _, errors = _run("-p", "high", "--namespace-file", "more.yaml")
    assert code == 0
    assert "more.yaml: Event is not used" in errors


def test_the_profiles_of_the_options_are_the_models() -> None:
    assert [each.value for each in Profile] == [each.value for each in policy.Profile]
