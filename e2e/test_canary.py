"""The canary with the chart's rights; its pods' status is written here, in place of a kubelet.

So this shows what is made, read, said and taken away: not that a network drops a packet.
"""

import json
import time
from collections.abc import Iterator
from typing import Final

import pytest

from e2e.api import MERGE, Api, wait_for
from e2e.release import NAMESPACE, Release
from e2e.standing import POLICIES
from e2e.webhook import policy
from revet.core.canary_exit import Exit
from tests.support.manifests import Manifest

NAME: Final = "tried"
PLACE: Final = f"{NAMESPACE}-canary"
STEP_S: Final = 8
IMAGE: Final = f"registry.example.com/revet@sha256:{'a' * 64}"
_SENDER: Final = f"system:serviceaccount:{NAMESPACE}:revet-operator"


@pytest.fixture(scope="module")
def running(release: Release) -> Iterator[Release]:
    """Run the operator, with a canary; nothing of this needs the webhook."""
    release.install(f"canary.pinnedImage={IMAGE}", f"canary.timeout={STEP_S}")
    try:
        release.start_operator()
        yield release
    finally:
        release.stop()
        release.install()


@pytest.fixture
def api(running: Release) -> Iterator[Api]:
    """Talk to the API server as its admin, with a policy that asks for a canary at the end."""
    opened = Api(running.plane)
    yield opened
    running.plane.kubectl("delete", "hardeningpolicy", NAME, "--ignore-not-found")
    wait_for(lambda: not _left(opened), "taken away")
    opened.close()


def _ask(running: Release, isolate: str = "Ingress") -> None:
    network = {"mode": "Enforce", "canary": "Enabled", "isolate": [isolate]}
    running.plane.apply(policy(NAME, {"tried": "yes"}, network=network))


def _told(api: Api) -> tuple[str, str, str]:
    status = api.send("GET", f"{POLICIES}/{NAME}").body.get("status", {})
    for each in status.get("conditions", ()):
        if each["type"] == "NetworkEnforced":
            return each["status"], each["reason"], each["message"]
    return "", "", ""


def _left(api: Api) -> list[str]:
    """Return the names of what the canary has made."""
    found = [*api.items("Pod", PLACE), *api.items("NetworkPolicy", PLACE)]
    return [each["metadata"]["name"] for each in found]


def _seen(api: Api, kind: str, role: str, not_in: frozenset[str] = frozenset()) -> Manifest:
    """Wait for what the canary makes, and return it as it is."""

    def find() -> list[Manifest]:
        found = api.items(kind, PLACE)
        names = {each["metadata"]["name"] for each in found} - not_in
        return [each for each in found if each["metadata"]["name"] in names and _is(each, role)]

    wait_for(find, f"the {role}")
    return {"kind": kind, **find()[0]}


def _is(manifest: Manifest, role: str) -> bool:
    return bool(manifest["metadata"]["name"].endswith(f"-{role}"))


def _write(api: Api, pod: Manifest, **status: object) -> None:
    """Write a pod's status, as its kubelet would."""
    assert api.patch(pod, PLACE, {"status": status}, "/status", MERGE).is_success


def _container(name: str, state: Manifest) -> list[Manifest]:
    told = {"name": name, "image": IMAGE, "imageID": "", "ready": False, "restartCount": 0}
    return [{**told, "state": state}]


def _ended(name: str, code: int) -> list[Manifest]:
    return _container(name, {"terminated": {"exitCode": code}})


def _begin(api: Api, not_in: frozenset[str] = frozenset()) -> Manifest:
    """Have the server run, and the connection without a NetworkPolicy made; return the client."""
    server = _seen(api, "Pod", "server", not_in)
    assert server["spec"]["containers"][0]["image"] == IMAGE
    states = _container("serve", {"running": {}})
    ips = [{"ip": "192.0.2.7"}]
    _write(api, server, phase="Running", podIP="192.0.2.7", podIPs=ips, containerStatuses=states)
    client = _seen(api, "Pod", "client", not_in)
    assert "192.0.2.7" in client["spec"]["initContainers"][0]["args"]
    assert not [each for each in api.items("NetworkPolicy", PLACE) if _is(each, "denial")]
    _write(api, client, phase="Pending", initContainerStatuses=_ended("control", Exit.SHOWN))
    return client


