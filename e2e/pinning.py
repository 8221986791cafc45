"""Webhooks that pin, with the chart's rights, beside a cluster; and registries that they ask."""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from e2e.api import Api, wait_for
from e2e.cluster.certificates import Authority
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import free_port
from e2e.release import NAMESPACE, Release
from e2e.webhook import Files, Webhook, policy
from revet.core.checks import ALL
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.policy import parse_policy
from revet.core.render.webhook import Backend, webhook_configurations
from tests.support.manifests import Manifest, container, pod
from tests.support.registry import FakeRegistry, serving_beside

USER: Final = "puller"
PASSWORD: Final = "of-the-policy"  # noqa: S105 -- of a registry that is gone in a minute
SECRET: Final = "pull"  # noqa: S105 -- a name
CA: Final = "registry-ca"
VALUES: Final = (f"webhook.images.pullSecrets={{{SECRET}}}", "webhook.images.podPullSecrets=true")
_OTHERS: Final = [{"id": each.id, "mode": "Disabled"} for each in ALL if each.id != "image-digest"]


def docker_secret(name: str, namespace: str, host: str, password: str) -> Manifest:
    """Write a Secret with the credentials of one registry."""
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": {".dockerconfigjson": json.dumps({"auths": {host: {"auth": auth}}})},
    }


class Stage:
    """Two replicas of the webhook, and a registry with TLS of its own CA and a login by tokens."""

    def __init__(
        self, plane: ControlPlane, replicas: Sequence[Webhook], registry: FakeRegistry
    ) -> None:
        self.plane = plane
        self.api = Api(plane)
        self.first, self.second = replicas
        self.registry = registry
        self.authority = Authority("registry")
        self._port = free_port()
        self._running = ExitStack()
        self._namespaces: list[str] = []

    def start_registry(self) -> None:
        """Let the registry answer, always at the same address."""
        serving = serving_beside(self.registry, self.authority, self._port)
        self._running.enter_context(serving)

    def stop_registry(self) -> None:
        """Let nobody answer there."""
        self._running.close()

    def image(self, name: str) -> str:
        """Write an image of the registry."""
        return f"{self.registry.host}/{name}"

    def pod(self, image: str, name: str = "web", **spec: object) -> Manifest:
        """Write a Pod with one container."""
        return pod(name, container(image=self.image(image)), **spec)

    def tell_ca(self, pem: str) -> None:
        """Write the ConfigMap that the policies refer to."""
        metadata = {"name": CA, "namespace": NAMESPACE}
        config: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        self.plane.apply([config | {"data": {"ca.crt": pem}}])

    def policy(self, name: str, **images: object) -> Manifest:
        """Write a policy that pins in the namespaces labelled `images: NAME`."""
        host = {
            "host": self.registry.host,
            "caRef": {"configMapRef": {"name": CA, "key": "ca.crt"}},
            "pullSecretRef": {"name": SECRET},
        }
        told = {"digest": "Pin", "hosts": [host], **images}
        more: dict[str, Any] = {"enforcement": "Enforce", "controls": _OTHERS, "images": told}
        return policy(name, {"images": name}, **more)

    def namespace(self, policy_name: str) -> str:
        """Make a namespace in which a policy pins, and wait until it does."""
        made = self.plane.create_namespace({"images": policy_name})
        self._namespaces.append(made)

        def is_in_force() -> bool:
            unnamed = pod("x", container(image="none.example/x:1"))
            return "is not asked for it" in self.api.create(unnamed, made, dry_run=True).message

        wait_for(is_in_force, f"policy {policy_name}")
        return made

    def let_judge(self, policies: Sequence[Manifest], judge: Webhook, patch: Webhook) -> None:
        """Send what is to be patched to one replica, and what is to be judged to another."""
        compiled = [CompiledPolicy.of(parse_policy(json.dumps(each))) for each in policies]
        for kind, webhook in (("Validating", judge), ("Mutating", patch)):
            backend = Backend(self.plane.ca_pem, f"https://127.0.0.1:{webhook.port}")
            manifests = webhook_configurations(compiled, backend, [NAMESPACE])
            self.plane.apply([each for each in manifests if each["kind"].startswith(kind)])

    def close(self) -> None:
        """Remove the namespaces."""
        for each in self._namespaces:
            self.plane.delete_namespace(each)
        self.api.close()
        self.stop_registry()


@contextmanager
def open_stage(plane: ControlPlane) -> Iterator[Stage]:
    """Install the chart, and run two replicas with its rights, beside a registry."""
    with ExitStack() as stack:
        release = stack.enter_context(Release(plane, VALUES))
        kubeconfig = release.sign_in("revet-webhook", "images-webhook")
        replicas = [
            stack.enter_context(
                Webhook(
                    plane,
                    files=Files(kubeconfig, plane.pki / f"{title}.crt", plane.pki / f"{title}.key"),
                    title=title,
                )
            )
            for title in ("images-first", "images-second")
        ]
        registry = FakeRegistry(users={USER: PASSWORD}, bearer=True)
        stage = Stage(plane, replicas, registry)
        stage.start_registry()
        stack.callback(stage.close)
        stage.tell_ca(stage.authority.ca_pem.decode())
        plane.apply([docker_secret(SECRET, NAMESPACE, registry.host, PASSWORD)])
        yield stage
