"""What the API server is told: verdicts, warnings, annotations and patches, by door and mode."""

import base64
import json
from copy import deepcopy
from typing import Any

import pytest

from tests.support.manifests import (
    GOOD_CONTEXT,
    WORKLOADS,
    Manifest,
    container,
    good_container,
    good_pod,
    namespace,
    pod,
    policy,
    workload,
)
from tests.support.reviews import messages, paths
from tests.webhook.harness import Harness

STRICT = policy("strict", {"tier": "prod"}, enforcement="Enforce")
[PATH] = paths(STRICT)
MUTATE = PATH.replace("validate", "mutate")
CONTROLS = [
    "no-privilege-escalation",
    "run-as-non-root",
    "seccomp-required",
    "drop-all-capabilities",
]


def _findings(response: Manifest) -> list[Manifest]:
    found: list[Manifest] = json.loads(response["auditAnnotations"]["findings"])
    return found


async def test_a_denial_is_forbidden_and_names_every_finding(webhook: Harness) -> None:
    webhook.know(STRICT)
    response = await webhook.ask(PATH, pod("bad"), uid="u-17")
    assert response["uid"] == "u-17"
    assert response["allowed"] is False
    assert response["status"]["code"] == 403
    assert response["status"]["reason"] == "Forbidden"
    text = messages(response)
    assert text.startswith("\nPod shop/bad: 4 findings, policy strict (restricted)\n")
    assert text.endswith(f"revet explain {' '.join(CONTROLS)}")
    assert text.count("fix: ") == 4
    assert list(response["auditAnnotations"]) == ["findings"]
    assert [found["control"] for found in _findings(response)] == CONTROLS
    assert {found["mode"] for found in _findings(response)} == {"Enforce"}


async def test_under_warn_each_finding_is_a_warning(webhook: Harness) -> None:
    milder = policy("milder", {"tier": "prod"}, enforcement="Warn")
    webhook.know(milder)
    response = await webhook.ask(paths(milder)[0], pod())
    assert response["allowed"] is True
    assert "status" not in response
    assert [text.split(" ")[0] for text in response["warnings"]] == CONTROLS
    assert all(len(text) <= 256 for text in response["warnings"])
    assert {found["mode"] for found in _findings(response)} == {"Warn"}


async def test_under_audit_only_the_annotation_tells(webhook: Harness) -> None:
    mildest = policy("mildest", {"tier": "prod"})
    webhook.know(mildest)
    [path] = paths(mildest)
    assert path.startswith("/audit/")
    response = await webhook.ask(path, pod())
    assert response["allowed"] is True
    assert "warnings" not in response
    assert [found["control"] for found in _findings(response)] == CONTROLS


async def test_a_dry_run_gets_the_same_answer_and_leaves_no_trace(webhook: Harness) -> None:
    webhook.know(STRICT)
    owned = pod()
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "r-1"}
    owned["metadata"]["ownerReferences"] = [owner | {"controller": True}]
    by = {"userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"}}
    dry = await webhook.ask(PATH, owned, dryRun=True, **by)
    assert webhook.count("revet_findings_total", **_labels("run-as-non-root")) == 0
    assert webhook.notices.all == []
    assert await webhook.ask(PATH, owned, **by) == dry
    assert webhook.count("revet_findings_total", **_labels("run-as-non-root")) == 1
    [notice] = webhook.notices.all
    assert (notice.namespace, notice.reason) == ("shop", "DeniedByPolicy")
    assert (notice.about.kind, notice.about.name, notice.about.uid) == ("ReplicaSet", "web", "r-1")
    assert "4 findings, policy strict" in notice.note


async def test_who_only_says_that_a_controller_owns_it_sends_no_event(webhook: Harness) -> None:
    webhook.know(STRICT)
    forged = pod()
    owner = {"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": "n-1"}
    forged["metadata"]["ownerReferences"] = [owner | {"controller": True}]
    assert (await webhook.ask(PATH, forged))["allowed"] is False
    assert webhook.notices.all == []


def _labels(control: str) -> dict[str, str]:
    return {"policy": "strict", "control": control, "mode": "Enforce"}


