"""Registries and a webhook that pins by them: what the tests of pinning stand on."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from e2e.cluster.certificates import Authority
from revet.adapters.kube import Kube, KubeError
from revet.core.checks import image_digest, image_signature
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.policy import parse_policy
from revet.webhook.images import Images
from revet.webhook.key_references import PUBLIC_ROOT
from revet.webhook.references import CONFIG_MAP, SECRET, Reference, References
from tests.support.manifests import Manifest, namespace, policy
from tests.support.registry import FakeRegistry, digest_of, serving
from tests.support.rfc6902 import apply_patch
from tests.webhook.harness import Clock, Harness, serve

CATALOG = (image_digest.CHECK, image_signature.CHECK)
CA = Reference(CONFIG_MAP, "ca")
PULL = Reference(SECRET, "pull")


class Secrets(Kube):
    """The API server, as far as it gives away Secrets."""

    def __init__(self, secrets: Mapping[str, Manifest]) -> None:
        self._secrets = secrets
        self.asked: list[str] = []

    async def request(self, method: str, path: str, *_: Any, **__: Any) -> bytes:  # noqa: ANN401
        """Give a Secret by its path."""
        assert method == "GET"
        self.asked.append(path)
        if path not in self._secrets:
            raise KubeError(f"{path}: 403 no", 403)
        return json.dumps(self._secrets[path]).encode()


def docker_secret(host: str, user: str, password: str) -> Manifest:
    """Write a Secret with a docker config for one host."""
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    config = json.dumps({"auths": {host: {"auth": auth}}}).encode()
    return {"data": {".dockerconfigjson": base64.b64encode(config).decode()}}


class Pinning:
    """A webhook that pins, and the registry that it asks."""

    def __init__(self, webhook: Harness, registry: FakeRegistry, authority: Authority) -> None:
        self.webhook = webhook
        self.registry = registry
        self.authority = authority
        #: Of the answers that are remembered.
        self.clock = Clock(asyncio.get_running_loop().time())
        self.secrets: dict[str, Manifest] = {}
        self.kube = Secrets(self.secrets)
        self.answers: list[str] = []
        self.wall = time.time
        self.images = self.replica()
        self.path = ""

    def replica(self) -> Images:
        """Make what one replica knows of registries: at first, nothing."""
        references = References("revet-system", self.webhook.log.complain, lambda: 0.0)
        self.references = references
        self.tell(CA, {"data": {"ca.crt": self.authority.ca_pem.decode()}})
        self.tell(PULL, None)
        self.tell(PUBLIC_ROOT, None)
        complain = self.webhook.log.complain
        self.images = Images(
            self.kube, references, self.clock, self._now, self.answers.append, complain
        )
        self.webhook.images = self.images
        return self.images

    def _now(self) -> float:
        return self.wall()

    def tell(self, reference: Reference, manifest: Manifest | None) -> None:
        """Learn of a ConfigMap or Secret, as a watch would tell."""
        copy, freshness = self.references.open(reference)
        copy.replace([json.dumps(manifest).encode()] if manifest else [])
        freshness.mark()

    def know(self, images: Manifest | None = None, **spec: object) -> None:
        """Learn of a policy that pins; `images` is added to what it says of images."""
        host = {"host": self.registry.host, "caRef": {"configMapRef": CA._asdict()}}
        host["caRef"] = {"configMapRef": {"name": CA.name, "key": "ca.crt"}}
        told = {"digest": "Pin", "hosts": [host]} | (images or {})
        more = {"enforcement": "Enforce", "images": told, **spec}
        manifest = policy("pin", {"tier": "prod"}, **more)
        self.webhook.know(manifest)
        compiled = CompiledPolicy.of(parse_policy(json.dumps(manifest)), CATALOG)
        self.path = compiled.entries[0][1].path

    def reference(self, name: str = "app:1") -> str:
        """Write an image of the registry."""
        return f"{self.registry.host}/{name}"

    def digest(self, tag: str = "1") -> str:
        """Return the digest that a tag of `app` stands for."""
        return digest_of(self.registry.manifests["app", tag][0])

    async def mutate(self, manifest: Manifest, **fields: Any) -> Manifest:  # noqa: ANN401
        """Return what becomes of an object."""
        path = self.path.replace("validate", "mutate")
        response = await self.webhook.ask(path, manifest, **fields)
        assert response["allowed"] is True
        operations = json.loads(base64.b64decode(response.get("patch", "W10=")))
        self.annotations: Mapping[str, str] = response.get("auditAnnotations", {})
        patched: Manifest = apply_patch(manifest, operations)
        return patched

    async def validate(self, manifest: Manifest, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return what is said to an object."""
        return await self.webhook.ask(self.path, manifest, **fields)

    async def admit(self, manifest: Manifest) -> dict[str, Any]:
        """Return what is said to an object that comes new."""
        return await self.validate(await self.mutate(manifest))


def images_of(manifest: Manifest) -> list[str]:
    """Return the images of a Pod."""
    spec = manifest["spec"]
    lists: Sequence[str] = ("initContainers", "containers", "ephemeralContainers")
    named = [each["image"] for part in lists for each in spec.get(part, ())]
    volumes = [each["image"]["reference"] for each in spec.get("volumes", ()) if "image" in each]
    return named + volumes


@asynccontextmanager
async def pinning(folder: Path) -> AsyncIterator[Pinning]:
    """Run a webhook beside a registry."""
    authority = Authority("registries")
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(serving(FakeRegistry(), authority))
        webhook = await stack.enter_async_context(serve(folder, CATALOG))
        webhook.know(namespace("shop", {"tier": "prod"}))
        world = Pinning(webhook, registry, authority)
        made = [world.images]
        original = world.replica

        def replica() -> Images:
            made.append(original())
            return made[-1]

        world.replica = replica  # type: ignore[method-assign] # each is closed in the end
        yield world
        for each in made:
            await each.close()
