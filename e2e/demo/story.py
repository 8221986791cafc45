"""The story: from a cluster without us to an enforced policy, through an outage, and away again."""

import difflib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.demo.departure import leave
from e2e.demo.outage import endure
from e2e.demo.stage import MANIFESTS, Stage
from e2e.demo.upkeep import keep_up

_PROD: Final = "prod"
_OUTSIDE: Final = "sandbox"
_ENTRIES: Final = "validatingwebhookconfigurations,mutatingwebhookconfigurations"


def tell(stage: Stage, *, stay: bool) -> None:
    """Tell the whole story; each step is held to what it tells. `stay` leaves out its end."""
    _before(stage)
    _install(stage)
    _audit(stage)
    _warn(stage)
    _enforce(stage)
    _explain(stage)
    _patch(stage)
    _outside(stage)
    _two_policies(stage)
    keep_up(stage, _PROD)
    stage.note("the operator's memory (RSS)", f"{_memory_mib(stage):.0f} MiB")
    endure(stage, _PROD, _OUTSIDE)
    if not stay:
        leave(stage, _PROD)


def _before(stage: Stage) -> None:
    stage.chapter("A cluster without us, in which something runs that should not")
    stage.expect(stage.apply("namespaces.yaml")[0], "two namespaces: prod, and one outside")
    for name in (_PROD, _OUTSIDE):
        stage.read("wait", "--for=create", "serviceaccount/default", f"--namespace={name}")
    stage.apply("bad-deployment.yaml", _PROD)
    pods = ("get", "pods", f"--namespace={_PROD}", "--selector=app=legacy", "--output=name")
    stage.wait(lambda: stage.read(*pods), "a pod with the node's network and no limits on its user")


def _install(stage: Stage) -> None:
    stage.chapter("Revet is installed, by helm")
    done = stage.release.install()
    stage.command("helm", *done.args[1:])
    stage.show("\n".join(line for line in done.stdout.splitlines() if line.startswith("STATUS")))
    stage.read("wait", "--for=condition=Established", "crd/hardeningpolicies.revet.dev")
    stage.say("This control plane has no nodes. So the programs of the chart's two Deployments run")
    stage.say("beside it, with their flags, as their ServiceAccounts, with the chart's rights.")
    stage.command("revet-operator", "...")
    since = time.monotonic()
    stage.operator.start()
    told = "the operator leads"
    stage.clock(
        lambda: stage.operator.metric("revet_leader"), told, "operator started to leading", since
    )
    stage.command("revet-webhook", "...")
    stage.release.start_webhook()
    stage.expect(holds=True, told="it has made a certificate, and the webhook serves with it")


def _audit(stage: Stage) -> None:
    stage.chapter("A policy in Audit looks, and refuses nothing")
    stage.show((MANIFESTS / "policy-audit.yaml").read_text())
    stage.apply_policy("policy-audit.yaml")
    _entries(stage)
    stage.wait(lambda: _counts(stage).get("wouldBeDenied") == 1, "what ran before is counted:")
    stage.kubectl("get", "hp")
    for each in stage.policy_status("production")["topFindings"]:
        stage.show(f"{each['control']}: {each['namespace']} {each['workload']}: {each['message']}")
    admitted, _ = stage.apply("bad-pod.yaml", _PROD)
    stage.expect(admitted, "a new pod that breaks the profile is admitted,")
    counted = stage.webhook.metric("revet_findings_total", policy="production", mode="Audit")
    stage.expect(counted > 0, f"its findings are counted: revet_findings_total is {counted:.0f}")
    stage.wait(lambda: list(_annotations(stage)), "and stand in the API server's own audit log:")
    key, findings = next(_annotations(stage))
    stage.show(key)
    for finding in findings:
        stage.show(f"  {finding['control']}: {finding['path']}: {finding['message']}")
    stage.kubectl("delete", "pod", "root", f"--namespace={_PROD}")


def _counts(stage: Stage) -> dict[str, int]:
    counts: dict[str, int] = stage.policy_status("production").get("counts") or {}
    return counts


def _entries(stage: Stage) -> None:
    """Show which calls the operator has had the API server make."""
    stage.read("wait", "--for=create", "validatingwebhookconfiguration/revet", "--timeout=30s")
    columns = "KIND:.kind,NAME:.webhooks[*].name,POLICY:.webhooks[*].failurePolicy"
    done, _ = stage.kubectl("get", _ENTRIES, f"--output=custom-columns={columns}")
    stage.expect(done, "the operator has the API server call the webhook, for prod alone")


