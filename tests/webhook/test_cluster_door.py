"""What is in no namespace: findings refuse it, but whatever we can't judge passes."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from revet.core.kinds import BY_NAME
from tests.support.manifests import Manifest, namespace
from tests.support.own_checks import BAD, CLUSTER_SCOPED, ITEMS, item_check
from tests.support.policy_builder import compile_policy
from tests.support.reviews import messages
from tests.webhook.harness import Harness, serve

CATALOG = [item_check("all-kinds", *ITEMS)]
ENTRIES = [entry for _, entry in compile_policy(selector={}, catalog=CATALOG).entries]
AUDIT, PATH = sorted(entry.path for entry in ENTRIES)
VALIDATE = AUDIT.replace("audit", "validate")
BRIEFLY = "?timeout=1550ms"


@pytest.fixture
async def webhook(tmp_path: Path) -> AsyncIterator[Harness]:
    async with serve(tmp_path, CATALOG) as harness:
        harness.know(namespace("shop", {"tier": "prod"}))
        yield harness


def _policy(
    name: str = "everywhere", enforcement: str = "Enforce", labels: Mapping[str, str] | None = None
) -> Manifest:
    return {
        "apiVersion": "revet.dev/v1alpha1",
        "kind": "HardeningPolicy",
        "metadata": {"name": name},
        "spec": {
            "namespaceSelector": {"matchLabels": dict(labels)} if labels else {},
            "profile": "restricted",
            "enforcement": enforcement,
        },
    }


def _object(kind: str = "ClusterRole", label: str = "all-kinds", version: str = "") -> Manifest:
    return {
        "apiVersion": version or f"{BY_NAME[kind].group}/v1".removeprefix("/"),
        "kind": kind,
        "metadata": {"name": "web", "labels": {BAD: label}},
    }


@pytest.mark.parametrize("kind", CLUSTER_SCOPED)
async def test_a_finding_in_enforce_refuses(webhook: Harness, kind: str) -> None:
    webhook.know(_policy())
    response = await webhook.ask(PATH, _object(kind), namespace="")
    assert response["allowed"] is False
    assert messages(response).startswith(f"\n{kind} web: 1 finding, policy everywhere (restricted)")
    assert json.loads(response["auditAnnotations"]["findings"])[0]["mode"] == "Enforce"
    good = await webhook.ask(PATH, _object(kind, "nothing"), namespace="")
    assert good == {"uid": "0b4a-1", "allowed": True}


async def test_it_is_counted_once(webhook: Harness) -> None:
    webhook.know(_policy(), _policy("prod", labels={"tier": "prod"}))
    await webhook.ask(PATH, _object(), namespace="")
    labels = {"control": "all-kinds", "mode": "Enforce"}
    assert webhook.count("revet_findings_total", policy="everywhere", **labels) == 1
    assert webhook.count("revet_findings_total", policy="prod", **labels) == 0
    [line] = webhook.lines()
    assert (line["door"], line["kind"], line["verdict"]) == ("cluster", "ClusterRole", "denied")


@pytest.mark.parametrize(("enforcement", "warned"), [("Warn", 1), ("Audit", 0)])
async def test_below_enforce_it_is_let_through(
    webhook: Harness, enforcement: str, warned: int
) -> None:
    webhook.know(_policy(enforcement=enforcement))
    response = await webhook.ask(PATH, _object(), namespace="")
    assert response["allowed"] is True
    assert len(response.get("warnings", [])) == warned
    assert json.loads(response["auditAnnotations"]["findings"])[0]["mode"] == enforcement


async def test_what_cannot_be_judged_passes(webhook: Harness) -> None:
    webhook.know(_policy())
    broken = _object() | {"rules": "all of them"}
    response = await webhook.ask(PATH, broken, namespace="")
    assert response["allowed"] is True
    assert "ClusterRole web could not be judged" in response["auditAnnotations"]["unjudged"]
    assert "Expected `array | null`, got `str` - at `$.rules`" in response["warnings"][0]
    other = await webhook.ask(PATH, _object("ConfigMap", version="v1"), namespace="")
    assert other["allowed"] is True
    assert "core/ConfigMap" in other["auditAnnotations"]["unjudged"]
    assert webhook.count("revet_fail_closed_total", reason="error") == 0


async def test_an_unknown_entry_passes(webhook: Harness) -> None:
    response = await webhook.ask(f"{PATH}{BRIEFLY}", _object(), namespace="")
    assert response["allowed"] is True
    assert "ClusterRole web was not judged" in response["warnings"][0]
    assert webhook.count("revet_fail_closed_total", reason="unknown-entry") == 0


async def test_a_namespaced_kind_is_refused_by_its_fail_entry(webhook: Harness) -> None:
    webhook.know(_policy())
    service = _object("Service", version="v1")
    response = await webhook.ask(VALIDATE, service)
    assert response["allowed"] is False
    assert messages(response).startswith("\nService shop/web: 1 finding")
    changed = _object("Service", version="v1") | {"spec": {"type": "NodePort"}}
    assert (await webhook.ask(VALIDATE, changed, old=service))["allowed"] is False
    assert (await webhook.ask(VALIDATE, service, old=service))["allowed"] is True
    broken = await webhook.ask(VALIDATE, service | {"spec": []})
    assert broken["allowed"] is False
    assert "Service shop/web could not be judged: Service: Expected `object`" in messages(broken)


async def test_a_kind_without_a_pod_is_never_patched(webhook: Harness) -> None:
    webhook.know(_policy())
    mutate = VALIDATE.replace("validate", "mutate")
    response = await webhook.ask(mutate, _object("Service", version="v1"))
    assert response == {"uid": "0b4a-1", "allowed": True}
