"""cosign signs, and we verify; we sign, and cosign verifies: in registries of both kinds."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from e2e.cosign.build import find_cosign
from e2e.cosign.program import Cosign, CosignError
from e2e.registry.process import PushRegistry, open_registry
from revet.adapters.registry.client import Registry
from revet.adapters.registry.credentials import Credential, DockerConfig
from revet.adapters.registry.endpoints import Endpoint, Endpoints
from revet.core.model.policy_images import Verification
from revet.verify.rule import Rule, compile_rule
from revet.verify.verdict import Outcome
from revet.verify.verifier import Verdict, Verifier
from tests.support.sigstore.authority import ISSUER, SUBJECT, new_key
from tests.support.sigstore.world import (
    BUNDLE,
    Document,
    How,
    Sigstore,
    public_pem,
    simple_signing,
    statement,
)

LOGIN: Final = ("me", "s3cret")
OLD: Final = "--new-bundle-format=false"
EMPTY: Final = "application/vnd.oci.empty.v1+json"
SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"


@dataclass(frozen=True)
class Stage:
    """A registry, cosign with a key, and a Sigstore of our own."""

    registry: PushRegistry
    cosign: Cosign
    key: Path
    sigstore: Sigstore

    @property
    def pem(self) -> str:
        """The public half of the key."""
        return self.key.with_suffix(".pub").read_text(encoding="utf-8")

    def push(self, repository: str) -> tuple[str, str]:
        """Push an image; return its reference and its digest."""
        digest = self.registry.push_image(repository, repository)
        return f"{self.registry.host}/{repository}@{digest}", digest


@pytest.fixture(scope="module", params=[True, False], ids=["referrers", "fallback"])
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Give a stage on a registry with the referrers API, and on one without that wants a login."""
    path = find_cosign()
    if path is None:
        pytest.skip("cosign is not built: make cosign, some 10 minutes of CPU time")
    folder, home = tmp_path_factory.mktemp("registry"), tmp_path_factory.mktemp("cosign")
    login = None if request.param else LOGIN
    with open_registry(folder, has_referrers=request.param, login=login) as registry:
        cosign = Cosign(path, home, registry.ca_file, login)
        sigstore = Sigstore(datetime.now(UTC).replace(microsecond=0))
        yield Stage(registry, cosign, cosign.make_key("one"), sigstore)


def _rule(stage: Stage, root: Document | None = None, **changes: Any) -> Rule:  # noqa: ANN401 # JSON
    """Make a rule: of the key, and without a log, if nothing else is said."""
    reference = {"configMapRef": {"name": "root", "key": "root"}}
    document = {
        "name": "ci",
        "images": ["*"],
        "anyOf": [{"key": {"pem": stage.pem}}],
        "transparencyLog": "Ignored",
        "trustRoot": reference,
        **changes,
    }
    shown = root or stage.sigstore.root()
    return compile_rule(
        Verification.model_validate_json(json.dumps(document)),
        lambda _: json.dumps(shown).encode(),
    )


def _verify(stage: Stage, reference: str, rule: Rule) -> Verdict:
    registry = stage.registry
    ca = registry.ca_file.read_text(encoding="utf-8")

    async def run() -> Verdict:
        credentials = DockerConfig({registry.host: Credential(*(registry.login or ("", "")))})
        endpoints = Endpoints([], [Endpoint(registry.host, ca)])
        loop = asyncio.get_running_loop()
        known = credentials if registry.login else None
        async with Registry.connect(endpoints, loop.time, known) as client:
            return await Verifier(client, lambda: datetime.now(UTC)).verify(reference, [rule])

    return asyncio.run(run())


def _steps(verdict: Verdict) -> list[tuple[str, Outcome]]:
    return [(step.what, step.outcome) for each in verdict.judged for step in each.steps]


