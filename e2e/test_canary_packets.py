"""The canary's programs as they would run in its pods, with packets on a bridge of this machine.

Two network namespaces are the pods, and this test their kubelet. A plain bridge takes every
NetworkPolicy and enforces none; a rule that drops what one denies stands in for a network that
does. Needs root: skipped, with the reason, where there is none.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from e2e.api import Api, wait_for
from e2e.canary import (
    NAME,
    PLACE,
    ask,
    container_status,
    ended_status,
    left,
    operator_with_canary,
    seen,
    told,
    write,
)
from e2e.release import Release
from revet.core.canary_exit import Exit
from tests.support.manifests import Manifest

STEP_S: Final = 24
SERVER: Final = "192.0.2.1"
CLIENT: Final = "192.0.2.2"
_CAN_NOT: Final = ("not permitted", "not supported", "Permission denied")


class Bridge:
    """Two network namespaces on a bridge; a context manager that takes all of it away again."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._name = f"rv{os.getpid()}"

    def __enter__(self) -> Self:
        try:
            self._make()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def command(self, address: str, container: Manifest) -> list[str]:
        """Return what runs a container in the namespace that has an address."""
        [program] = container["command"]
        path = str(Path(sys.executable).parent / program)
        place = self._namespace(address)
        return ["ip", "netns", "exec", place, path, *container["args"]]

    def drop_from(self, address: str, port: int) -> None:
        """Drop what a port answers: a connection to it comes to nothing."""
        rule = ("sport", str(port), "ipproto", "tcp", "blackhole")
        _run("ip", "-n", self._namespace(address), "rule", "add", *rule)

    def _make(self) -> None:
        _run("ip", "link", "add", self._name, "type", "bridge")
        self._stack.callback(_run, "ip", "link", "delete", self._name)
        _run("ip", "link", "set", self._name, "up")
        for address in (SERVER, CLIENT):
            place, end = self._namespace(address), f"{self._name}-{address[-1]}"
            _run("ip", "netns", "add", place)
            self._stack.callback(_run, "ip", "netns", "delete", place)
            peer = ("peer", "name", "eth0", "netns", place)
            _run("ip", "link", "add", end, "type", "veth", *peer)
            # By itself it goes only some time after its namespace.
            self._stack.callback(_run, "ip", "link", "delete", end)
            _run("ip", "link", "set", end, "master", self._name, "up")
            _run("ip", "-n", place, "address", "add", f"{address}/24", "dev", "eth0")
            _run("ip", "-n", place, "link", "set", "eth0", "up")

    def _namespace(self, address: str) -> str:
        return f"{self._name}-{address.rpartition('.')[2]}"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    """Give a plain bridge, or skip."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root, and the program ip (iproute2)")
    with ExitStack() as stack:
        try:
            made = stack.enter_context(Bridge())
        except subprocess.CalledProcessError as error:
            if not any(each in error.stderr for each in _CAN_NOT):
                raise
            pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
        yield made


@pytest.fixture(scope="module")
def running(release: Release) -> Iterator[Release]:
    """Run the operator, with a canary; nothing of this needs the webhook."""
    with operator_with_canary(release, STEP_S) as running:
        yield running


@pytest.fixture
def api(running: Release) -> Iterator[Api]:
    """Talk to the API server as its admin; nobody asks for a canary at the end."""
    opened = Api(running.plane)
    yield opened
    running.plane.kubectl("delete", "hardeningpolicy", NAME, "--ignore-not-found")
    opened.close()


def _play(api: Api, bridge: Bridge, *, enforces: bool) -> int:
    """Be the kubelet of both pods; return what the comparison has ended with."""
    server = seen(api, "Pod", "server")
    [serve] = server["spec"]["containers"]
    with subprocess.Popen(bridge.command(SERVER, serve)) as process:
        try:
            states = container_status("serve", {"running": {}})
            ips = [{"ip": SERVER}]
            write(api, server, phase="Running", podIP=SERVER, podIPs=ips, containerStatuses=states)
            client = seen(api, "Pod", "client")
            [control], [compare] = client["spec"]["initContainers"], client["spec"]["containers"]
            code = subprocess.call(bridge.command(CLIENT, control))
            write(api, client, phase="Pending", initContainerStatuses=ended_status("control", code))
            assert code == Exit.SHOWN
            [rule] = seen(api, "NetworkPolicy", "denial")["spec"]["ingress"]
            if enforces:
                allowed = {str(each["port"]) for each in rule["ports"]}
                [denied] = [int(each) for each in serve["args"][1:] if each not in allowed]
                bridge.drop_from(SERVER, denied)
            code = subprocess.call(bridge.command(CLIENT, compare))
            phase = "Failed" if code else "Succeeded"
            write(api, client, phase=phase, containerStatuses=ended_status("compare", code))
        finally:
            process.terminate()
    return code


@pytest.mark.parametrize(
    ("network", "code", "said"),
    [
        ("plain bridge", Exit.THROUGH, ("False", "NotDropped")),
        ("one that drops", Exit.SHOWN, ("True", "Dropped")),
    ],
)
def test_packets_say_whether_the_network_enforces(
    running: Release, bridge: Bridge, api: Api, network: str, code: int, said: tuple[str, str]
) -> None:
    ask(running)
    assert _play(api, bridge, enforces=network == "one that drops") == code
    wait_for(lambda: told(api)[:2] == said, "told")
    wait_for(lambda: not left(api), f"an empty {PLACE}")
