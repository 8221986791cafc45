"""The story: from an audit-only policy to an enforced one, and through an outage of ours."""

import difflib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

import yaml

from e2e.demo.stage import MANIFESTS, Stage

_PROD: Final = "prod"
_OUTSIDE: Final = "sandbox"
_TIMES: Final = 5


def tell(stage: Stage) -> None:
    """Tell the whole story; each step is held to what it tells."""
    _audit(stage)
    _warn(stage)
    _enforce(stage)
    _explain(stage)
    _patch(stage)
    _outside(stage)
    _two_policies(stage)
    _outage(stage)
    _back(stage)


def _audit(stage: Stage) -> None:
    stage.chapter("A policy in Audit looks, and refuses nothing")
    stage.expect(stage.apply("namespaces.yaml")[0], "two namespaces: prod, and one outside")
    stage.apply_policies("policy-audit.yaml")
    for name in (_PROD, _OUTSIDE):
        stage.read("wait", "--for=create", "serviceaccount/default", f"--namespace={name}")
    admitted, _ = stage.apply("bad-deployment.yaml", _PROD)
    stage.expect(admitted, "a Deployment that breaks the profile is admitted")
    counted = stage.webhook.metric("revet_findings_total", policy="production", mode="Audit")
    stage.expect(counted > 0, f"its findings are counted: revet_findings_total is {counted:.0f}")
    stage.say("and they stand in the API server's own audit log:")
    stage.wait(lambda: list(_annotations(stage)), "the request carries an audit annotation")
    key, findings = next(_annotations(stage))
    stage.show(key)
    for finding in findings:
        stage.show(f"  {finding['control']}: {finding['path']}: {finding['message']}")


def _annotations(stage: Stage) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Find the findings of the Deployment in the audit log."""
    for line in stage.plane.audit_log.read_text().splitlines():
        if '"deployments"' in line and "/findings" in line:
            for key, value in json.loads(line)["annotations"].items():
                if key.endswith("/findings"):
                    yield key, json.loads(value)


def _warn(stage: Stage) -> None:
    stage.chapter("Under Warn whoever applies it is told")
    stage.apply_policies("policy-warn.yaml")
    stage.kubectl("delete", "deployment", "legacy", f"--namespace={_PROD}")
    admitted, said = stage.apply("bad-deployment.yaml", _PROD)
    stage.expect(admitted and "Warning: host-namespaces" in said, "admitted, with warnings")


def _enforce(stage: Stage) -> None:
    stage.chapter("Under Enforce it is refused, and the message says how to fix it")
    stage.apply_policies("policy-enforce.yaml")
    stage.kubectl("delete", "deployment", "legacy", f"--namespace={_PROD}")
    admitted, said = stage.apply("bad-deployment.yaml", _PROD)
    stage.expect(not admitted and "(Forbidden)" in said, "the Deployment is refused")
    stage.expect("fix: hostNetwork: false" in said, "the message says how to fix it")
    admitted, _ = stage.apply("good-deployment.yaml", _PROD)
    stage.expect(admitted, "one that keeps the profile is admitted")
    stage.expect(stage.apply("good-job.yaml", _PROD)[0], "and so is a Job")
    stage.wait(lambda: _replicas(stage) == "3", "its three pods are made")
    stage.wait(lambda: _job_pod(stage), "the Job's pod too")


def _explain(stage: Stage) -> None:
    stage.chapter("Why? `revet explain` tells")
    words = ("revet", "explain", "host-namespaces")
    stage.command(*words)
    program = Path(sys.executable).parent / words[0]
    done = subprocess.run([program, *words[1:]], capture_output=True, text=True, check=False)
    stage.show(done.stdout + done.stderr)
    stage.expect(done.returncode == 0 and "What may break" in done.stdout, "it is explained")


def _patch(stage: Stage) -> None:
    stage.chapter("What can be set safely is set, on Pods alone")
    admitted, _ = stage.apply("plain-pod.yaml", _PROD)
    stage.expect(admitted, "a Pod without seccomp profile is admitted")
    stored = yaml.safe_load(
        stage.read("get", "pod", "plain", f"--namespace={_PROD}", "--output=yaml")
    )
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
    stage.apply_policies("policy-organisation.yaml")
    admitted, said = stage.apply("bad-pod.yaml", _PROD)
    both = "policies organisation (baseline), production (restricted)"
    stage.expect(not admitted and both in said, "refused by both")
    stage.expect("run-as-non-root" in said and "host-namespaces" in said, "with all findings")


def _outage(stage: Stage) -> None:
    stage.chapter("Our webhook is killed, and an incident stays operable")
    before = _median_s(stage)
    pid = stage.webhook.pid
    stage.command("kill", "-9", str(pid))
    stage.webhook.kill()
    after = _median_s(stage)
    stage.say(f"creating a pod outside took {before * 1000:.0f} ms before, {after * 1000:.0f} now")
    stage.expect(after < before * 2, "namespaces outside work at full speed")
    admitted, said = stage.apply("good-pod.yaml", _PROD)
    stage.expect(
        not admitted and "failed calling webhook" in said, "in prod a new pod is refused, clearly"
    )
    place = f"--namespace={_PROD}"
    done, _ = stage.kubectl("scale", "deployment/web", "--replicas=1", place)
    stage.expect(done, "but scaling down is accepted,")
    stage.wait(lambda: _replicas(stage) == "1", "and happens: one pod is left")
    done, _ = stage.kubectl("label", "deployment/web", "incident=open", place)
    stage.expect(done, "labels can be set")
    patch = '{"status":{"phase":"Succeeded"}}'
    pod = _job_pod(stage)
    done, _ = stage.kubectl("patch", "pod", pod, "--subresource=status", f"--patch={patch}", place)
    stage.expect(done, "a pod's status can be written,")
    done, _ = stage.kubectl("wait", "--for=condition=complete", "job/report", place)
    stage.expect(done, "the Job completes")
    done, _ = stage.kubectl("delete", "pod/plain", "job/report", place)
    stage.expect(done, "and deletes work")


def _back(stage: Stage) -> None:
    stage.chapter("It comes back, and so does everything")
    stage.command("revet-webhook", "...")
    stage.webhook.start()
    admitted, _ = stage.apply("good-pod.yaml", _PROD)
    stage.expect(admitted, "the pod that was refused is admitted")
    admitted, _ = stage.apply("bad-pod.yaml", _PROD)
    stage.expect(not admitted, "and the bad one is refused")


def _replicas(stage: Stage) -> str:
    path = "--output=jsonpath={.status.replicas}"
    return stage.read("get", "deployment", "web", f"--namespace={_PROD}", path)


def _job_pod(stage: Stage) -> str:
    path = "--output=jsonpath={.items[*].metadata.name}"
    return stage.read("get", "pods", f"--namespace={_PROD}", "--selector=job-name=report", path)


def _median_s(stage: Stage) -> float:
    """Time the creation of a pod outside, as a dry run."""
    manifest = f"--filename={MANIFESTS / 'good-pod.yaml'}"
    times = []
    for _ in range(_TIMES):
        started = time.monotonic()
        stage.read("create", "--dry-run=server", f"--namespace={_OUTSIDE}", manifest)
        times.append(time.monotonic() - started)
    return median(times)