@pytest.mark.parametrize("more", [[], [OLD]], ids=["bundle", "old"])
def test_cosign_signs_with_a_key(stage: Stage, more: list[str]) -> None:
    reference, _ = stage.push(f"signed{len(more)}")
    assert _verify(stage, reference, _rule(stage)).outcome is Outcome.REJECTED
    stage.cosign.sign(reference, stage.key, *more)
    assert _verify(stage, reference, _rule(stage)).outcome is Outcome.VERIFIED
    stranger = [{"key": {"pem": public_pem(new_key())}}]
    assert _verify(stage, reference, _rule(stage, anyOf=stranger)).outcome is Outcome.REJECTED
    logged = _rule(stage, transparencyLog="Required")
    assert _verify(stage, reference, logged).outcome is Outcome.REJECTED


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 3072),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["p384", "p521", "rsa", "ed25519"],
)
def test_cosign_signs_with_keys_of_all_kinds(
    stage: Stage, key: PrivateKeyTypes, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id.partition("-")[2] or "key"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    private = stage.cosign.import_key(name, pem)
    reference, _ = stage.push(f"kind-{name}")
    stage.cosign.sign(reference, private)
    public = private.with_suffix(".pub").read_text(encoding="utf-8")
    rule = _rule(stage, anyOf=[{"key": {"pem": public}}])
    assert _verify(stage, reference, rule).outcome is Outcome.VERIFIED


NOW: Final = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
VULN: Final = {
    "invocation": {"parameters": None},
    "scanner": {"uri": "trivy", "version": "1", "result": {"SchemaVersion": 2, "Results": []}},
    "metadata": {"scanStartedOn": NOW, "scanFinishedOn": NOW},
}
SLSA: Final = {
    "buildDefinition": {
        "buildType": "https://example.com/ci",
        "externalParameters": {"source": "git+https://github.com/acme/web@refs/heads/main"},
    },
    "runDetails": {"builder": {"id": "https://example.com/builder"}},
}
SLSA_WANTED: Final = {
    "type": "slsaprovenance1",
    "builderIds": ["https://example.com/builder"],
    "sources": ["https://github.com/acme/*"],
}


@pytest.mark.parametrize("more", [[], [OLD]], ids=["bundle", "old"])
def test_cosign_attests(stage: Stage, more: list[str]) -> None:
    reference, _ = stage.push(f"attested{len(more)}")
    said: dict[str, tuple[object, dict[str, Any]]] = {
        "vuln": (VULN, {"type": "vuln", "maxAge": "1h"}),
        "slsaprovenance1": (SLSA, SLSA_WANTED),
        "cyclonedx": ({"bomFormat": "CycloneDX"}, {"type": "sbom", "format": "cyclonedx"}),
        "https://example.com/review/v1": (
            {"approved": True},
            {
                "type": "custom",
                "predicateType": "https://example.com/review/v1",
                "required": [{"path": "approved", "equals": True}],
            },
        ),
    }
    rule = _rule(stage, attestations=[want for _, want in said.values()])
    for kind, (predicate, _) in said.items():
        stage.cosign.attest(reference, stage.key, kind, predicate, *more)
    kinds = ["vuln", "slsaprovenance1", "sbom", "custom"]
    # cosign itself takes an image with attestations only for signed; we don't.
    unsigned = _verify(stage, reference, rule)
    assert _steps(unsigned) == [
        ("signature", Outcome.REJECTED),
        *((kind, Outcome.VERIFIED) for kind in kinds),
    ]
    stage.cosign.sign(reference, stage.key, *more)
    assert _verify(stage, reference, rule).outcome is Outcome.VERIFIED


def test_cosign_signs_an_index(stage: Stage) -> None:
    repository = "index"
    digests = [stage.registry.push_image(repository, each) for each in ("a", "b")]
    sizes = [stage.registry.size_of(repository, each) for each in digests]
    index = stage.registry.push_index(repository, digests, sizes)
    name = f"{stage.registry.host}/{repository}"
    stage.cosign.sign(f"{name}@{index}", stage.key)
    assert _verify(stage, f"{name}@{index}", _rule(stage)).outcome is Outcome.VERIFIED
    assert _verify(stage, f"{name}@{digests[0]}", _rule(stage)).outcome is Outcome.REJECTED
    stage.cosign.attest(f"{name}@{digests[0]}", stage.key, "slsaprovenance1", SLSA)
    every = _rule(stage, attestations=[SLSA_WANTED], attestationSubject="EveryPlatform")
    assert _steps(_verify(stage, f"{name}@{index}", every)) == [
        ("signature", Outcome.VERIFIED),
        ("slsaprovenance1 of linux/arch0", Outcome.VERIFIED),
        ("slsaprovenance1 of linux/arch1", Outcome.REJECTED),
    ]
    stage.cosign.attest(f"{name}@{digests[1]}", stage.key, "slsaprovenance1", SLSA)
    assert _verify(stage, f"{name}@{index}", every).outcome is Outcome.VERIFIED


def _attach(stage: Stage, repository: str, digest: str, bundle: Document) -> None:
    registry = stage.registry
    layer = registry.push_blob(repository, json.dumps(bundle).encode(), BUNDLE)
    size = registry.size_of(repository, digest)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": BUNDLE,
        "config": registry.push_blob(repository, b"{}", EMPTY),
        "layers": [layer],
        "subject": {"mediaType": MANIFEST, "size": size, "digest": digest},
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
        },
    }
    own = registry.push_manifest(repository, manifest)
    entry = {"mediaType": MANIFEST, "digest": own, "size": registry.size_of(repository, own)}
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{**entry, "artifactType": BUNDLE}],
    }
    # Where there is no referrers API, whoever pushes writes the tag that stands in for it.
    registry.push_manifest(repository, index, digest.replace(":", "-"))