async def test_a_pod_is_patched_and_the_patched_one_passes(webhook: Harness) -> None:
    webhook.know(STRICT)
    plain = pod("web", container(securityContext={"runAsUser": 1000}))
    assert (await webhook.ask(PATH, plain))["allowed"] is False
    response = await webhook.ask(MUTATE, plain)
    assert response["allowed"] is True
    assert response["patchType"] == "JSONPatch"
    operations = json.loads(base64.b64decode(response["patch"]))
    assert {each["op"] for each in operations} == {"add"}
    listed = ",".join(each["path"] for each in operations)
    assert response["auditAnnotations"] == {"patched": listed}
    patched = _apply(plain, operations)
    assert patched["spec"]["containers"][0]["securityContext"] == {
        "runAsUser": 1000,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (await webhook.ask(PATH, patched)) == {"uid": "0b4a-1", "allowed": True}
    assert (await webhook.ask(MUTATE, patched)) == {"uid": "0b4a-1", "allowed": True}


def _apply(document: Manifest, operations: list[Manifest]) -> Manifest:
    """Carry out additions to objects, as RFC 6902 says."""
    result = deepcopy(document)
    for operation in operations:
        *parents, last = operation["path"].split("/")[1:]
        place: Any = result
        for token in parents:
            place = place[int(token)] if isinstance(place, list) else place[token]
        place[last] = deepcopy(operation["value"])
    return result


async def test_a_policy_below_enforce_patches_nothing(webhook: Harness) -> None:
    others = ("no-privilege-escalation", "run-as-non-root", "drop-all-capabilities")
    controls = [{"id": each, "patch": False} for each in others]
    seccomp = policy("seccomp", {"team": "shop"}, enforcement="Enforce", controls=controls)
    milder = policy("milder", {"tier": "prod"}, enforcement="Warn")
    webhook.know(seccomp, milder, namespace("shop", {"tier": "prod", "team": "shop"}))
    response = await webhook.ask(paths(seccomp)[0].replace("validate", "mutate"), pod())
    operations = json.loads(base64.b64decode(response["patch"]))
    assert [each["path"] for each in operations] == [
        "/spec/securityContext",
        "/spec/securityContext/seccompProfile",
    ]


@pytest.mark.parametrize("kind", WORKLOADS)
async def test_each_workload_kind_is_judged_by_its_template(webhook: Harness, kind: str) -> None:
    webhook.know(STRICT)
    denied = await webhook.ask(PATH, workload(kind))
    assert denied["allowed"] is False
    assert messages(denied).startswith(f"\n{kind} shop/web: ")
    prefix = {"PodTemplate": "template", "CronJob": "spec.jobTemplate.spec.template"}
    assert f'{prefix.get(kind, "spec.template")}.spec.containers[0] "app"' in messages(denied)
    assert (await webhook.ask(PATH, workload(kind, "web", good_container())))["allowed"] is True


async def test_a_template_is_judged_as_it_would_be_patched(webhook: Harness) -> None:
    webhook.know(STRICT)
    numbered = container(securityContext={"runAsUser": 1000})
    assert (await webhook.ask(PATH, workload("Deployment", "web", numbered)))["allowed"] is True


async def test_what_a_controller_owns_is_judged_as_pods_only(webhook: Harness) -> None:
    webhook.know(STRICT)
    owned = workload("ReplicaSet")
    owned["metadata"]["ownerReferences"] = [{"kind": "Deployment", "controller": True}]
    assert (await webhook.ask(PATH, owned)) == {"uid": "0b4a-1", "allowed": True}
    owned["metadata"]["ownerReferences"] = [{"kind": "Deployment"}]
    assert (await webhook.ask(PATH, owned))["allowed"] is False


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT"])
async def test_without_an_object_there_is_nothing_to_judge(
    webhook: Harness, operation: str
) -> None:
    webhook.know(STRICT)
    response = await webhook.ask(PATH, None, old=pod(), operation=operation)
    assert response == {"uid": "0b4a-1", "allowed": True}


async def test_the_operator_is_told_generations_of_exactly_these_policies(
    webhook: Harness,
) -> None:
    """By uid: a policy that is made again under its name begins with a low generation."""
    kind = {"group": "revet.dev", "version": "v1alpha1", "kind": "HardeningPolicy"}
    for uid, generation in (("first", 7), ("second", 1)):
        made = deepcopy(STRICT)
        made["metadata"] |= {"uid": uid, "generation": generation}
        webhook.know(made)
        response = await webhook.ask(PATH, None, kind=kind, operation="CONNECT")
        assert json.loads(response["auditAnnotations"]["generations"]) == {uid: generation}


async def test_an_update_is_judged_where_a_field_changed_that_a_check_reads(
    webhook: Harness,
) -> None:
    webhook.know(STRICT)
    old = pod("old")
    labelled = deepcopy(old)
    labelled["metadata"]["labels"] = {"new": "label"}
    assert (await webhook.ask(PATH, labelled, old=old))["allowed"] is True
    other_image = pod("old", container(image="registry.example/app:2"))
    assert (await webhook.ask(PATH, other_image, old=old))["allowed"] is False


async def test_an_ephemeral_container_is_judged(webhook: Harness) -> None:
    webhook.know(STRICT)
    old = good_pod()
    for shell, allowed in ((container("shell"), False), (good_container("shell"), True)):
        new = deepcopy(old)
        new["spec"]["ephemeralContainers"] = [shell]
        response = await webhook.ask(PATH, new, old=old, subResource="ephemeralcontainers")
        assert response["allowed"] is allowed
        if not allowed:
            assert 'spec.ephemeralContainers[0] "shell"' in messages(response)


async def test_a_resize_passes_even_for_a_pod_from_before_the_policy(webhook: Harness) -> None:
    webhook.know(STRICT)
    old, new = pod(), pod("web", container(resources={"limits": {"cpu": "2"}}))
    assert (await webhook.ask(PATH, new, old=old, subResource="resize"))["allowed"] is True


async def test_another_kind_on_a_fail_path_is_never_passed(webhook: Harness) -> None:
    webhook.know(STRICT)
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}}
    response = await webhook.ask(PATH, other)
    assert response["allowed"] is False
    assert "core/ConfigMap" in messages(response)


