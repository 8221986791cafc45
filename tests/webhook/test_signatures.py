"""Images are judged by who signed them: what is asked, kept, refused, and what in an outage."""

import asyncio
import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from revet.webhook.findings import FRESH_S, NEW_S, STALE_S
from revet.webhook.images import MOST_QUESTIONS
from revet.webhook.references import CONFIG_MAP, SECRET, Reference
from tests.support.manifests import Manifest, container, pod, workload
from tests.support.registry import EMPTY_CONFIG, OCI_MANIFEST, always, image
from tests.support.sigstore.authority import ISSUER, SUBJECT, new_key
from tests.support.sigstore.world import BUNDLE, Document, How, Sigstore, public_pem, statement
from tests.webhook.harness import until
from tests.webhook.registries import Pinning

KEY = new_key()
ROOT = Reference(CONFIG_MAP, "root")
PUB = Reference(SECRET, "cosign")
UNLOGGED = How(is_logged=False)
VULN = "https://cosign.sigstore.dev/attestation/vuln/v1"


@pytest.fixture(scope="module")
def sigstore() -> Sigstore:
    """Give a private instance."""
    return Sigstore(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
async def signed(world: Pinning, sigstore: Sigstore) -> Pinning:
    """Give a webhook that asks for signatures by the key, or by a person."""
    tell_key(world, public_pem(KEY))
    world.tell(ROOT, {"data": {"trusted_root.json": json.dumps(sigstore.root())}})
    demand(world)
    return world


def demand(world: Pinning, **changes: Any) -> None:  # noqa: ANN401 # any JSON
    """Ask for signatures of all images of the registry."""
    more: dict[str, Any] = {
        each: changes.pop(each) for each in ("digest", "onUnknown") if each in changes
    }
    keyless = {"issuer": {"exact": ISSUER}, "subject": {"exact": SUBJECT}}
    rule = {
        "name": "ci",
        "images": [f"{world.registry.host}/*"],
        "anyOf": [
            {"key": {"secretRef": {"name": "cosign", "key": "cosign.pub"}}},
            {"keyless": keyless},
        ],
        "trustRoot": {"configMapRef": {"name": "root", "key": "trusted_root.json"}},
        "transparencyLog": "Ignored",
        **changes,
    }
    world.know({"digest": "Disabled", "verify": [rule], **more})


def tell_key(world: Pinning, pem: str) -> None:
    """Have the Secret hold this key."""
    world.tell(PUB, {"data": {"cosign.pub": base64.b64encode(pem.encode()).decode()}})


def attach(world: Pinning, document: Document, digest: str = "") -> None:
    """Push a bundle beside the image."""
    raw = json.dumps(document).encode()
    layer = {"mediaType": BUNDLE, "digest": world.registry.push_blob("app", raw), "size": len(raw)}
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": EMPTY_CONFIG,
        "layers": [layer],
        "subject": {"mediaType": OCI_MANIFEST, "size": 1, "digest": digest or world.digest()},
    }
    world.registry.push("app", json.dumps(manifest).encode())


def by_digest(world: Pinning) -> Manifest:
    """Write a Pod of the image."""
    return pod("web", container(image=world.reference(f"app@{world.digest()}")))


async def test_a_signed_image_is_admitted(signed: Pinning, sigstore: Sigstore) -> None:
    manifest = by_digest(signed)
    refused = await signed.validate(manifest)
    assert refused["allowed"] is False
    assert 'no signature by "ci" (key cosign or keyless' in refused["status"]["message"]
    attach(signed, sigstore.keyed(statement(signed.digest()), KEY, UNLOGGED))
    # What was refused is asked again soon, and not at once.
    assert (await signed.validate(manifest))["allowed"] is False
    signed.clock.now += NEW_S + 1
    assert (await signed.validate(manifest))["allowed"] is True


async def test_a_person_signs(signed: Pinning, sigstore: Sigstore) -> None:
    attach(signed, sigstore.keyless(statement(signed.digest())))
    assert (await signed.validate(by_digest(signed)))["allowed"] is True


