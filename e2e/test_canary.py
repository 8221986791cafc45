"""The canary with the chart's rights; its pods' status is written here, in place of a kubelet.

So this shows what is made, read, said and taken away: not that a network drops a packet.
"""

import json
import time
from collections.abc import Iterator
from typing import Final

import pytest

from e2e.api import Api, wait_for
from e2e.canary import (
    IMAGE,
    NAME,
    PLACE,
    ask,
    container_status,
    ended_status,
    has_role,
    left,
    operator_with_canary,
    seen,
    told,
    write,
)
from e2e.release import NAMESPACE, Release
from revet.core.canary_exit import Exit
from tests.support.manifests import Manifest

STEP_S: Final = 8
_SENDER: Final = f"system:serviceaccount:{NAMESPACE}:revet-operator"


@pytest.fixture(scope="module")
def running(release: Release) -> Iterator[Release]:
    """Run the operator, with a canary; nothing of this needs the webhook."""
    with operator_with_canary(release, STEP_S) as running:
        yield running


@pytest.fixture
def api(running: Release) -> Iterator[Api]:
    """Talk to the API server as its admin, with a policy that asks for a canary at the end."""
    opened = Api(running.plane)
    yield opened
    running.plane.kubectl("delete", "hardeningpolicy", NAME, "--ignore-not-found")
    wait_for(lambda: not left(opened), "taken away")
    opened.close()


def _begin(api: Api, not_in: frozenset[str] = frozenset()) -> Manifest:
    """Have the server run, and the connection without a NetworkPolicy made; return the client."""
    server = seen(api, "Pod", "server", not_in)
    assert server["spec"]["containers"][0]["image"] == IMAGE
    states = container_status("serve", {"running": {}})
    ips = [{"ip": "192.0.2.7"}]
    write(api, server, phase="Running", podIP="192.0.2.7", podIPs=ips, containerStatuses=states)
    client = seen(api, "Pod", "client", not_in)
    assert "192.0.2.7" in client["spec"]["initContainers"][0]["args"]
    assert not [each for each in api.items("NetworkPolicy", PLACE) if has_role(each, "denial")]
    write(api, client, phase="Pending", initContainerStatuses=ended_status("control", Exit.SHOWN))
    return client


def test_a_dropped_connection_is_true_and_nothing_is_left(running: Release, api: Api) -> None:
    ask(running)
    wait_for(lambda: told(api)[:2] == ("Unknown", "Pending"), "told that it has not run")
    client = _begin(api)
    denial = seen(api, "NetworkPolicy", "denial")
    [rule] = denial["spec"]["ingress"]
    assert len(rule["ports"]) == 1
    write(api, client, phase="Succeeded", containerStatuses=ended_status("compare", Exit.SHOWN))
    wait_for(lambda: told(api)[:2] == ("True", "Dropped"), "told")
    wait_for(lambda: not left(api), "taken away")


def test_a_connection_that_is_made_all_the_same_is_false(running: Release, api: Api) -> None:
    ask(running)
    client = _begin(api)
    seen(api, "NetworkPolicy", "denial")
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > STEP_S / 4 + 1, "tried for long enough")
    write(api, client, phase="Failed", containerStatuses=ended_status("compare", Exit.THROUGH))
    wait_for(lambda: told(api)[:2] == ("False", "NotDropped"), "told")
    # A change of the policy has it tried again; what it says stands until then.
    wait_for(lambda: not left(api), "taken away")
    ask(running, "Egress")
    seen(api, "Pod", "server")
    assert told(api)[:2] == ("False", "NotDropped")


def test_an_image_that_does_not_come_says_nothing_of_the_network(
    running: Release, api: Api
) -> None:
    ask(running)
    server = seen(api, "Pod", "server")
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such host"}}
    write(api, server, phase="Pending", containerStatuses=container_status("serve", waiting))
    wait_for(lambda: told(api)[:2] == ("Unknown", "ImageNotPulled"), "told")
    assert "no such host" in told(api)[2]


def test_what_nobody_schedules_is_told(running: Release, api: Api) -> None:
    ask(running)
    server = seen(api, "Pod", "server")
    condition = {"type": "PodScheduled", "status": "False", "message": "0/0 nodes are available"}
    write(api, server, phase="Pending", conditions=[condition])
    wait_for(lambda: told(api)[:2] == ("Unknown", "NotScheduled"), "told")


def test_a_killed_operator_leaves_nothing_behind(running: Release, api: Api) -> None:
    ask(running)
    _begin(api)
    seen(api, "NetworkPolicy", "denial")
    made = frozenset(left(api))
    assert len(made) == 3
    running.operator.kill()
    assert frozenset(left(api)) == made
    running.start_operator()
    wait_for(lambda: not made.intersection(left(api)), "taken away")
    client = _begin(api, made)
    seen(api, "NetworkPolicy", "denial", made)
    write(api, client, phase="Succeeded", containerStatuses=ended_status("compare", Exit.SHOWN))
    wait_for(lambda: told(api)[:2] == ("True", "Dropped"), "told")
    # After that a restart is no reason to try again.
    wait_for(lambda: not left(api), "taken away")
    said = told(api)
    running.operator.stop()
    running.start_operator()
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > STEP_S / 2, "some time")
    assert (left(api), told(api)) == ([], said)


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
        ask(running)
        wait_for(lambda: told(api)[:2] == ("Unknown", "NotInstalled"), "told")
        assert "canary.pinnedImage" in told(api)[2]
        gone = ("get", "role", "revet-canary", f"--namespace={PLACE}", "--ignore-not-found")
        wait_for(lambda: not running.plane.kubectl(*gone).stdout, "its rights taken back")
    finally:
        running.operator.stop()
