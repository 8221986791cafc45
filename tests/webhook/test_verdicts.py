"""The door at which the operator asks what is wrong with an image that runs."""

import json
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from revet.core.model.image_facts import Demand, Fault
from revet.core.verification import Asked, identify
from revet.webhook.doors import Doors
from revet.webhook.findings import FRESH_S, NEW_S
from revet.webhook.verdicts import Verdicts
from tests.support.registry import always
from tests.support.sigstore.world import Sigstore, statement
from tests.webhook import test_signatures
from tests.webhook.registries import Pinning
from tests.webhook.test_signatures import KEY, UNLOGGED, attach, by_digest

signed = test_signatures.signed


@pytest.fixture(scope="module")
def sigstore() -> Sigstore:
    """Give a private instance."""
    return Sigstore(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(autouse=True)
def told(world: Pinning) -> None:
    """Have the images know of policies, as the process does."""
    world.webhook.knowledge.tell_policies = world.images.want


async def ask(world: Pinning, body: Any, demand: str = "") -> tuple[int, str]:  # noqa: ANN401
    """Ask at the door, as the operator does; `body` is what is sent, as JSON if it is no text."""
    webhook = world.webhook
    webhook.server.admit = Doors(webhook.reviewer, Verdicts(world.images)).admit
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    url = f"https://127.0.0.1:{webhook.port}/verify/{demand or identify(wanted(world))}"
    headers = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=data, headers=headers, ssl=webhook.client_tls) as response,
    ):
        return response.status, await response.text()


def wanted(world: Pinning) -> Demand:
    """Return what the policy asks for."""
    [demand] = world.images._demands.values()
    return demand


async def faults(world: Pinning, reference: str = "") -> list[Fault]:
    """Ask what is wrong with the image."""
    status, text = await ask(world, Asked(reference or world.reference(f"app@{world.digest()}")))
    assert status == 200, text
    return msgspec.json.decode(text, type=list[Fault])


async def test_it_says_what_admission_would(signed: Pinning, sigstore: Sigstore) -> None:
    [fault] = await faults(signed)
    assert not fault.is_unknown
    assert fault.text.startswith('no signature by "ci" (key cosign or keyless')
    attach(signed, sigstore.keyed(statement(signed.digest()), KEY, UNLOGGED))
    signed.clock.now += NEW_S + 1
    assert await faults(signed) == []
    # What was found is there for admission, and the other way about.
    asked = len(signed.registry.paths())
    assert (await signed.validate(by_digest(signed)))["allowed"] is True
    assert await faults(signed) == []
    assert len(signed.registry.paths()) == asked


async def test_what_was_found_some_time_ago_is_no_answer(
    signed: Pinning, sigstore: Sigstore
) -> None:
    attach(signed, sigstore.keyed(statement(signed.digest()), KEY, UNLOGGED))
    assert await faults(signed) == []
    path = f"/v2/app/referrers/{signed.digest()}"
    signed.registry.instead[path] = always(lambda: web.Response(status=403))
    signed.clock.now += FRESH_S + 1
    [fault] = await faults(signed)
    assert fault.is_unknown
    assert f"{signed.registry.host}: answered 403" in fault.text
    # At admission it does.
    assert (await signed.validate(by_digest(signed)))["allowed"] is True


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"reference": 1}', 400),
        (b'{"reference": "\xff"}', 400),
        ({"reference": "HOST/app:1"}, 400),
        ({"reference": "HOST/app@sha256:abc"}, 400),
        ({"reference": f"HOST/../app@sha256:{'a' * 64}"}, 400),
        ({"reference": f"HOST/{'a' * 2000}@sha256:{'a' * 64}"}, 400),
        # No rule is about it: nobody is asked.
        ({"reference": f"other.example/app@sha256:{'a' * 64}"}, 400),
    ],
)
async def test_what_is_not_asked_for_is_refused(
    signed: Pinning,
    body: bytes | dict[str, str],
    status: int,
) -> None:
    if isinstance(body, dict):
        body = json.dumps(body).replace("HOST", signed.registry.host).encode()
    assert (await ask(signed, body))[0] == status
    assert signed.registry.paths() == []


async def test_a_demand_that_no_policy_has_is_not_known(signed: Pinning) -> None:
    question = Asked(signed.reference(f"app@{signed.digest()}"))
    for demand in ("0" * 64, "..", "validate/x"):
        assert (await ask(signed, question, demand))[0] == 404
    before = identify(wanted(signed))
    test_signatures.demand(signed, transparencyLog="Required")
    assert identify(wanted(signed)) != before
    assert (await ask(signed, question, before))[0] == 404
