"""The part of the story in which all of ours dies, and the cluster stays operable."""

import json
import time
from statistics import median
from typing import Any, Final

from e2e.demo.stage import MANIFESTS, Stage
from e2e.demo.upkeep import LABEL, isolation, labels

_TIMES: Final = 5
_CALLS: Final = "apiserver_admission_webhook_admission_duration_seconds_count"
_ENTRIES: Final = "validatingwebhookconfiguration/revet"
_ENTRIES_PATH: Final = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/revet"


def endure(stage: Stage, inside: str, outside: str) -> None:
    """Tell of an outage of the webhook, then of the operator too, and of the way back."""
    _refuse(stage, inside, outside)
    _operate(stage, inside)
    stood = _tamper(stage, inside)
    _converge(stage, inside, stood)
    _serve(stage, inside)


def _refuse(stage: Stage, inside: str, outside: str) -> None:
    stage.chapter("Our webhook is killed, and an incident stays operable")
    before = _median_s(stage, outside)
    stage.command("kill", "-9", str(stage.webhook.pid))
    stage.webhook.kill()
    called = _calls(stage)
    after = _median_s(stage, outside)
    stage.say(f"creating a pod outside took {before * 1000:.0f} ms before, {after * 1000:.0f} now")
    stage.expect(
        after < before * 2 and _calls(stage) == called,
        "namespaces outside work at full speed: for them the API server calls nobody",
    )
    admitted, said = stage.apply("good-pod.yaml", inside)
    stage.expect(
        not admitted and "failed calling webhook" in said, "in prod a new pod is refused, clearly"
    )


def _operate(stage: Stage, namespace: str) -> None:
    place = f"--namespace={namespace}"
    done, _ = stage.kubectl("scale", "deployment/web", "--replicas=1", place)
    stage.expect(done, "but scaling down is accepted,")
    replicas = ("get", "deployment", "web", place, "--output=jsonpath={.status.replicas}")
    stage.wait(lambda: stage.read(*replicas) == "1", "and happens: one pod is left")
    done, _ = stage.kubectl("label", "deployment/web", "incident=open", place)
    stage.expect(done, "labels can be set")
    name = "--output=jsonpath={.items[*].metadata.name}"
    pod = stage.read("get", "pods", place, "--selector=job-name=report", name)
    patch = '{"status":{"phase":"Succeeded"}}'
    done, _ = stage.kubectl("patch", "pod", pod, "--subresource=status", f"--patch={patch}", place)
    stage.expect(done, "a pod's status can be written,")
    done, _ = stage.kubectl("wait", "--for=condition=complete", "job/report", place)
    stage.expect(done, "the Job completes")
    done, _ = stage.kubectl("delete", "pod/plain", "job/report", place)
    stage.expect(done, "and deletes work")


def _tamper(stage: Stage, namespace: str) -> tuple[set[str], list[Any]]:
    """Kill the operator and change what it made; return how that stood."""
    stage.chapter("The operator is killed as well, and somebody changes what it made")
    stood = set(isolation(stage, namespace)), _entries(stage)
    stage.command("kill", "-9", str(stage.operator.pid))
    stage.operator.kill()
    stage.kubectl("delete", "networkpolicies", "--all", f"--namespace={namespace}")
    stage.kubectl("label", "namespace", namespace, f"{LABEL}=privileged", "--overwrite")
    enforcing = [each["failurePolicy"] for each in stood[1]].index("Fail")
    place = f"/webhooks/{enforcing}/failurePolicy"
    change = [{"op": "replace", "path": place, "value": "Ignore"}]
    stage.kubectl("patch", _ENTRIES, "--type=json", f"--patch={json.dumps(change)}")
    changed = (
        not isolation(stage, namespace),
        labels(stage, namespace)[LABEL] == "privileged",
        _entries(stage) != stood[1],
    )
    stage.expect(all(changed), "nobody puts it back")
    return stood


def _entries(stage: Stage) -> list[Any]:
    entries: list[Any] = stage.ask(_ENTRIES_PATH)["webhooks"]
    return entries


def _converge(stage: Stage, namespace: str, stood: tuple[set[str], list[Any]]) -> None:
    stage.chapter("The operator comes back, and so does all that it keeps")
    stage.say(
        "Its Lease still names it, so it leads at once; another replica would wait up to 15 s."
    )
    stage.command("revet-operator", "...")
    since = time.monotonic()
    stage.operator.start()
    stage.clock(
        lambda: (
            (set(isolation(stage, namespace)), _entries(stage)) == stood
            and labels(stage, namespace)[LABEL] == "restricted"
        ),
        "NetworkPolicies, label and entries are as they were",
        "operator killed and restarted to all put back",
        since,
    )
    stage.wait(
        lambda: stage.condition("production", "Enforcing").get("reason") == "Waiting",
        "and the status says that no webhook answers:",
    )
    said = stage.condition("production", "Enforcing")
    stage.show(f"Enforcing={said['status']}: {said['message']}")


def _serve(stage: Stage, namespace: str) -> None:
    stage.chapter("The webhook comes back, and so does everything")
    stage.command("revet-webhook", "...")
    stage.webhook.start()
    wait = ("wait", "hp", "--all", "--for=condition=Enforcing", "--timeout=30s")
    stage.expect(stage.kubectl(*wait)[0], "both policies are enforced again")
    admitted, _ = stage.apply("good-pod.yaml", namespace)
    stage.expect(admitted, "the pod that was refused is admitted")
    admitted, said = stage.apply("bad-deployment.yaml", namespace)
    stage.expect(not admitted and "host-namespaces" in said, "and a bad Deployment is refused")


def _calls(stage: Stage) -> float:
    """Count the calls of our entries that the API server has made, or has tried to."""
    samples = (line.rpartition(" ") for line in stage.read("get", "--raw=/metrics").splitlines())
    return sum(float(value) for name, _, value in samples if _is_of_a_call(name))


def _is_of_a_call(sample: str) -> bool:
    return sample.startswith(_CALLS) and ".revet.dev" in sample


def _median_s(stage: Stage, namespace: str) -> float:
    """Time the creation of a pod, as a dry run."""
    manifest = f"--filename={MANIFESTS / 'good-pod.yaml'}"
    times = []
    for _ in range(_TIMES):
        started = time.monotonic()
        stage.read("create", "--dry-run=server", f"--namespace={namespace}", manifest)
        times.append(time.monotonic() - started)
    return median(times)