async def test_a_policy_in_each_mode_gives_one_answer(webhook: Harness) -> None:
    milder = policy("milder", {"team": "shop"}, enforcement="Warn", profile="baseline")
    webhook.know(STRICT, milder, namespace("shop", {"tier": "prod", "team": "shop"}))
    bad = pod("bad", good_container(), hostNetwork=True)
    response = await webhook.ask(PATH, bad)
    assert "host-namespaces" in messages(response)
    assert "policy strict (restricted)" in messages(response)
    assert any("(milder)" in text for text in response["warnings"])
    # Whichever entry is called, the answer is complete; one that may not refuse does not.
    audited = await webhook.ask(paths(milder)[0], bad)
    assert audited["allowed"] is True
    assert audited["auditAnnotations"] == response["auditAnnotations"]


async def test_two_enforcing_policies_give_one_message(webhook: Harness) -> None:
    other = policy("all", {"team": "shop"}, enforcement="Enforce")
    webhook.know(STRICT, other, namespace("shop", {"tier": "prod", "team": "shop"}))
    one, two = [await webhook.ask(path, pod()) for path in (PATH, paths(other)[0])]
    assert one == two
    assert "4 findings, policies all (restricted), strict (restricted)" in messages(one)
    assert messages(one).count("(all, strict)") == 4


async def test_what_a_node_mirrors_is_only_reported(webhook: Harness) -> None:
    webhook.know(STRICT)
    mirror = pod()
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    response = await webhook.ask(PATH, mirror, groups=["system:nodes"])
    assert response["allowed"] is True
    assert {found["mode"] for found in _findings(response)} == {"Audit"}
    assert (await webhook.ask(PATH, mirror))["allowed"] is False


async def test_text_of_users_makes_no_lines_of_its_own(webhook: Harness) -> None:
    webhook.know(STRICT)
    forged = good_container(
        'x"\n  all is well\x1b[2J', securityContext=GOOD_CONTEXT | {"procMount": "Un\nmasked"}
    )
    text = messages(await webhook.ask(PATH, pod("odd", forged)))
    assert "\x1b" not in text
    assert "\n  all is well" not in text