def test_a_dropped_connection_is_true_and_nothing_is_left(running: Release, api: Api) -> None:
    _ask(running)
    wait_for(lambda: _told(api)[:2] == ("Unknown", "Pending"), "told that it has not run")
    client = _begin(api)
    denial = _seen(api, "NetworkPolicy", "denial")
    [rule] = denial["spec"]["ingress"]
    assert len(rule["ports"]) == 1
    _write(api, client, phase="Succeeded", containerStatuses=_ended("compare", Exit.SHOWN))
    wait_for(lambda: _told(api)[:2] == ("True", "Dropped"), "told")
    wait_for(lambda: not _left(api), "taken away")


def test_a_connection_that_is_made_all_the_same_is_false(running: Release, api: Api) -> None:
    _ask(running)
    client = _begin(api)
    _seen(api, "NetworkPolicy", "denial")
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > STEP_S / 4 + 1, "tried for long enough")
    _write(api, client, phase="Failed", containerStatuses=_ended("compare", Exit.THROUGH))
    wait_for(lambda: _told(api)[:2] == ("False", "NotDropped"), "told")
    # A change of the policy has it tried again; what it says stands until then.
    wait_for(lambda: not _left(api), "taken away")
    _ask(running, "Egress")
    _seen(api, "Pod", "server")
    assert _told(api)[:2] == ("False", "NotDropped")


def test_an_image_that_does_not_come_says_nothing_of_the_network(
    running: Release, api: Api
) -> None:
    _ask(running)
    server = _seen(api, "Pod", "server")
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such host"}}
    _write(api, server, phase="Pending", containerStatuses=_container("serve", waiting))
    wait_for(lambda: _told(api)[:2] == ("Unknown", "ImageNotPulled"), "told")
    assert "no such host" in _told(api)[2]


def test_what_nobody_schedules_is_told(running: Release, api: Api) -> None:
    _ask(running)
    server = _seen(api, "Pod", "server")
    condition = {"type": "PodScheduled", "status": "False", "message": "0/0 nodes are available"}
    _write(api, server, phase="Pending", conditions=[condition])
    wait_for(lambda: _told(api)[:2] == ("Unknown", "NotScheduled"), "told")


def test_a_killed_operator_leaves_nothing_behind(running: Release, api: Api) -> None:
    _ask(running)
    _begin(api)
    _seen(api, "NetworkPolicy", "denial")
    left = frozenset(_left(api))
    assert len(left) == 3
    running.operator.kill()
    assert frozenset(_left(api)) == left
    running.start_operator()
    wait_for(lambda: not left.intersection(_left(api)), "taken away")
    client = _begin(api, left)
    _seen(api, "NetworkPolicy", "denial", left)
    _write(api, client, phase="Succeeded", containerStatuses=_ended("compare", Exit.SHOWN))
    wait_for(lambda: _told(api)[:2] == ("True", "Dropped"), "told")
    # After that a restart is no reason to try again.
    wait_for(lambda: not _left(api), "taken away")
    said = _told(api)
    running.operator.stop()
    running.start_operator()
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > STEP_S / 2, "some time")
    assert (_left(api), _told(api)) == ([], said)


def test_it_has_these_rights_in_its_own_namespace_alone(running: Release) -> None:
    def may(verb: str, namespace: str) -> bool:
        question = ("auth", "can-i", verb, "pods", f"--as={_SENDER}", f"--namespace={namespace}")
        return running.plane.kubectl(*question, check=False).stdout.strip() == "yes"

    assert may("create", PLACE)
    assert not any(may(verb, NAMESPACE) for verb in ("create", "delete", "patch"))
    assert not may("patch", PLACE)
    found = json.loads(running.plane.kubectl("get", "namespace", PLACE, "--output=json").stdout)
    assert found["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_without_an_image_there_is_none_and_the_status_says_so(running: Release, api: Api) -> None:
    running.operator.stop()
    running.install()
    try:
        running.start_operator()
        _ask(running)
        wait_for(lambda: _told(api)[:2] == ("Unknown", "NotInstalled"), "told")
        assert "canary.pinnedImage" in _told(api)[2]
        gone = ("get", "role", "revet-canary", f"--namespace={PLACE}", "--ignore-not-found")
        wait_for(lambda: not running.plane.kubectl(*gone).stdout, "its rights taken back")
    finally:
        running.operator.stop()
