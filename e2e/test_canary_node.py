"""The canary as a real kubelet runs it, in an image, on a plain bridge: nothing plays a part here.

It needs root, and programs that nobody builds unasked (`make node`): skipped, with the reason,
where something is missing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from e2e.api import Api, wait_for
from e2e.canary import NAME, PLACE, ask, left, operator_with_canary, seen, told
from e2e.node.contents import canary_content, pause_content
from e2e.node.enforcement import Enforcement
from e2e.node.image import Image, write_image
from e2e.node.node import Node
from e2e.node.stage import find_hindrance, open_node
from e2e.release import Release

STEP_S: Final = 30
#: Our Deployments are to stay where they are: their processes run beside the cluster.
_NOWHERE: Final = tuple(f"{each}.nodeSelector.place=nowhere" for each in ("operator", "webhook"))
_TRY_S: Final = 3 * STEP_S


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """Give a node, or skip."""
    if hindrance := find_hindrance():
        pytest.skip(hindrance)
    with open_node() as opened:
        yield opened


@pytest.fixture(scope="module")
def image(node: Node) -> Image:
    """Give the canary's image, on the node."""
    written = write_image(node.folder, "localhost/revet", canary_content())
    node.add_image(written)
    return written


@pytest.fixture(scope="module")
def running(node: Node, image: Image) -> Iterator[Release]:
    """Run the operator, with a canary; nothing of this needs the webhook."""
    with (
        Release(node.plane, _NOWHERE) as release,
        operator_with_canary(release, STEP_S, image.pinned) as running,
    ):
        yield running


@pytest.fixture
def api(running: Release) -> Iterator[Api]:
    """Talk to the API server as its admin; nobody asks for a canary at the end."""
    opened = Api(running.plane)
    yield opened
    running.plane.kubectl("delete", "hardeningpolicy", NAME, "--ignore-not-found")
    wait_for(lambda: not left(opened), "taken away", _TRY_S)
    opened.close()


def _tell(api: Api, truth: str, reason: str) -> str:
    """Wait until this is said, and until nothing is left of the try; return the message."""
    wait_for(lambda: told(api)[:2] == (truth, reason), f"{truth}, {reason}", _TRY_S)
    message = told(api)[2]
    wait_for(lambda: not left(api), f"an empty {PLACE}", _TRY_S)
    return message


def test_a_plain_bridge_does_not_enforce(running: Release, api: Api) -> None:
    ask(running)
    message = _tell(api, "False", "NotDropped")
    assert "it was made all the same" in message


def test_a_network_that_drops_does(running: Release, api: Api, node: Node) -> None:
    with Enforcement(node, PLACE):
        ask(running)
        _tell(api, "True", "Dropped")


def test_an_image_without_the_program_says_nothing_of_the_network(
    running: Release, api: Api, node: Node
) -> None:
    other = write_image(node.folder, "localhost/other", pause_content(node.programs.pause))
    node.add_image(other)
    with _tried_with(running, other.pinned, STEP_S // 2):
        ask(running)
        message = _tell(api, "Unknown", "PodFailed")
    assert "serve ended with 128" in message
    assert "revet-canary" in message


def test_an_image_that_cannot_be_pulled_says_nothing_of_the_network(
    running: Release, api: Api
) -> None:
    with _tried_with(running, f"localhost/absent@sha256:{'a' * 64}", STEP_S // 2):
        ask(running)
        message = _tell(api, "Unknown", "ImageNotPulled")
    assert "localhost/absent" in message


def test_pods_that_nobody_takes_away_end_by_themselves(
    running: Release, api: Api, image: Image
) -> None:
    def phases() -> set[str]:
        return {each["status"]["phase"] for each in api.items("Pod", PLACE)}

    with _tried_with(running, image.pinned, STEP_S // 3):
        ask(running)
        seen(api, "NetworkPolicy", "denial")
        running.operator.kill()
        wait_for(lambda: phases() <= {"Failed", "Succeeded"}, "ended", 2 * _TRY_S)
        server = seen(api, "Pod", "server")
        assert server["status"]["reason"] == "DeadlineExceeded"
        running.plane.kubectl("delete", "hardeningpolicy", NAME)
        running.start_operator()
        wait_for(lambda: not left(api), f"an empty {PLACE}", _TRY_S)


@contextmanager
def _tried_with(running: Release, image: str, step_s: int) -> Iterator[None]:
    """Have the operator try with other values, until it is stopped."""
    running.operator.stop()
    running.install(f"canary.pinnedImage={image}", f"canary.timeout={step_s}")
    running.start_operator()
    try:
        yield
    finally:
        running.operator.stop()
