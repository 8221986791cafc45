"""Pinning as it is installed: the operator writes the entries, the chart gives the rights."""

from e2e.api import STRATEGIC, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.pinning import PASSWORD, USER, VALUES, Stage, docker_secret
from e2e.release import NAMESPACE, Release
from tests.support.registry import FakeRegistry, image
from tests.support.sigstore.authority import new_key
from tests.support.sigstore.world import public_pem


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
            accepted = ("Accepted", "message")
            wait_for(lambda: "images Pin" in _told(plane, *accepted), "what is in force is told")
            _break_and_mend_a_key(plane, stage)
        finally:
            stage.close()


def _break_and_mend_a_key(plane: ControlPlane, stage: Stage) -> None:
    """Name a key that is none: the status says so, with nobody having asked for an image."""
    key = {"configMapRef": {"name": "keys", "key": "cosign.pub"}}
    rule = {"name": "ci", "images": ["*"], "anyOf": [{"key": key}]}
    for pem, is_usable, text in (
        ("no key", "False", 'rule "ci": '),
        (public_pem(new_key()), "True", "has read all keys"),
    ):
        metadata = {"name": "keys", "namespace": NAMESPACE}
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        plane.apply([config | {"data": {"cosign.pub": pem}}])
        # A change of the policy is asked about at once, and not in two minutes.
        unknown = "Warn" if is_usable == "True" else "Deny"
        made = stage.policy("installed", verify=[rule], onUnknown=unknown)
        spec = made["spec"]
        spec["controls"] = [each for each in spec["controls"] if each["id"] != "image-signature"]
        plane.apply([made])
        said = f"SignersUsable is {is_usable}"
        wait_for(lambda: _told(plane, "SignersUsable", "status") == is_usable, said, 60)  # noqa: B023
        assert text in _told(plane, "SignersUsable", "message")


def _told(plane: ControlPlane, condition: str, field: str) -> str:
    path = f"--output=jsonpath={{.status.conditions[?(@.type=='{condition}')].{field}}}"
    return plane.kubectl("get", "hardeningpolicy", "installed", path).stdout