def _annotations(stage: Stage) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Find the findings of the pod in the audit log."""
    for line in stage.plane.audit_log.read_text().splitlines():
        if '"name":"root"' in line and "/findings" in line:
            for key, value in json.loads(line)["annotations"].items():
                if key.endswith("/findings"):
                    yield key, json.loads(value)


def _warn(stage: Stage) -> None:
    stage.chapter("Under Warn whoever applies it is told")
    stage.apply_policy("policy-warn.yaml")
    stage.kubectl("delete", "deployment", "legacy", f"--namespace={_PROD}")
    admitted, said = stage.apply("bad-deployment.yaml", _PROD)
    stage.expect(admitted and "Warning: host-namespaces" in said, "admitted, with warnings")


def _enforce(stage: Stage) -> None:
    stage.chapter("Under Enforce it is refused, and the message says how to fix it")
    stage.kubectl("delete", "deployment", "legacy", f"--namespace={_PROD}")
    since = time.monotonic()
    stage.apply_policy("policy-enforce.yaml", "Enforcing")
    stage.note("policy applied to Enforcing", f"{time.monotonic() - since:.2f} s")
    _entries(stage)
    admitted, said = stage.apply("bad-deployment.yaml", _PROD)
    stage.expect(not admitted and "(Forbidden)" in said, "the Deployment is refused")
    stage.expect("fix: hostNetwork: false" in said, "the message says how to fix it")
    admitted, _ = stage.apply("good-deployment.yaml", _PROD)
    stage.expect(admitted, "one that keeps the profile is admitted")
    stage.expect(stage.apply("good-job.yaml", _PROD)[0], "and so is a Job")
    replicas = "--output=jsonpath={.status.replicas}"
    web = ("get", "deployment", "web", f"--namespace={_PROD}", replicas)
    stage.wait(lambda: stage.read(*web) == "3", "its three pods are made")
    job = ("get", "pods", f"--namespace={_PROD}", "--selector=job-name=report", "--output=name")
    stage.wait(lambda: stage.read(*job), "the Job's pod too")


def _explain(stage: Stage) -> None:
    stage.chapter("Why? `revet explain` tells")
    done, said = stage.revet("explain", "host-namespaces")
    stage.expect(done and "What may break" in said, "it is explained")


def _patch(stage: Stage) -> None:
    stage.chapter("What can be set safely is set, on Pods alone")
    admitted, _ = stage.apply("plain-pod.yaml", _PROD)
    stage.expect(admitted, "a Pod without seccomp profile is admitted")
    stored = stage.read_json("get", "pod", "plain", f"--namespace={_PROD}")
    written = yaml.safe_load((MANIFESTS / "plain-pod.yaml").read_text())
    stage.say("as written, and as it stands now:")
    stage.show(_diff(written, stored))
    profile = stored["spec"]["securityContext"].get("seccompProfile")
    stage.expect(profile == {"type": "RuntimeDefault"}, "it runs under the runtime's profile")


def _diff(written: dict[str, Any], stored: dict[str, Any]) -> str:
    before, after = (yaml.safe_dump(_security(each)).splitlines() for each in (written, stored))
    lines = difflib.unified_diff(before, after, "plain-pod.yaml", "prod/plain", lineterm="", n=9)
    return "\n".join(lines)


def _security(pod: dict[str, Any]) -> dict[str, Any]:
    spec = pod["spec"]
    containers = [
        {"name": each["name"]}
        | ({"securityContext": each["securityContext"]} if "securityContext" in each else {})
        for each in spec["containers"]
    ]
    return {"spec": {"securityContext": spec["securityContext"], "containers": containers}}


def _outside(stage: Stage) -> None:
    stage.chapter("A namespace outside the policy is not touched")
    admitted, said = stage.apply("bad-deployment.yaml", _OUTSIDE)
    stage.expect(admitted and "Warning" not in said, "the same Deployment is admitted, in silence")
    called = [each for each in stage.webhook.decisions() if each["namespace"] == _OUTSIDE]
    stage.expect(not called, "and the webhook was never asked")


def _two_policies(stage: Stage) -> None:
    stage.chapter("Two policies at once give one complete message")
    stage.apply_policy("policy-organisation.yaml", "Enforcing")
    admitted, said = stage.apply("bad-pod.yaml", _PROD)
    both = "policies organisation (baseline), production (restricted)"
    stage.expect(not admitted and both in said, "refused by both")
    stage.expect("run-as-non-root" in said and "host-namespaces" in said, "with all findings")


def _memory_mib(stage: Stage) -> float:
    """Read what the operator holds in memory, as the kernel counts it."""
    status = Path(f"/proc/{stage.operator.pid}/status").read_text(encoding="ascii")
    [line] = [each for each in status.splitlines() if each.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024
