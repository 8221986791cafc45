"""The end of the story: all of ours is taken back, and nothing of it is left."""

import time
from typing import Any, Final

from e2e.demo.stage import Stage
from e2e.demo.upkeep import LABEL, labels

_MOST_S: Final = 5
_WORDS: Final = ("revet", "kopf")
#: By helm's rule a chart's CRD stays, and the API that it makes; so does the namespace.
_STAYING: Final = {
    "APIService v1alpha1.revet.dev",
    "CustomResourceDefinition hardeningpolicies.revet.dev",
    "Namespace revet-system",
}
_KINDS: Final = (
    "validatingwebhookconfigurations,mutatingwebhookconfigurations,validatingadmissionpolicies,"
    "validatingadmissionpolicybindings,networkpolicies,clusterroles,clusterrolebindings,leases"
)


def leave(stage: Stage, namespace: str) -> None:
    """Tell how Revet is removed, and that it is."""
    _clean_up(stage, namespace)
    _uninstall(stage)
    admitted, said = stage.apply("bad-pod.yaml", namespace)
    stage.expect(admitted and "Warning" not in said, "and prod is as it was before us")


def _clean_up(stage: Stage, namespace: str) -> None:
    stage.chapter("`revet cleanup` gives back what was there before")
    stage.expect(stage.revet("cleanup", "--yes")[0], "policies, entries, guards are taken back")
    stage.kubectl("get", "namespace", namespace, f"--label-columns={LABEL}")
    own = {"tier": "prod", LABEL: "privileged", "kubernetes.io/metadata.name": namespace}
    stage.wait(lambda: labels(stage, namespace) == own, "prod has its labels of before")


def _uninstall(stage: Stage) -> None:
    stage.chapter("`helm uninstall` takes the rest away")
    since = time.monotonic()
    done = stage.release.uninstall()
    stage.command("helm", *done.args[1:])
    stage.show(done.stdout)
    _end(stage)
    what = "nothing of ours is left"
    stage.clock(lambda: _ours(stage) == _STAYING, what, "helm uninstall to nothing left", since)
    for key, whose in (("name=revet", "chart"), ("managed-by=revet", "operator")):
        selector = f"--selector=app.kubernetes.io/{key}"
        _, said = stage.kubectl("get", _KINDS, "--all-namespaces", selector)
        stage.expect(said.strip() == "No resources found", f"nothing that the {whose} has made")
    stage.say("Of all objects of every kind, these alone have to do with us, by name, label,")
    stage.say("annotation or finalizer. helm never deletes a CustomResourceDefinition:")
    stage.show("\n".join(sorted(_STAYING)))


def _end(stage: Stage) -> None:
    """End what a node would end, with the pods."""
    pids = stage.operator.pid, stage.webhook.pid
    stage.command("kill", *map(str, pids))
    since = time.monotonic()
    stage.release.stop()
    stage.expect(time.monotonic() - since < _MOST_S, "both programs end when they are asked to")


def _ours(stage: Stage) -> set[str]:
    """Name everything in the cluster that has to do with us; Events are history."""
    kinds = stage.read("api-resources", "--verbs=list", "--output=name").split()
    asked = ",".join(kind for kind in kinds if not kind.startswith("events"))
    found = stage.read_json("get", asked, "--all-namespaces")["items"]
    return {f"{each['kind']} {each['metadata']['name']}" for each in found if _is_ours(each)}


def _is_ours(manifest: dict[str, Any]) -> bool:
    metadata = manifest["metadata"]
    names = [
        metadata["name"],
        *(metadata.get("labels") or {}).values(),
        *(metadata.get("labels") or {}),
        *(metadata.get("annotations") or {}),
        *(metadata.get("finalizers") or ()),
    ]
    return any(word in name for word in _WORDS for name in names)
