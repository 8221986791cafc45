"""Where an attack plays: an image in a registry, a Sigstore, a policy, and who verifies."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

from e2e.cluster.certificates import Authority as TlsAuthority
from revet.adapters.registry.client import Registry
from revet.adapters.registry.endpoints import Endpoint, Endpoints
from revet.core.model.policy_images import Verification
from revet.verify.error import SignatureError
from revet.verify.rule import Place, Rule, compile_rule
from revet.verify.verdict import Outcome
from revet.verify.verifier import Verdict, Verifier
from tests.support.registry import (
    EMPTY_CONFIG,
    OCI_MANIFEST,
    FakeRegistry,
    digest_of,
    image,
    serving,
)
from tests.support.sigstore.authority import ISSUER, SUBJECT, new_key
from tests.support.sigstore.world import BUNDLE, Document, Sigstore, public_pem

SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
ENVELOPE: Final = "application/vnd.dsse.envelope.v1+json"
WORDS: Final = {
    Outcome.VERIFIED: "admitted",
    Outcome.REJECTED: "refused",
    Outcome.UNKNOWN: "unknown",
}
_TIMEOUT_S: Final = 2.0


class Told(NamedTuple):
    """What came of an attack, and all that was said of it."""

    outcome: str
    text: str


@dataclass(frozen=True)
class World:
    """What all attacks share: nothing of it do they change."""

    registry: FakeRegistry
    tls: TlsAuthority
    now: datetime
    sigstore: Sigstore
    stranger: Sigstore
    """Another instance, that no policy trusts."""
    key: ec.EllipticCurvePrivateKey


@dataclass
class Stage:
    """One attack's own place: a repository of its name with one image."""

    world: World
    repository: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        self.digest = self.registry.push(self.repository, image(self.repository), "1")

    @property
    def registry(self) -> FakeRegistry:
        """The registry."""
        return self.world.registry

    @property
    def sigstore(self) -> Sigstore:
        """The Sigstore that policies trust."""
        return self.world.sigstore

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """The key that policies name."""
        return self.world.key

    @property
    def now(self) -> datetime:
        """The time."""
        return self.world.now

    @property
    def reference(self) -> str:
        """The image, by its tag."""
        return f"{self.registry.host}/{self.repository}:1"

    def by_key(self, **changes: object) -> Rule:
        """Make a rule of the key's; logs are ignored if nothing else is said."""
        signers = [{"key": {"pem": public_pem(self.key)}}]
        return self.rule({"anyOf": signers, "transparencyLog": "Ignored", **changes})

    def by_identity(self, **changes: object) -> Rule:
        """Make a rule of the identity's."""
        keyless = {"issuer": {"exact": ISSUER}, "subject": {"exact": SUBJECT}}
        return self.rule({"anyOf": [{"keyless": keyless}], **changes})

    def rule(self, document: Mapping[str, object], root: Document | bytes | None = None) -> Rule:
        """Make a rule of what a policy says."""
        shown = self.sigstore.root() if root is None else root
        raw = shown if isinstance(shown, bytes) else json.dumps(shown).encode()

        def read(_: Place) -> bytes:
            return raw

        reference = {"configMapRef": {"name": "root", "key": "trusted_root.json"}}
        whole = {"name": "ci", "images": ["*"], "trustRoot": reference, **document}
        return compile_rule(Verification.model_validate_json(json.dumps(whole)), read)

    def attach(self, document: Document | bytes, **changes: Any) -> None:  # noqa: ANN401 # any JSON
        """Push a bundle as cosign 3 does."""
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.attach_layers([(raw, BUNDLE, {})], **changes)

    def attach_layers(
        self,
        layers: list[tuple[bytes, str, dict[str, str]]],
        **changes: Any,  # noqa: ANN401
    ) -> None:
        """Push a referrer with these layers."""
        subject = {"mediaType": OCI_MANIFEST, "size": 2, "digest": self.digest}
        self.registry.push(self.repository, self._manifest(layers, subject=subject, **changes))

    def tag(
        self,
        raw: bytes,
        annotations: dict[str, str],
        kind: str = SIMPLE_SIGNING,
        suffix: str = "sig",
    ) -> None:
        """Push a layer as cosign 2 did."""
        manifest = self._manifest([(raw, kind, annotations)])
        name = f"{self.digest.replace(':', '-')}.{suffix}"
        self.registry.push(self.repository, manifest, name)

    async def verify(self, rule: Rule, *more: Rule, reference: str | None = None) -> Told:
        """Verify the image."""
        named = self.reference if reference is None else reference
        return told(await self.judge(named, rule, *more))

    async def judge(self, reference: str, *rules: Rule, now: datetime | None = None) -> Verdict:
        """Verify an image and return all that came of it."""
        async with self.client() as client:
            return await Verifier(client, lambda: now or self.now).verify(reference, rules)

    def client(self, host: str = "") -> Registry:
        """Make a client that knows the registry."""
        endpoint = Endpoint(host or self.registry.host, self.world.tls.ca_pem.decode())
        loop = asyncio.get_running_loop()
        return Registry.connect(Endpoints([], [endpoint]), loop.time, None, _TIMEOUT_S)

    def _manifest(
        self,
        layers: list[tuple[bytes, str, dict[str, str]]],
        **changes: Any,  # noqa: ANN401
    ) -> bytes:
        described = [
            {
                "mediaType": kind,
                "digest": self.registry.push_blob(self.repository, raw),
                "size": len(raw),
                "annotations": annotations,
            }
            for raw, kind, annotations in layers
        ]
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": EMPTY_CONFIG}
        return json.dumps({**manifest, "layers": described, **changes}).encode()


def told(verdict: Verdict) -> Told:
    """Put a verdict into one word and a text."""
    lines: list[str] = []
    for judged in verdict.judged:
        lines += (step.text for step in judged.steps)
        if judged.findings is not None:
            evidence = [judged.findings.image, *(each for _, each in judged.findings.platforms)]
            lines += (f"{flaw.place}: {flaw.reason}" for each in evidence for flaw in each.flaws)
    return Told(WORDS[verdict.outcome], "\n".join(lines))


def refused(error: SignatureError) -> Told:
    """Put what makes a policy useless into the same form."""
    return Told("refused", str(error))


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    """Give what all attacks share."""
    tls = TlsAuthority("registries")
    now = datetime.now(UTC).replace(microsecond=0)
    async with serving(FakeRegistry(), tls) as registry:
        yield World(registry, tls, now, Sigstore(now), Sigstore(now), new_key())


def other_digest() -> str:
    """Return the digest of another image."""
    return digest_of(b"another image")


def ago(stage: Stage, **length: float) -> datetime:
    """Return a time in the past."""
    return stage.now - timedelta(**length)
