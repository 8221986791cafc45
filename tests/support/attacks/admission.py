"""Attacks by the shape of an object: images where nobody might look, changes, false owners."""

import json

from revet.core.admission import Request, judge, list_unverified
from revet.core.compiled_policy import Applied, CompiledPolicy, apply
from revet.core.model.image_facts import Fault, Told
from revet.core.model.mode import Mode
from revet.core.model.policy import parse_policy
from revet.core.workload import read
from revet.verify.verdict import Outcome
from tests.support.attacks import stage as stages
from tests.support.attacks.case import case
from tests.support.attacks.registry import sign
from tests.support.attacks.stage import Stage
from tests.support.manifests import Manifest, container, pod, policy
from tests.support.registry import image
from tests.support.sigstore.world import public_pem


def _policy(stage: Stage) -> Applied:
    rule = {
        "name": "ci",
        "images": [f"{stage.registry.host}/*"],
        "anyOf": [{"key": {"pem": public_pem(stage.key)}}],
        "transparencyLog": "Ignored",
    }
    manifest = policy("p", {}, enforcement="Enforce", images={"verify": [rule]})
    compiled = CompiledPolicy.of(parse_policy(json.dumps(manifest)))
    return apply([compiled], "shop", {}, frozenset())[0]


async def _ask(stage: Stage, new: Manifest, old: Manifest | None = None) -> stages.Told:
    """Judge an object as the webhook does; each of its images is verified."""
    applied = [_policy(stage)]
    documents = [json.dumps(each).encode() for each in (new, old) if each is not None]
    subjects = [read("", "Pod", each) for each in documents]
    request = Request(subjects[0], subjects[1] if old else None, documents[0])
    faults: dict[tuple[str, str], tuple[Fault, ...]] = {}
    for each in list_unverified(request, applied, mutating=False):
        verdict = await stage.judge(each.reference, stage.by_key())
        text = stages.told(verdict).text
        good = verdict.outcome is Outcome.VERIFIED
        faults[each.demand.key, each.image] = () if good else (Fault(text),)
    whole = Request(request.subject, request.old, request.document, images=Told({}, faults))
    found = [
        each.finding
        for each in judge(whole, applied).in_mode(Mode.ENFORCE)
        if each.finding.control == "image-signature"
    ]
    lines = (f"{each.pointer}: {each.message}" for each in found)
    return stages.Told("refused" if found else "admitted", "\n".join(lines))


def _images(stage: Stage) -> tuple[str, str]:
    """Return a signed image and one that nobody signed, by their digests."""
    sign(stage)
    name = stage.reference.removesuffix(":1")
    evil = stage.registry.push(stage.repository, image("evil"))
    return f"{name}@{stage.digest}", f"{name}@{evil}"


@case("init-ephemeral-and-volume-images")
async def _(stage: Stage) -> stages.Told:
    good, evil = _images(stage)
    manifest = pod(
        "web",
        container(image=good),
        initContainers=[container("init", image=evil)],
        ephemeralContainers=[container("debug", image=evil)],
        volumes=[{"name": "data", "image": {"reference": evil}}],
    )
    told = await _ask(stage, manifest)
    places = ("/spec/initContainers/0/", "/spec/ephemeralContainers/0/", "/spec/volumes/0/")
    assert all(each in told.text for each in places)
    assert "/spec/containers/0/" not in told.text
    return told


@case("image-changed-by-an-update")
async def _(stage: Stage) -> stages.Told:
    good, evil = _images(stage)
    return await _ask(stage, pod("web", container(image=evil)), pod("web", container(image=good)))


@case("owner-reference-that-is-forged")
async def _(stage: Stage) -> stages.Told:
    _, evil = _images(stage)
    manifest = pod("web", container(image=evil))
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "signed", "uid": "1"}
    manifest["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
    return await _ask(stage, manifest)


@case("mirror-annotation-that-is-forged")
async def _(stage: Stage) -> stages.Told:
    _, evil = _images(stage)
    manifest = pod("web", container(image=evil))
    manifest["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    return await _ask(stage, manifest)


@case("image-by-its-tag")
async def _(stage: Stage) -> stages.Told:
    sign(stage)
    return await _ask(stage, pod("web", container(image=stage.reference)))


@case("forged-annotation-of-a-verdict")
async def _(stage: Stage) -> stages.Told:
    _, evil = _images(stage)
    manifest = pod("web", container(image=evil))
    digest = evil.partition("@")[2]
    manifest["metadata"]["annotations"] = {"images.revet.dev/verified": digest}
    return await _ask(stage, manifest)


@case("image-that-is-signed")
async def _(stage: Stage) -> stages.Told:
    good, _ = _images(stage)
    return await _ask(stage, pod("web", container(image=good)))
