"""The chart on a real API server: what it installs, how its processes work, what it leaves."""

import json
import re
import textwrap
from collections.abc import Iterator
from typing import Final

import pytest

from e2e.api import wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import ClusterError
from e2e.program import Program
from e2e.release import NAMESPACE, SECRET, Release
from e2e.webhook import policy
from tests.support.manifests import Manifest, workload

WEBHOOK: Final = "revet-webhook"
OPERATOR: Final = "revet-operator"
_OWN: Final = f"--namespace={NAMESPACE}"


def test_pods_of_the_chart_pass_pod_security_restricted(release: Release) -> None:
    for name in (OPERATOR, WEBHOOK):
        place = (f"deployment/{name}", f"--namespace={NAMESPACE}", "--timeout=60s")
        release.plane.kubectl("wait", *place, "--for=jsonpath={.status.replicas}=2")
    strict = "pod-security.kubernetes.io/enforce=restricted"
    label = ("label", "namespace", NAMESPACE, strict, "--dry-run=server")
    # The server warns of pods that it would refuse under the new label.
    assert release.plane.kubectl(*label).stderr == ""


def _refusals(program: Program) -> list[str]:
    """Find what RBAC has refused to a process: `User "..." cannot patch resource "..."`.

    Since its start: an API server that has just started refuses whom it does not know yet, and
    other tests start it.
    """
    lines = map(json.dumps, program.logged_since_start())
    return [line for line in lines if " cannot " in line and " resource " in line]


def test_the_policy_in_the_notes_is_taken_as_it_stands(release: Release) -> None:
    notes = release.notes()
    [shown] = re.findall(r"<<EOF\n(.+?)\n  EOF\n", notes, re.DOTALL)
    strict = ("create", "--dry-run=server", "--validate=strict", "--filename=-", "--output=name")
    created = release.plane.kubectl(*strict, input=textwrap.dedent(shown))
    assert created.stdout == "hardeningpolicy.revet.dev/production\n"
    assert f"helm uninstall revet --namespace {NAMESPACE}" in notes


def _certificate(plane: ControlPlane) -> Manifest:
    credential = plane.authority.issue_server("webhook", ["127.0.0.1"])
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": SECRET, "namespace": NAMESPACE},
        "stringData": {
            "tls.crt": credential.certificate.decode(),
            "tls.key": credential.key.decode(),
        },
    }


@pytest.fixture
def serving(release: Release) -> Iterator[Release]:
    """Run the webhook; its certificate is made here, as the operator would."""
    release.plane.apply(_certificate(release.plane))
    release.start_webhook()
    yield release
    release.webhook.apply_policies([])
    release.plane.kubectl("delete", "hardeningpolicies", "--all")
    release.stop()


def test_the_webhook_can_do_its_work_as_its_own_account(serving: Release) -> None:
    plane = serving.plane
    strict = policy("release", {"release": "yes"}, enforcement="Enforce", templates="Warn")
    serving.webhook.apply_policies([strict])
    namespace = plane.create_namespace({"release": "yes"})
    bad = json.dumps(workload("ReplicaSet"))
    plane.kubectl("create", f"--namespace={namespace}", "--filename=-", input=bad)
    # Its controller can't create the pod: the webhook says so in an Event, which is its only write.
    events = ("get", "events", f"--namespace={namespace}", "--output=json")
    wait_for(
        lambda: any(
            each["source"].get("component") == WEBHOOK
            for each in json.loads(plane.kubectl(*events).stdout)["items"]
        ),
        "told of the denial by an Event",
    )
    assert serving.webhook.metric("revet_findings_total", policy="release", mode="Enforce") > 0
    assert _refusals(serving.webhook) == []
    plane.delete_namespace(namespace)


def test_a_new_certificate_reaches_the_webhook(serving: Release) -> None:
    reloads = serving.webhook.metric("revet_certificate_reloads_total", result="ok")
    renewed = _certificate(serving.plane)
    serving.plane.apply(renewed)
    wait_for(
        lambda: serving.webhook.metric("revet_certificate_reloads_total", result="ok") > reloads,
        "reloaded",
    )
    assert serving.webhook.certificate.read_text() == renewed["stringData"]["tls.crt"]


def test_the_mount_outlives_a_restart_of_the_api_server(release: Release) -> None:
    # Without the webhook: a server that has just started refuses whom it does not know yet, and
    # other tests look for refusals in the webhook's log.
    release.plane.apply(_certificate(release.plane))
    release.mount.start()
    release.mount.wait()
    release.plane.stop_apiserver()
    release.plane.start_apiserver()
    renewed = _certificate(release.plane)
    release.plane.apply(renewed)
    served = release.mount.folder / "tls.crt"
    wait_for(lambda: served.read_text() == renewed["stringData"]["tls.crt"], "written")
    release.mount.stop()


