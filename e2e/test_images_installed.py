"""Pinning as it is installed: the operator writes the entries, the chart gives the rights."""

from e2e.api import STRATEGIC, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.pinning import PASSWORD, USER, VALUES, Stage, docker_secret
from e2e.release import NAMESPACE, Release
from tests.support.registry import FakeRegistry, image


def test_what_is_installed_pins(control_plane: ControlPlane) -> None:
    plane = control_plane
    with Release(plane, VALUES) as release:
        registry = FakeRegistry(users={USER: PASSWORD}, bearer=True)
        stage = Stage(plane, [release.webhook, release.webhook], registry)
        try:
            stage.start_registry()
            stage.tell_ca(stage.authority.ca_pem.decode())
            plane.apply([docker_secret("pull", NAMESPACE, registry.host, PASSWORD)])
            release.start()
            plane.apply([stage.policy("installed")])
            namespace = stage.namespace("installed")
            digest = registry.push("app", image("one"), "1")
            app = stage.image("app:1")
            manifest = stage.pod("app:1")
            made = stage.api.create(manifest, namespace)
            assert made.is_success, made.message
            assert made.body["spec"]["containers"][0]["image"] == f"{app}@{digest}"
            debug = {"spec": {"ephemeralContainers": [{"name": "debug", "image": app}]}}
            at = (manifest, namespace, debug, "/ephemeralcontainers", STRATEGIC)
            answer = stage.api.patch(*at)
            assert answer.is_success, answer.message
            added = answer.body["spec"]["ephemeralContainers"][0]["image"]
            assert added == f"{app}@{digest}"
            wait_for(lambda: "images Pin" in _accepted(plane), "what is in force, in the status")
        finally:
            stage.close()


def _accepted(plane: ControlPlane) -> str:
    path = "--output=jsonpath={.status.conditions[?(@.type=='Accepted')].message}"
    return plane.kubectl("get", "hardeningpolicy", "installed", path).stdout