def _keyless_options(stage: Stage, subject: str = SUBJECT) -> list[str]:
    root = stage.cosign.home / "root.json"
    root.write_text(json.dumps(stage.sigstore.root()), encoding="utf-8")
    identity = ["--certificate-identity", subject, "--certificate-oidc-issuer", ISSUER]
    return ["--trusted-root", str(root), *identity]


_KEYLESS: Final = [{"keyless": {"issuer": {"exact": ISSUER}, "subject": {"exact": SUBJECT}}}]


@pytest.mark.parametrize("version", [1, 2], ids=["rekor-1", "rekor-2"])
def test_cosign_verifies_our_keyless_bundles(stage: Stage, version: int) -> None:
    repository = f"keyless{version}"
    reference, digest = stage.push(repository)
    how = How(is_second=True, stamped_at=stage.sigstore.now) if version == 2 else How()
    _attach(stage, repository, digest, stage.sigstore.keyless(statement(digest), None, how))
    assert stage.cosign.verify(reference, *_keyless_options(stage))
    with pytest.raises(CosignError, match="no matching CertificateIdentity"):
        stage.cosign.verify(reference, *_keyless_options(stage, "evil@example.com"))
    rule = _rule(stage, anyOf=_KEYLESS, transparencyLog="Required")
    assert _verify(stage, reference, rule).outcome is Outcome.VERIFIED


def test_cosign_verifies_our_older_layout(stage: Stage) -> None:
    repository = "keyless-old"
    reference, digest = stage.push(repository)
    payload = simple_signing(digest)
    layer = stage.registry.push_blob(repository, payload, SIMPLE_SIGNING)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": stage.registry.push_blob(repository, b"{}", CONFIG),
        "layers": [{**layer, "annotations": stage.sigstore.layer(payload)}],
    }
    stage.registry.push_manifest(repository, manifest, f"{digest.replace(':', '-')}.sig")
    assert stage.cosign.verify(reference, *_keyless_options(stage))
    rule = _rule(stage, anyOf=_KEYLESS, transparencyLog="Required")
    assert _verify(stage, reference, rule).outcome is Outcome.VERIFIED


def test_cosign_verifies_our_bundles_by_key(stage: Stage) -> None:
    repository = "keyed"
    reference, digest = stage.push(repository)
    key = new_key()
    bundle = stage.sigstore.keyed(statement(digest), key, How(is_logged=False))
    _attach(stage, repository, digest, bundle)
    public = stage.cosign.home / "ours.pub"
    public.write_text(public_pem(key), encoding="utf-8")
    assert stage.cosign.verify(reference, "--key", str(public), "--insecure-ignore-tlog=true")
    rule = _rule(stage, anyOf=[{"key": {"pem": public_pem(key)}}])
    assert _verify(stage, reference, rule).outcome is Outcome.VERIFIED
