"""Images that are signed keylessly, each by itself, in a registry beside; and reviews of them.

Apart from what is measured with them, in one process and with the product.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from bench.review import NAMESPACE, read_review
from revet.webhook.references import CONFIG_MAP, Reference
from tests.support.registry import EMPTY_CONFIG, OCI_MANIFEST, FakeRegistry, digest_of
from tests.support.sigstore.authority import ISSUER, SUBJECT
from tests.support.sigstore.world import BUNDLE, Sigstore, statement

#: What policies name in Revet's namespace, and the keys in it.
TRUST: Final = Reference(CONFIG_MAP, "trust")
_CA, _ROOT = "ca.crt", "trusted_root.json"


class Signed(NamedTuple):
    """A registry, and who signs what is in it."""

    registry: FakeRegistry
    sigstore: Sigstore

    def push(self, repository: str) -> str:
        """Push an image and its signature; return the reference by digest."""
        # Nobody asks for the image itself: what is judged is its digest, and what refers to it.
        digest = digest_of(repository.encode())
        raw = json.dumps(self.sigstore.keyless(statement(digest))).encode()
        layer = {
            "mediaType": BUNDLE,
            "digest": self.registry.push_blob(repository, raw),
            "size": len(raw),
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": EMPTY_CONFIG,
            "layers": [layer],
            "subject": {"mediaType": OCI_MANIFEST, "size": 1, "digest": digest},
        }
        self.registry.push(repository, json.dumps(manifest).encode())
        return f"{self.registry.host}/{repository}@{digest}"

    def images(self) -> dict[str, Any]:
        """Write the part of a policy that asks for these signatures."""
        held = {"name": TRUST.name}
        rule = {
            "name": "ci",
            "images": [f"{self.registry.host}/*"],
            "anyOf": [{"keyless": {"issuer": {"exact": ISSUER}, "subject": {"exact": SUBJECT}}}],
            "trustRoot": {"configMapRef": held | {"key": _ROOT}},
        }
        host = {"host": self.registry.host, "caRef": {"configMapRef": held | {"key": _CA}}}
        return {"digest": "Require", "hosts": [host], "verify": [rule]}

    def trust(self, ca_pem: bytes) -> dict[str, str]:
        """Write what the ConfigMap holds."""
        return {_CA: ca_pem.decode(), _ROOT: json.dumps(self.sigstore.root())}


def found_signed(registry: FakeRegistry) -> Signed:
    """Give what stands in a registry a Sigstore that it is signed with."""
    return Signed(registry, Sigstore(datetime.now(UTC).replace(microsecond=0)))


def render_review(images: list[str], namespace: str = NAMESPACE) -> bytes:
    """Write the usual review of a pod with these images, each in a container of its own."""
    review: dict[str, Any] = json.loads(read_review(namespace))
    spec = review["request"]["object"]["spec"]
    model = spec["containers"][0]
    spec["containers"] = [
        {**model, "name": f"c{number}", "image": image} for number, image in enumerate(images)
    ]
    return json.dumps(review, separators=(",", ":")).encode()