@pytest.fixture
def both(release: Release) -> Iterator[Release]:
    """Run both; the operator makes the certificate."""
    release.plane.kubectl("delete", "secret", SECRET, _OWN, "--ignore-not-found")
    try:
        release.start()
        yield release
    finally:
        release.stop()


def test_both_do_all_their_work_with_the_rights_of_the_chart(both: Release) -> None:
    plane = both.plane
    namespace = plane.create_namespace({"release": "both"})
    network = {"mode": "Enforce", "isolate": ["Ingress", "Egress"]}
    labels = {"mode": "Enforce", "podSecurity": {"enforce": "baseline"}}
    asked = {"enforcement": "Enforce", "network": network, "namespaces": labels}
    plane.apply(policy("release-both", {"release": "both"}, **asked))
    for condition in ("Ready", "Enforcing", "NetworkIsolated", "BaselineApplied"):
        wait = ("wait", "hardeningpolicy/release-both", f"--for=condition={condition}")
        plane.kubectl(*wait, "--timeout=30s")
    plane.kubectl("delete", "hardeningpolicy", "release-both")
    entries = ("get", "validatingwebhookconfiguration", "revet", "--ignore-not-found")
    wait_for(lambda: not plane.kubectl(*entries).stdout, "rid of its entries")
    assert _refusals(both.operator) == _refusals(both.webhook) == []
    plane.delete_namespace(namespace)


def _configuration(name: str, **metadata: object) -> Manifest:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name, **metadata},
        "webhooks": [],
    }


def _own_role(release: Release) -> Manifest:
    """Refer to the chart's ClusterRole, as the operator does."""
    found = release.plane.kubectl("get", "clusterrole", OPERATOR, "--output=json").stdout
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "name": OPERATOR,
        "uid": json.loads(found)["metadata"]["uid"],
        "controller": False,
        "blockOwnerDeletion": False,
    }


def _left(release: Release, manifest: str) -> str:
    """Name what is there of the objects of a manifest."""
    get = ("get", "--ignore-not-found", "--filename=-", "--output=name")
    return release.plane.kubectl(*get, input=manifest).stdout


def test_uninstalling_leaves_nothing_but_the_crd_with_all_of_ours_dead(release: Release) -> None:
    plane = release.plane
    owned: list[Manifest] = [_configuration("revet"), _certificate(plane)]
    for each in owned:
        each["metadata"]["ownerReferences"] = [_own_role(release)]
    plane.apply(owned)
    made = json.dumps({"apiVersion": "v1", "kind": "List", "items": owned})
    assert len(_left(release, made).split()) == 2
    chart = release.manifest()
    assert len(_left(release, chart).split()) == chart.count("\nkind: ") >= 12
    release.uninstall()
    assert release.is_installed() is False
    wait_for(lambda: not _left(release, chart), "rid of the chart's objects")
    wait_for(lambda: not _left(release, made), "rid of what its ClusterRole owns")
    leases = ("get", "leases", _OWN, "--output=name")
    wait_for(lambda: not plane.kubectl(*leases).stdout, "rid of the Lease")
    assert plane.kubectl("get", "crd", "hardeningpolicies.revet.dev").returncode == 0
    release.install()


def test_an_operator_that_ends_late_is_in_no_new_installations_way(release: Release) -> None:
    plane = release.plane
    release.start_operator()
    release.uninstall()
    role = ("get", "clusterrole", OPERATOR, "--ignore-not-found", "--output=name")
    wait_for(lambda: not plane.kubectl(*role).stdout, "rid of the owner")
    # It would make its Lease again, if that could still go with its owner.
    plane.kubectl("delete", "lease", OPERATOR, _OWN, "--ignore-not-found")
    release.operator.stop()
    assert plane.kubectl("get", "leases", _OWN, "--output=name").stdout == ""
    release.install()


def test_helm_refuses_a_value_it_does_not_know(release: Release) -> None:
    with pytest.raises(ClusterError, match="replica"):
        release.install("webhook.replica=3")


def test_upgrading_changes_what_runs_with(release: Release) -> None:
    release.install("systemNamespaces={calico-system}")
    assert "--system-namespace=calico-system" in release.webhook.flags
    assert "--system-namespace=calico-system" in release.operator.flags
    release.install()
    assert "--system-namespace=calico-system" not in release.operator.flags
