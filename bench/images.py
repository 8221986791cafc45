"""Measures what pinning adds to a review of a Pod whose tags were looked up seconds ago."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Any, Final

from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from bench.figures import Figure
from bench.progress import Progress
from bench.review import NAMESPACE, read_review
from e2e.cluster.certificates import Authority
from revet.adapters.kube import Kube
from revet.core.admission import patch
from revet.core.compiled_policy import Applied, CompiledPolicy, apply
from revet.core.model.policy import parse_policy
from revet.webhook.images import Images
from revet.webhook.references import CONFIG_MAP, Reference, References
from revet.webhook.review import parse
from tests.support.registry import FakeRegistry, image, serving

REVIEWS: Final = 300
"""So many in a round."""
_CA: Final = Reference(CONFIG_MAP, "ca")
_DEADLINE_S: Final = 30.0


def measure(rounds: int) -> list[Figure]:
    """Take the median of CPU time for a review that pins, less that of one that does not."""
    return asyncio.run(_measure(rounds))


async def _measure(rounds: int) -> list[Figure]:
    async with _open() as (images, registry):
        body = _render_review(registry)
        digests = {"digest": "Pin", "hosts": [_render_host(registry)]}
        pinning, plain = _compile(digests), _compile({"digest": "Require"})
        # Asked once, so that it is known in what follows.
        if await _patch(images, body, pinning) <= len(_images(body)):
            raise RuntimeError("the images were not pinned")
        above: list[float] = []
        with Progress("pinning", rounds) as progress:
            for _ in range(rounds):
                progress.step("warm")
                took = [await _time(images, body, each) for each in (pinning, plain)]
                above.append((took[0] - took[1]) * 1e3)
        asked = len(registry.asked)
    if asked != len(_images(body)):
        raise RuntimeError(f"the registry was asked {asked} times: what was measured was not warm")
    return [Figure("images_warm_pin", median(above), "ms", at_most=0.3)]


async def _time(images: Images, body: bytes, applied: tuple[Applied, ...]) -> float:
    start = time.process_time()
    for _ in range(REVIEWS):
        await _patch(images, body, applied)
    return (time.process_time() - start) / REVIEWS


async def _patch(images: Images, body: bytes, applied: tuple[Applied, ...]) -> int:
    """Do what the webhook does of a review; return how many operations it patches by."""
    request = parse(body).parse()
    if request is None:
        raise RuntimeError("the review has no object")
    if any(each.policy.pins is not None for each in applied):
        deadline = asyncio.get_running_loop().time() + _DEADLINE_S
        request = await images.complete(request, applied, deadline, mutating=True)
    return len(patch(request, applied))


@asynccontextmanager
async def _open() -> AsyncIterator[tuple[Images, FakeRegistry]]:
    """Run a registry, and what asks it; for whoever asks, the time stands still."""
    authority, registry = Authority("registry"), FakeRegistry()
    references = References("revet-system", lambda _: None, lambda: 0.0)
    copy, freshness = references.open(_CA)
    config = {"data": {"ca.crt": authority.ca_pem.decode()}}
    copy.replace([json.dumps(config).encode()])
    freshness.mark()
    # Nobody asks the API server: nothing here wants the pod's own Secrets.
    async with serving(registry, authority), ApiClient(Configuration()) as client:
        images = Images(
            Kube(client), references, lambda: 0.0, time.time, lambda _: None, lambda _: None
        )
        yield images, registry
        await images.close()


def _render_host(registry: FakeRegistry) -> dict[str, Any]:
    return {
        "host": registry.host,
        "caRef": {"configMapRef": {"name": _CA.name, "key": "ca.crt"}},
    }


def _render_review(registry: FakeRegistry) -> bytes:
    """Give the containers of the usual review images of the registry, by tag."""
    review: dict[str, Any] = json.loads(read_review())
    for container in review["request"]["object"]["spec"]["containers"]:
        container["image"] = f"{registry.host}/{container['name']}:1"
        registry.push(container["name"], image(container["name"]), "1")
    return json.dumps(review, separators=(",", ":")).encode()


def _images(body: bytes) -> list[str]:
    spec = json.loads(body)["request"]["object"]["spec"]
    return [each["image"] for each in spec["containers"]]


def _compile(images: dict[str, Any]) -> tuple[Applied, ...]:
    policy = {
        "apiVersion": "revet.dev/v1alpha1",
        "kind": "HardeningPolicy",
        "metadata": {"name": "images"},
        "spec": {
            "namespaceSelector": {},
            "profile": "restricted",
            "enforcement": "Enforce",
            "images": images,
        },
    }
    compiled = CompiledPolicy.of(parse_policy(json.dumps(policy)))
    return apply([compiled], NAMESPACE, {}, frozenset())
