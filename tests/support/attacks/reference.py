"""Attacks by the name of an image, and by what a policy makes of names and changes."""

import json
from collections.abc import Callable

from revet.verify.error import SignatureError
from revet.verify.rule import Rule
from tests.support.attacks.case import case
from tests.support.attacks.registry import sign
from tests.support.attacks.stage import Stage, Told, refused
from tests.support.sigstore.world import Sigstore, statement


async def _named(stage: Stage, change: Callable[[str], str]) -> Told:
    sign(stage)
    return await stage.verify(stage.by_key(), reference=change(stage.reference))


@case("empty-name")
async def _(stage: Stage) -> Told:
    sign(stage)
    return await stage.verify(stage.by_key(), reference="")


@case("upper-case-name")
async def _(stage: Stage) -> Told:
    return await _named(stage, lambda name: name.upper())


@case("sha512-digest")
async def _(stage: Stage) -> Told:
    return await _named(stage, lambda name: f"{name}@sha512:{'ab' * 64}")


@case("digest-in-upper-case")
async def _(stage: Stage) -> Told:
    upper = stage.digest.removeprefix("sha256:").upper()
    return await _named(stage, lambda name: f"{name}@sha256:{upper}")


@case("digest-that-is-cut-short")
async def _(stage: Stage) -> Told:
    return await _named(stage, lambda name: f"{name}@{stage.digest[:-1]}")


@case("name-in-other-letters")
async def _(stage: Stage) -> Told:
    return await _named(stage, lambda name: name.replace("name-", "n\u0430me-"))


@case("name-with-dots")
async def _(stage: Stage) -> Told:
    return await _named(stage, lambda name: name.replace("/", "/../", 1))


def _covers(rule: Rule, *references: str) -> Told:
    """Tell whether all these names are under the rule: none of them is a way around."""
    outside = [each for each in references if not rule.is_about(each)]
    return Told("admitted" if outside else "refused", f"outside of the rule: {outside}")


@case("another-name-of-docker-hub")
async def _(stage: Stage) -> Told:
    names = ("nginx", "docker.io/nginx", "index.docker.io/library/nginx:1", "library/nginx")
    other = ("registry-1.docker.io/library/nginx", "registry-1.docker.io:443/nginx:1")
    return _covers(stage.by_key(images=["docker.io/library/*"]), *names, *other)


@case("another-name-of-the-host")
async def _(stage: Stage) -> Told:
    hosts = ("registry.example.com", "registry.example.com:443", "Registry.EXAMPLE.com")
    names = [f"{host}/team/web{rest}" for host in hosts for rest in ("", ":1")]
    rules = [stage.by_key(images=[f"{host}/team/*"]) for host in hosts[:2]]
    told = [_covers(rule, *names) for rule in rules]
    return next((each for each in told if each.outcome == "admitted"), told[0])


@case("digest-in-place-of-the-tag")
async def _(stage: Stage) -> Told:
    name = "registry.example.com/web"
    digest = f"sha256:{'ab' * 32}"
    rule = stage.by_key(images=[name])
    return _covers(rule, name, f"{name}:1", f"{name}@{digest}", f"{name}:1@{digest}")


@case("two-rules-about-one-image")
async def _(stage: Stage) -> Told:
    # What one rule has found out is no answer to another.
    sign(stage)
    return await stage.verify(stage.by_key(), stage.by_identity(name="other"))


@case("root-that-changed")
async def _(stage: Stage) -> Told:
    stage.attach(stage.sigstore.keyless(statement(stage.digest)))
    before = await stage.verify(stage.by_identity())
    assert before.outcome == "admitted"
    rule = stage.by_identity()
    stranger = Sigstore(stage.now)
    changed = stage.rule({"anyOf": _anybody()}, stranger.root())
    assert changed.trust.id != rule.trust.id
    return await stage.verify(changed)


@case("image-without-a-rule")
async def _(stage: Stage) -> Told:
    rule = stage.by_key(images=["registry.example.com/*"])
    verdict = await stage.judge(stage.reference, rule)
    return Told("admitted" if not verdict.judged else "refused", "no rule is about it")


@case("root-that-is-broken")
async def _(stage: Stage) -> Told:
    try:
        stage.rule({"anyOf": _anybody()}, b'{"mediaType":')
    except SignatureError as error:
        return refused(error)
    return Told("admitted", "")


@case("root-of-another-form")
async def _(stage: Stage) -> Told:
    try:
        stage.rule({"anyOf": _anybody()}, json.dumps({"mediaType": "x"}).encode())
    except SignatureError as error:
        return refused(error)
    return Told("admitted", "")


@case("root-with-parts-of-another-form")
async def _(stage: Stage) -> Told:
    told = Told("admitted", "")
    for bad in (
        5,
        [5],
        [{"subject": 5}],
        [{"certChain": {"certificates": [{"rawBytes": "AA=="}]}}],
    ):
        root = stage.sigstore.root() | {"certificateAuthorities": bad}
        try:
            stage.rule({"anyOf": _anybody()}, root)
        except SignatureError as error:
            told = refused(error)
        else:
            return Told("admitted", f"{bad}")
    return told


@case("root-with-a-key-that-is-none")
async def _(stage: Stage) -> Told:
    told = Told("admitted", "")
    for name in ("tlogs", "ctlogs"):
        root = stage.sigstore.root()
        root[name][0]["publicKey"]["rawBytes"] = "AAAA"
        try:
            stage.rule({"anyOf": _anybody()}, root)
        except SignatureError as error:
            told = refused(error)
        else:
            return Told("admitted", name)
    return told


@case("root-that-trusts-nobody")
async def _(stage: Stage) -> Told:
    kind = stage.sigstore.root()["mediaType"]
    try:
        stage.rule({"anyOf": _anybody()}, {"mediaType": kind})
    except SignatureError as error:
        return refused(error)
    return Told("admitted", "")


@case("regexp-that-is-none")
async def _(stage: Stage) -> Told:
    keyless = {"issuer": {"regexp": "("}, "subject": {"regexp": "(?<=a)b"}}
    try:
        stage.rule({"anyOf": [{"keyless": keyless}]})
    except SignatureError as error:
        return refused(error)
    return Told("admitted", "")


def _anybody() -> list[dict[str, object]]:
    return [{"keyless": {"issuer": {"glob": "*"}, "subject": {"glob": "*"}}}]
