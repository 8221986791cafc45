"""Keys and roots are made ready before images come, and what is wrong with them is told."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.policy import parse_policy
from revet.verify.public_good import ROOT, read_bundled_root
from revet.webhook import rules
from revet.webhook.key_references import PUBLIC_ROOT
from revet.webhook.references import CONFIG_MAP, SECRET, Reference
from tests.support.manifests import policy
from tests.support.sigstore.authority import new_key
from tests.support.sigstore.world import public_pem
from tests.webhook.harness import until
from tests.webhook.registries import CATALOG, Pinning

KEYS = Reference(CONFIG_MAP, "keys")
GOOD = public_pem(new_key())


def compiled(**authority: object) -> CompiledPolicy:
    """Make a policy that asks for signatures by a key."""
    held = authority or {"configMapRef": {"name": KEYS.name, "key": "pub"}}
    rule = {"name": "ci", "images": ["*"], "anyOf": [{"key": held}]}
    manifest = policy("strict", {}, images={"verify": [rule]})
    manifest["metadata"]["uid"] = "u"
    return CompiledPolicy.of(parse_policy(json.dumps(manifest)), CATALOG)


@pytest.fixture
async def followed(world: Pinning) -> AsyncIterator[Pinning]:
    """Give a webhook that follows keys, as the process does."""
    task = asyncio.create_task(world.images.follow())
    yield world
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_key_that_breaks_is_told_and_mended(followed: Pinning) -> None:
    images = followed.images
    followed.tell(KEYS, {"data": {"pub": GOOD}})
    images.want([compiled()])
    await until(lambda: images.signers == {"u": ""})
    followed.tell(KEYS, {"data": {"pub": "no key"}})
    await until(lambda: "must hold one PEM block" in images.signers["u"])
    assert images.signers["u"].startswith('rule "ci": ')
    assert images.signers["u"].endswith("what was there before still counts")
    followed.tell(KEYS, None)
    gone = "ConfigMap revet-system/keys is not there: what was there before still counts"
    await until(lambda: gone in images.signers["u"])
    followed.tell(KEYS, {"data": {"pub": GOOD}})
    await until(lambda: images.signers == {"u": ""})
    images.want([])
    await until(lambda: images.signers == {})


async def test_a_key_that_never_was_one(followed: Pinning) -> None:
    followed.images.want([compiled(pem="no key")])
    await until(lambda: "must hold one PEM block" in followed.images.signers.get("u", ""))
    assert "still counts" not in followed.images.signers["u"]


async def test_a_secret_that_may_not_be_read(
    followed: Pinning, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "_READING_S", 0.01)
    followed.images.want([compiled(secretRef={"name": "cosign", "key": "pub"})])
    unread = 'rule "ci": Secret revet-system/cosign has not been read yet'
    await until(lambda: followed.images.signers == {"u": unread})
    data = {"pub": base64.b64encode(GOOD.encode()).decode()}
    followed.tell(Reference(SECRET, "cosign"), {"data": data})
    await until(lambda: followed.images.signers == {"u": ""})


async def test_the_operator_is_told(followed: Pinning) -> None:
    followed.images.want([compiled(pem=GOOD)])
    await until(lambda: followed.images.signers == {"u": ""})
    kind = {"group": "revet.dev", "version": "v1alpha1", "kind": "HardeningPolicy"}
    answer = await followed.webhook.ask("/audit/none", None, kind=kind)
    assert json.loads(answer["auditAnnotations"]["signers"]) == {"u": ""}


async def test_the_public_root_is_followed_where_no_other_is_named(followed: Pinning) -> None:
    images = followed.images
    images.want([compiled(pem=GOOD)])
    await until(lambda: images.signers == {"u": ""})
    followed.tell(PUBLIC_ROOT, {"data": {ROOT: "{}"}})
    await until(lambda: "the trust root" in images.signers["u"])
    assert images.signers["u"].endswith("what was there before still counts")
    followed.tell(PUBLIC_ROOT, {"data": {ROOT: read_bundled_root().decode()}})
    await until(lambda: images.signers == {"u": ""})
    # The chart makes it without anything in it.
    followed.tell(PUBLIC_ROOT, {"metadata": {}})
    images.want([compiled(pem=GOOD)])
    await until(lambda: images.signers == {"u": ""})


async def test_a_public_root_beyond_us_leaves_the_one_that_came_with_us(followed: Pinning) -> None:
    images, policy = followed.images, compiled(pem=GOOD)
    followed.tell(PUBLIC_ROOT, {"data": {ROOT: '{"mediaType": "of-a-later-version"}'}})
    images.want([policy])
    await until(lambda: "the trust root" in images.signers.get("u", ""))
    assert images.signers["u"].endswith("what was there before still counts")
    assert images._signatures is not None
    assert policy.demand is not None
    [item] = policy.demand.verifications
    assert images._signatures.rules.last(policy.demand, item) is not None
