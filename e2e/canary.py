"""What tests of the canary share: a policy that asks, and what stands in for a kubelet."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from e2e.api import MERGE, Api, wait_for
from e2e.release import NAMESPACE, Release
from e2e.standing import POLICIES
from e2e.webhook import policy
from tests.support.manifests import Manifest

NAME: Final = "tried"
PLACE: Final = f"{NAMESPACE}-canary"
IMAGE: Final = f"registry.example.com/revet@sha256:{'a' * 64}"


@contextmanager
def operator_with_canary(release: Release, step_s: int, image: str = IMAGE) -> Iterator[Release]:
    """Run the operator with a canary, and leave the chart as it is without one."""
    release.install(f"canary.pinnedImage={image}", f"canary.timeout={step_s}")
    try:
        release.start_operator()
        yield release
    finally:
        release.stop()
        release.install()
        gone = ("get", "namespace", PLACE, "--ignore-not-found")
        wait_for(lambda: not release.plane.kubectl(*gone).stdout, "the end of its namespace", 60)


def ask(running: Release, isolate: str = "Ingress") -> None:
    """Have a policy that asks for the canary."""
    network = {"mode": "Enforce", "canary": "Enabled", "isolate": [isolate]}
    running.plane.apply(policy(NAME, {"tried": "yes"}, network=network))


def told(api: Api) -> tuple[str, str, str]:
    """Return what NetworkEnforced says."""
    status = api.send("GET", f"{POLICIES}/{NAME}").body.get("status", {})
    for each in status.get("conditions", ()):
        if each["type"] == "NetworkEnforced":
            return each["status"], each["reason"], each["message"]
    return "", "", ""


def left(api: Api) -> list[str]:
    """Return the names of what the canary has made."""
    found = [*api.items("Pod", PLACE), *api.items("NetworkPolicy", PLACE)]
    return [each["metadata"]["name"] for each in found]


def seen(api: Api, kind: str, role: str, not_in: frozenset[str] = frozenset()) -> Manifest:
    """Wait for what the canary makes, and return it as it is."""

    def find() -> list[Manifest]:
        found = api.items(kind, PLACE)
        names = {each["metadata"]["name"] for each in found} - not_in
        return [
            each for each in found if each["metadata"]["name"] in names and has_role(each, role)
        ]

    wait_for(find, f"the {role}")
    return {"kind": kind, **find()[0]}


def has_role(manifest: Manifest, role: str) -> bool:
    """Tell whether an object of the canary is this one of them."""
    return bool(manifest["metadata"]["name"].endswith(f"-{role}"))


def write(api: Api, pod: Manifest, **status: object) -> None:
    """Write a pod's status, as its kubelet would."""
    assert api.patch(pod, PLACE, {"status": status}, "/status", MERGE).is_success


def container_status(name: str, state: Manifest) -> list[Manifest]:
    """Write how a container of a pod is."""
    told = {"name": name, "image": IMAGE, "imageID": "", "ready": False, "restartCount": 0}
    return [{**told, "state": state}]


def ended_status(name: str, code: int) -> list[Manifest]:
    """Write what a container has ended with."""
    return container_status(name, {"terminated": {"exitCode": code}})