async def test_eight_containers_cost_one_verification(signed: Pinning, sigstore: Sigstore) -> None:
    attach(signed, sigstore.keyed(statement(signed.digest()), KEY, UNLOGGED))
    app = signed.reference(f"app@{signed.digest()}")
    manifest = pod(
        "web",
        *(container(f"c{number}", image=app) for number in range(6)),
        initContainers=[container("init", image=app)],
        volumes=[{"name": "data", "image": {"reference": app}}],
    )
    answers = await asyncio.gather(*(signed.validate(manifest) for _ in range(10)))
    assert all(each["allowed"] for each in answers)
    asked = signed.registry.paths()
    assert len(asked) == len(set(asked))
    before = len(asked)
    assert (await signed.validate(manifest))["allowed"] is True
    assert len(signed.registry.paths()) == before


async def test_a_tag_is_no_signed_image(signed: Pinning, sigstore: Sigstore) -> None:
    attach(signed, sigstore.keyed(statement(signed.digest()), KEY, UNLOGGED))
    refused = await signed.validate(pod("web", container(image=signed.reference())))
    assert "must be signed, and has no digest that could be" in refused["status"]["message"]


async def test_what_is_pinned_is_what_is_verified(signed: Pinning, sigstore: Sigstore) -> None:
    demand(signed, digest="Pin")
    attach(signed, sigstore.keyed(statement(signed.digest()), KEY, UNLOGGED))
    assert (await signed.admit(pod("web", container(image=signed.reference()))))["allowed"] is True
    template = workload("Deployment", "web", container(image=signed.reference()))
    assert (await signed.validate(template))["allowed"] is True
    signed.registry.push("app", image("unsigned"), "2")
    unsigned = workload("Deployment", "web", container(image=signed.reference("app:2")))
    refused = await signed.validate(unsigned)
    assert 'no signature by "ci"' in refused["status"]["message"]


async def test_an_ephemeral_container_is_no_way_around(signed: Pinning) -> None:
    app = signed.reference(f"app@{signed.digest()}")
    old = pod("web", container(image="other.example/app:1"))
    new = {**old, "spec": {**old["spec"], "ephemeralContainers": [container("debug", image=app)]}}
    refused = await signed.validate(new, old=old, operation="UPDATE")
    assert 'spec.ephemeralContainers[0] "debug"' in refused["status"]["message"]


async def test_an_outage_after_a_verification(signed: Pinning, sigstore: Sigstore) -> None:
    attach(signed, sigstore.keyed(statement(signed.digest()), KEY, UNLOGGED))
    manifest = by_digest(signed)
    assert (await signed.validate(manifest))["allowed"] is True
    path = f"/v2/app/referrers/{signed.digest()}"
    signed.registry.instead[path] = always(lambda: web.Response(status=403))
    signed.clock.now += FRESH_S + 1
    answer = await signed.validate(manifest)
    assert answer["allowed"] is True
    assert "was verified 10 min ago, since" in answer["auditAnnotations"]["stale"]
    signed.clock.now += STALE_S
    refused = await signed.validate(manifest)
    assert "not checked: " in refused["status"]["message"]
    assert "answered 403" in refused["status"]["message"]


@pytest.mark.parametrize(
    ("on_unknown", "is_let"), [("Deny", False), ("Warn", True), ("Audit", True)]
)
async def test_an_outage_at_first(signed: Pinning, on_unknown: str, *, is_let: bool) -> None:
    demand(signed, onUnknown=on_unknown)
    path = f"/v2/app/referrers/{signed.digest()}"
    signed.registry.instead[path] = always(lambda: web.Response(status=403))
    answer = await signed.validate(by_digest(signed))
    assert answer["allowed"] is is_let
    assert "answered 403" in json.dumps(answer)


async def test_no_answer_in_time(signed: Pinning, sigstore: Sigstore) -> None:
    attach(signed, sigstore.keyed(statement(signed.digest()), KEY, UNLOGGED))
    path = f"/v2/app/referrers/{signed.digest()}"
    is_asked, may_go_on = asyncio.Event(), asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        is_asked.set()
        await may_go_on.wait()
        del signed.registry.instead[path]
        return await signed.registry._handle(request)

    signed.registry.instead[path] = stall
    refused = await signed.validate(by_digest(signed), timeout_s=0.3)
    assert "gave no answer in time" in refused["status"]["message"]
    await is_asked.wait()
    may_go_on.set()
    # Nobody stopped asking: the next one finds the answer there.
    assert (await signed.validate(by_digest(signed)))["allowed"] is True


