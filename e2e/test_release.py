"""The chart on a real API server: what it installs, what its accounts may do, what it leaves."""

import json
import re
import textwrap
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import ClusterError
from e2e.cluster.target import Cluster
from e2e.release import NAMESPACE, SECRET, Release
from e2e.webhook import policy
from tests.support.manifests import Manifest, workload

WEBHOOK: Final = "revet-webhook"
OPERATOR: Final = "revet-operator"
_APPLY: Final = ("apply", "--server-side", "--field-manager=revet", "--filename=-")
_TIMEOUT_S: Final = 30


@pytest.fixture(scope="module")
def release(cluster: Cluster) -> Iterator[Release]:
    if cluster.control_plane is None:
        pytest.skip("the webhook runs beside the cluster: REVET_E2E_CLUSTER=local")
    with Release(cluster.control_plane) as installed:
        yield installed


def _wait_for(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not is_true():
        assert time.monotonic() < deadline, f"not {what} after {_TIMEOUT_S} s"


def test_pods_of_the_chart_pass_pod_security_restricted(release: Release) -> None:
    for name in (OPERATOR, WEBHOOK):
        place = (f"deployment/{name}", f"--namespace={NAMESPACE}", "--timeout=60s")
        release.plane.kubectl("wait", *place, "--for=jsonpath={.status.replicas}=2")
    strict = "pod-security.kubernetes.io/enforce=restricted"
    label = ("label", "namespace", NAMESPACE, strict, "--dry-run=server")
    # The server warns of pods that it would refuse under the new label.
    assert release.plane.kubectl(*label).stderr == ""


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
    _wait_for(
        lambda: any(
            each["source"].get("component") == WEBHOOK
            for each in json.loads(plane.kubectl(*events).stdout)["items"]
        ),
        "told of the denial by an Event",
    )
    assert serving.webhook.metric("revet_findings_total", policy="release", mode="Enforce") > 0
    assert "forbidden" not in json.dumps(serving.webhook.logged())
    plane.delete_namespace(namespace)


def test_a_new_certificate_reaches_the_webhook(serving: Release) -> None:
    reloads = serving.webhook.metric("revet_certificate_reloads_total", result="ok")
    renewed = _certificate(serving.plane)
    serving.plane.apply(renewed)
    _wait_for(
        lambda: serving.webhook.metric("revet_certificate_reloads_total", result="ok") > reloads,
        "reloaded",
    )
    assert serving.webhook.certificate.read_text() == renewed["stringData"]["tls.crt"]


def test_the_mount_outlives_a_restart_of_the_api_server(serving: Release) -> None:
    serving.plane.stop_apiserver()
    serving.plane.start_apiserver()
    renewed = _certificate(serving.plane)
    serving.plane.apply(renewed)
    _wait_for(
        lambda: serving.webhook.certificate.read_text() == renewed["stringData"]["tls.crt"],
        "written to the file",
    )


_OWN: Final = f"--namespace={NAMESPACE}"
_OTHER: Final = "--namespace=default"
_ALL: Final = "--all-namespaces"
_STATUS: Final = "--subresource=status"


@pytest.mark.parametrize(
    ("account", "question", "answer"),
    [
        (OPERATOR, ("patch", "namespaces"), True),
        (WEBHOOK, ("patch", "namespaces"), False),
        (OPERATOR, ("create", "namespaces"), False),
        (WEBHOOK, ("create", "namespaces"), False),
        (OPERATOR, ("delete", "namespaces"), False),
        (OPERATOR, ("get", f"secrets/{SECRET}", _OWN), True),
        (OPERATOR, ("get", "secrets/other", _OWN), False),
        (OPERATOR, ("get", f"secrets/{SECRET}", _OTHER), False),
        (OPERATOR, ("list", "secrets", _OWN), False),
        (OPERATOR, ("list", "secrets", _ALL), False),
        (OPERATOR, ("create", f"secrets/{SECRET}", _OWN), True),
        (OPERATOR, ("create", "secrets", _OWN), False),
        (OPERATOR, ("delete", f"secrets/{SECRET}", _OWN), False),
        (WEBHOOK, ("get", f"secrets/{SECRET}", _OWN), False),
        (WEBHOOK, ("list", "secrets", _OWN), False),
        (OPERATOR, ("list", "pods", _ALL), True),
        (OPERATOR, ("create", "pods", _OWN), False),
        (WEBHOOK, ("list", "pods", _ALL), False),
        (OPERATOR, ("patch", "hardeningpolicies", _STATUS), True),
        (OPERATOR, ("patch", "hardeningpolicies"), False),
        (OPERATOR, ("relabel", "hardeningpolicies"), False),
        (WEBHOOK, ("watch", "hardeningpolicies"), True),
        (WEBHOOK, ("patch", "hardeningpolicies", _STATUS), False),
        (WEBHOOK, ("create", "events", _OTHER), True),
        (OPERATOR, ("create", "events", _OTHER), True),
        (OPERATOR, ("delete", "networkpolicies", _OTHER), True),
        (WEBHOOK, ("list", "networkpolicies", _OTHER), False),
        (OPERATOR, ("create", "validatingwebhookconfigurations/revet"), True),
        (OPERATOR, ("create", "validatingwebhookconfigurations/other"), False),
        (OPERATOR, ("create", "validatingwebhookconfigurations"), False),
        (OPERATOR, ("delete", "mutatingwebhookconfigurations/revet"), True),
        (OPERATOR, ("delete", "mutatingwebhookconfigurations/other"), False),
        (OPERATOR, ("patch", "validatingadmissionpolicies/revet-namespace-labels"), True),
        (OPERATOR, ("patch", "validatingadmissionpolicybindings/other"), False),
        (WEBHOOK, ("list", "validatingwebhookconfigurations"), False),
        (OPERATOR, ("get", f"clusterroles/{OPERATOR}"), True),
        (OPERATOR, ("patch", f"clusterroles/{OPERATOR}"), False),
        (OPERATOR, ("update", f"leases/{OPERATOR}", _OWN), True),
        (OPERATOR, ("update", "leases/kube-scheduler", "--namespace=kube-system"), False),
        (OPERATOR, ("list", "endpointslices", _OWN), True),
        (OPERATOR, ("create", f"serviceaccounts/{WEBHOOK}", "--subresource=token", _OWN), False),
        (OPERATOR, ("*", "*"), False),
        (WEBHOOK, ("*", "*"), False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_account_may_do_what_it_needs_and_no_more(
    release: Release,
    account: str,
    question: tuple[str, ...],
    answer: bool,  # noqa: FBT001 -- a table
) -> None:
    user = f"--as=system:serviceaccount:{NAMESPACE}:{account}"
    said = release.plane.kubectl("auth", "can-i", *question, user, check=False)
    assert said.stdout.strip() == ("yes" if answer else "no"), said.stderr


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


def _apply_as(release: Release, account: str, manifest: Manifest, *flags: str) -> str:
    """Apply as an account, with its token; return what was said if it failed."""
    user = f"--kubeconfig={release.plane.pki}/{account}.kubeconfig"
    done = release.plane.kubectl(*_APPLY, user, *flags, input=json.dumps(manifest), check=False)
    return "" if done.returncode == 0 else done.stderr


def test_the_operator_creates_by_name_only(release: Release) -> None:
    own = _configuration("revet", ownerReferences=[_own_role(release)])
    assert _apply_as(release, OPERATOR, own) == ""
    assert "forbidden" in _apply_as(release, OPERATOR, _configuration("other"))
    secret = _certificate(release.plane)
    release.plane.kubectl("delete", "secret", SECRET, _OWN, "--ignore-not-found")
    assert _apply_as(release, OPERATOR, secret, "--force-conflicts") == ""
    secret["metadata"]["name"] = "other"
    assert "forbidden" in _apply_as(release, OPERATOR, secret)
    assert "forbidden" in _apply_as(release, WEBHOOK, own)
    release.plane.kubectl("delete", "validatingwebhookconfiguration", "revet")


def test_the_operator_brings_no_namespace_back(release: Release) -> None:
    lost = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "release-lost"}}
    assert "forbidden" in _apply_as(release, OPERATOR, lost)


def test_the_operator_writes_the_status_and_nothing_else(release: Release) -> None:
    written = policy("release-status", {"release": "status"})
    release.plane.apply(written)
    condition = {
        "type": "Accepted",
        "status": "True",
        "reason": "Valid",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {key: written[key] for key in ("apiVersion", "kind", "metadata")}
    status |= {"status": {"conditions": [condition]}}
    assert _apply_as(release, OPERATOR, status, "--subresource=status") == ""
    assert "forbidden" in _apply_as(release, OPERATOR, written)
    release.plane.kubectl("delete", "hardeningpolicy", "release-status")


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
    _wait_for(lambda: not _left(release, chart), "rid of the chart's objects")
    _wait_for(lambda: not _left(release, made), "rid of what its ClusterRole owns")
    assert plane.kubectl("get", "leases", _OWN, "--output=name").stdout == ""
    assert plane.kubectl("get", "crd", "hardeningpolicies.revet.dev").returncode == 0
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
