"""Signatures judged on a real API server, by a real registry over TLS, with the chart's rights."""

import json
from datetime import UTC, datetime

import pytest

from e2e.api import STRATEGIC, wait_for
from e2e.pinning import Stage
from e2e.release import NAMESPACE
from tests.support.manifests import Manifest, container, workload
from tests.support.registry import EMPTY_CONFIG, OCI_MANIFEST, image
from tests.support.sigstore.authority import ISSUER, new_key
from tests.support.sigstore.world import BUNDLE, Document, How, Sigstore, public_pem, statement

STRICT, MILD = "strict", "mild"
KEY = new_key()


@pytest.fixture(scope="module")
def sigstore() -> Sigstore:
    return Sigstore(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(scope="module")
def spaces(stage: Stage, sigstore: Sigstore) -> dict[str, str]:
    """Give a namespace for a policy that denies what is unknown, and for one that warns of it."""
    data = {"cosign.pub": public_pem(KEY), "trusted_root.json": json.dumps(sigstore.root())}
    metadata = {"name": "signers", "namespace": NAMESPACE}
    config: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    stage.plane.apply([config | {"data": data}])
    policies = [_policy(stage, STRICT), _policy(stage, MILD, onUnknown="Warn")]
    stage.first.apply_policies(policies)
    for each in policies:
        stage.second.wait_for(each["metadata"]["name"])
    return {name: stage.namespace(name) for name in (STRICT, MILD)}


def _policy(stage: Stage, name: str, **images: object) -> Manifest:
    held = {"name": "signers"}
    rule = {
        "name": "ci",
        "images": [f"{stage.registry.host}/*"],
        "anyOf": [
            {"key": {"configMapRef": held | {"key": "cosign.pub"}}},
            {"keyless": {"issuer": {"exact": ISSUER}, "subject": {"glob": "*@example.com"}}},
        ],
        "trustRoot": {"configMapRef": held | {"key": "trusted_root.json"}},
        "transparencyLog": "Ignored",
    }
    made = stage.policy(name, verify=[rule], **images)
    controls = [each for each in made["spec"]["controls"] if each["id"] != "image-signature"]
    made["spec"]["controls"] = controls
    return made


def _attach(stage: Stage, repository: str, digest: str, bundle: Document) -> None:
    raw = json.dumps(bundle).encode()
    blob = stage.registry.push_blob(repository, raw)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": EMPTY_CONFIG,
        "layers": [{"mediaType": BUNDLE, "digest": blob, "size": len(raw)}],
        "subject": {"mediaType": OCI_MANIFEST, "size": 1, "digest": digest},
    }
    stage.registry.push(repository, json.dumps(manifest).encode())


def _sign(stage: Stage, sigstore: Sigstore, repository: str) -> str:
    """Push an image that the key has signed."""
    digest = stage.registry.push(repository, image(repository), "1")
    bundle = sigstore.keyed(statement(digest), KEY, How(is_logged=False))
    _attach(stage, repository, digest, bundle)
    return digest


def test_a_signed_image_is_pinned_and_admitted(
    stage: Stage, spaces: dict[str, str], sigstore: Sigstore
) -> None:
    digest = _sign(stage, sigstore, "signed")
    made = stage.api.create(stage.pod("signed:1", "signed"), spaces[STRICT])
    assert made.is_success, made.message
    pinned = f"{stage.image('signed:1')}@{digest}"
    assert made.body["spec"]["containers"][0]["image"] == pinned


def test_a_person_has_signed(stage: Stage, spaces: dict[str, str], sigstore: Sigstore) -> None:
    digest = stage.registry.push("keyless", image("keyless"), "1")
    _attach(stage, "keyless", digest, sigstore.keyless(statement(digest)))
    made = stage.api.create(stage.pod("keyless:1", "keyless"), spaces[STRICT])
    assert made.is_success, made.message


def test_an_unsigned_image_is_refused(
    stage: Stage, spaces: dict[str, str], sigstore: Sigstore
) -> None:
    digest = stage.registry.push("unsigned", image("unsigned"), "1")
    bom = statement(digest, "https://cyclonedx.org/bom", {"bomFormat": "CycloneDX"})
    _attach(stage, "unsigned", digest, sigstore.keyed(bom, KEY, How(is_logged=False)))
    for manifest in (
        stage.pod("unsigned:1", "unsigned"),
        workload("Deployment", "unsigned", container(image=stage.image("unsigned:1"))),
    ):
        made = stage.api.create(manifest, spaces[STRICT])
        assert 'no signature by "ci" (key signers or keyless *@example.com' in made.message


def test_a_container_that_comes_later_is_looked_at(
    stage: Stage, spaces: dict[str, str], sigstore: Sigstore
) -> None:
    _sign(stage, sigstore, "later")
    manifest = stage.pod("later:1", "later")
    assert stage.api.create(manifest, spaces[STRICT]).is_success
    evil = stage.registry.push("later", image("evil"))
    debug = {"name": "debug", "image": f"{stage.image('later')}@{evil}"}
    at = (manifest, spaces[STRICT])
    change: Manifest = {"spec": {"ephemeralContainers": [debug]}}
    answer = stage.api.patch(*at, change, "/ephemeralcontainers", STRATEGIC)
    assert 'spec.ephemeralContainers[0] "debug"' in answer.message
    assert 'no signature by "ci"' in answer.message
    update: Manifest = {"spec": {"containers": [{**debug, "name": "app"}]}}
    assert 'no signature by "ci"' in stage.api.patch(*at, update, content_type=STRATEGIC).message


def test_an_outage(stage: Stage, spaces: dict[str, str], sigstore: Sigstore) -> None:
    digest = _sign(stage, sigstore, "known")
    known = stage.pod("known:1", "known")
    for name in (STRICT, MILD):
        assert stage.api.create(known, spaces[name], dry_run=True).is_success
    new = stage.registry.push("new", image("new"))
    unknown = stage.pod(f"new@{new}", "new")
    stage.stop_registry()
    try:
        for name in (STRICT, MILD):
            made = stage.api.create(known, spaces[name], dry_run=True)
            assert made.is_success, made.message
            assert made.body["spec"]["containers"][0]["image"].endswith(digest)
        denied = stage.api.create(unknown, spaces[STRICT])
        told = f"{stage.registry.host} can't be asked: "
        assert "not checked: " in denied.message
        assert told in denied.message
        warned = stage.api.create(unknown, spaces[MILD], dry_run=True)
        assert warned.is_success, warned.message
        assert told in "".join(warned.warnings)
    finally:
        stage.start_registry()


def test_a_key_is_followed(stage: Stage, spaces: dict[str, str], sigstore: Sigstore) -> None:
    other = new_key()
    digest = stage.registry.push("followed", image("followed"), "1")
    bundle = sigstore.keyed(statement(digest), other, How(is_logged=False))
    _attach(stage, "followed", digest, bundle)
    manifest = stage.pod("followed:1", "followed")
    refused = stage.api.create(manifest, spaces[STRICT], dry_run=True)
    assert 'no signature by "ci"' in refused.message
    data = {"cosign.pub": public_pem(other), "trusted_root.json": json.dumps(sigstore.root())}
    metadata = {"name": "signers", "namespace": NAMESPACE}
    config: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    stage.plane.apply([config | {"data": data}])
    wait_for(
        lambda: stage.api.create(manifest, spaces[STRICT], dry_run=True).is_success, "the new key"
    )