async def test_a_key_that_is_changed(signed: Pinning, sigstore: Sigstore) -> None:
    attach(signed, sigstore.keyed(statement(signed.digest()), KEY, UNLOGGED))
    assert (await signed.validate(by_digest(signed)))["allowed"] is True
    tell_key(signed, public_pem(new_key()))
    assert (await signed.validate(by_digest(signed)))["allowed"] is False
    # What can't be used does not take the place of what could.
    tell_key(signed, public_pem(KEY))
    assert (await signed.validate(by_digest(signed)))["allowed"] is True
    tell_key(signed, "no key at all")
    assert (await signed.validate(by_digest(signed)))["allowed"] is True
    signed.tell(ROOT, {"data": {"trusted_root.json": "{"}})
    assert (await signed.validate(by_digest(signed)))["allowed"] is True


async def test_a_key_that_was_never_there(signed: Pinning) -> None:
    signed.tell(PUB, None)
    refused = await signed.validate(by_digest(signed))
    assert "Secret revet-system/cosign is not there" in refused["status"]["message"]


async def test_a_scan_grows_old_in_the_cache(signed: Pinning, sigstore: Sigstore) -> None:
    demand(signed, attestations=[{"type": "vuln", "maxAge": "24h"}])
    finished = (datetime.now(UTC) - timedelta(hours=23)).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = {
        "scanner": {"result": {"SchemaVersion": 2, "Results": []}},
        "metadata": {"scanFinishedOn": finished},
    }
    attach(signed, sigstore.keyed(statement(signed.digest()), KEY, UNLOGGED))
    attach(signed, sigstore.keyed(statement(signed.digest(), VULN, said), KEY, UNLOGGED))
    assert (await signed.validate(by_digest(signed)))["allowed"] is True
    later = time.time() + 2 * 3600
    signed.wall = lambda: later
    refused = await signed.validate(by_digest(signed))
    assert "25h old, may be 24h" in refused["status"]["message"]


async def test_too_many_images(signed: Pinning) -> None:
    images = [signed.reference(f"app@sha256:{number:064x}") for number in range(MOST_QUESTIONS + 1)]
    manifest = pod("web", *(container(f"c{n}", image=each) for n, each in enumerate(images)))
    refused = await signed.validate(manifest)
    assert "images are looked up for one object" in refused["status"]["message"]


async def test_others_are_not_asked(signed: Pinning) -> None:
    manifest = pod("web", container(image=f"other.example/app@{signed.digest()}"))
    assert (await signed.validate(manifest))["allowed"] is True
    assert signed.registry.paths() == []


async def test_images_take_turns(signed: Pinning, sigstore: Sigstore) -> None:
    digest = signed.digest()
    attach(signed, sigstore.keyed(statement(digest), KEY, UNLOGGED))
    names = [f"app-{number}" for number in range(40)]
    may_go_on = asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        await may_go_on.wait()
        del signed.registry.instead[request.path]
        return await signed.registry._handle(request)

    for name in names:
        for (_, key), held in list(signed.registry.manifests.items()):
            signed.registry.manifests[name, key] = held
        for (_, key), blob in list(signed.registry.blobs.items()):
            signed.registry.blobs[name, key] = blob
        signed.registry.referrers[name, digest] = signed.registry.referrers["app", digest]
        signed.registry.instead[f"/v2/{name}/referrers/{digest}"] = stall
    pods = [pod("web", container(image=signed.reference(f"{name}@{digest}"))) for name in names]
    answers = asyncio.gather(*(signed.validate(each) for each in pods))
    # All at once, all of them would be half done when the time is up.
    await until(lambda: sum("/referrers/" in each for each in signed.registry.paths()) == 16)
    await until(lambda: sum(each.endswith(".att") for each in signed.registry.paths()) == 16)
    may_go_on.set()
    assert all(each["allowed"] for each in await answers)
    asked = [each for each in signed.registry.paths() if each.endswith(f"/referrers/{digest}")]
    assert len(set(asked)) == len(names)


async def test_what_no_policy_asks_any_more_is_forgotten(
    signed: Pinning, sigstore: Sigstore
) -> None:
    attach(signed, sigstore.keyed(statement(signed.digest()), KEY, UNLOGGED))
    assert (await signed.validate(by_digest(signed)))["allowed"] is True
    signatures = signed.images._signatures
    assert signatures is not None
    assert len(signatures.rules._rules) == 1
    signed.images.want([])
    assert signatures.rules._rules == {}
