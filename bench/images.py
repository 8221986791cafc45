"""Measures what pinning, and what signatures, add to a review of a Pod whose images are known."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from statistics import median
from typing import Any, Final, NamedTuple

from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from bench.figures import Figure
from bench.progress import Progress
from bench.review import NAMESPACE, read_review
from bench.signed import TRUST, Signed, found_signed, render_review
from e2e.cluster.certificates import Authority
from revet.adapters.kube import Kube
from revet.core.admission import Request, judge, patch
from revet.core.compiled_policy import Applied, CompiledPolicy, apply
from revet.core.model.policy import parse_policy
from revet.webhook.images import Images
from revet.webhook.references import References
from revet.webhook.review import parse
from tests.support.registry import FakeRegistry, image, serving

REVIEWS: Final = 300
"""So many in a round."""
_DEADLINE_S: Final = 30.0


def measure(rounds: int) -> list[Figure]:
    """Take the medians of CPU time for a review that pins or verifies, less that of a plain one."""
    return asyncio.run(_measure(rounds))


async def _measure(rounds: int) -> list[Figure]:
    async with _open() as (images, signed):
        tagged = _render_tagged(signed.registry)
        by_digest = render_review([signed.push(each) for each in ("signed-web", "signed-cache")])
        digests = {"digest": "Pin", "hosts": [_render_host(signed.registry)]}
        plain = _compile({"digest": "Require"})
        pin = _Contest(partial(_patch, images, tagged), _compile(digests), plain)
        verdict = _Contest(partial(_judge, images, by_digest), _compile(signed.images()), plain)
        # Asked once, so that it is known in what follows.
        if await pin.do(pin.asking) <= await pin.do(plain):
            raise RuntimeError("the images were not pinned")
        if await verdict.do(verdict.asking) != await verdict.do(plain):
            raise RuntimeError("the images were not verified")
        asked = len(signed.registry.asked)
        pins, verdicts = [], []
        with Progress("images", rounds * 2) as progress:
            for _ in range(rounds):
                progress.step("warm pin")
                pins.append(await pin.measure())
                progress.step("warm verdict")
                verdicts.append(await verdict.measure())
        if len(signed.registry.asked) != asked:
            raise RuntimeError("the registry was asked again: what was measured was not warm")
    return [
        Figure("images_warm_pin", median(pins), "ms", at_most=0.3),
        Figure("images_warm_verdict", median(verdicts), "ms", at_most=0.3),
    ]


class _Contest(NamedTuple):
    """A review by a policy that asks registries, and by one that asks nobody."""

    do: Callable[[tuple[Applied, ...]], Awaitable[int]]
    asking: tuple[Applied, ...]
    plain: tuple[Applied, ...]

    async def measure(self) -> float:
        """Return by how many milliseconds the one takes longer."""
        return (await self._time(self.asking) - await self._time(self.plain)) * 1e3

    async def _time(self, applied: tuple[Applied, ...]) -> float:
        start = time.process_time()
        for _ in range(REVIEWS):
            await self.do(applied)
        return (time.process_time() - start) / REVIEWS


async def _patch(images: Images, body: bytes, applied: tuple[Applied, ...]) -> int:
    """Do what the webhook does of a review; return how many operations it patches by."""
    return len(patch(await _complete(images, body, applied, mutating=True), applied))


async def _judge(images: Images, body: bytes, applied: tuple[Applied, ...]) -> int:
    """Do what the webhook does of a review; return how many findings there are."""
    return len(judge(await _complete(images, body, applied, mutating=False), applied).verdicts)


async def _complete(
    images: Images, body: bytes, applied: tuple[Applied, ...], *, mutating: bool
) -> Request:
    request = parse(body).parse()
    if request is None:
        raise RuntimeError("the review has no object")
    if not any(each.policy.asks_registries for each in applied):
        return request
    deadline = asyncio.get_running_loop().time() + _DEADLINE_S
    return await images.complete(request, applied, deadline, mutating=mutating)


@asynccontextmanager
async def _open() -> AsyncIterator[tuple[Images, Signed]]:
    """Run a registry, and what asks it; for whoever asks, the time stands still."""
    authority, registry = Authority("registry"), FakeRegistry()
    signed = found_signed(registry)
    references = References("revet-system", lambda _: None, lambda: 0.0)
    copy, freshness = references.open(TRUST)
    copy.replace([json.dumps({"data": signed.trust(authority.ca_pem)}).encode()])
    freshness.mark()
    # Nobody asks the API server: nothing here wants the pod's own Secrets.
    async with serving(registry, authority), ApiClient(Configuration()) as client:
        images = Images(
            Kube(client), references, lambda: 0.0, time.time, lambda _: None, lambda _: None
        )
        yield images, signed
        await images.close()


def _render_host(registry: FakeRegistry) -> dict[str, Any]:
    return {
        "host": registry.host,
        "caRef": {"configMapRef": {"name": TRUST.name, "key": "ca.crt"}},
    }


def _render_tagged(registry: FakeRegistry) -> bytes:
    """Give the containers of the usual review images of the registry, by tag."""
    review: dict[str, Any] = json.loads(read_review())
    for container in review["request"]["object"]["spec"]["containers"]:
        container["image"] = f"{registry.host}/{container['name']}:1"
        registry.push(container["name"], image(container["name"]), "1")
    return json.dumps(review, separators=(",", ":")).encode()


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
