"""Tags pinned on a real API server, by a real registry over TLS, with the chart's rights."""

import pytest
from aiohttp import web

from e2e.api import STRATEGIC, wait_for
from e2e.cluster.certificates import Authority
from e2e.pinning import PASSWORD, Stage, docker_secret
from revet.core.model.meta import PINNED_ANNOTATION
from tests.support.manifests import Manifest, container, workload
from tests.support.registry import image

PIN, MILD, OWN = "pin", "mild", "own"


@pytest.fixture(scope="module")
def policies(stage: Stage) -> list[Manifest]:
    """Give the policies: one that denies what is unknown, one that warns, one for pods' Secrets."""
    host = stage.policy(PIN)["spec"]["images"]["hosts"][0]
    without = [{key: value for key, value in host.items() if key != "pullSecretRef"}]
    return [
        stage.policy(PIN),
        stage.policy(MILD, onUnknown="Warn"),
        stage.policy(OWN, hosts=without, usePodPullSecrets=True),
    ]


@pytest.fixture(scope="module")
def spaces(stage: Stage, policies: list[Manifest]) -> dict[str, str]:
    """Give a namespace for each policy."""
    stage.first.apply_policies(policies)
    for each in policies:
        stage.second.wait_for(each["metadata"]["name"])
    return {name: stage.namespace(name) for name in (PIN, MILD, OWN)}


def test_all_images_of_a_pod_get_their_digest(stage: Stage, spaces: dict[str, str]) -> None:
    digest = stage.registry.push("app", image("one"), "1")
    app = stage.image("app:1")
    manifest = stage.pod(
        "app:1",
        initContainers=[container("init", image=app)],
        volumes=[{"name": "data", "image": {"reference": app}}],
    )
    made = stage.api.create(manifest, spaces[PIN])
    assert made.is_success, made.message
    spec = made.body["spec"]
    pinned = f"{app}@{digest}"
    assert spec["containers"][0]["image"] == spec["initContainers"][0]["image"] == pinned
    assert spec["volumes"][0]["image"]["reference"] == pinned
    assert made.body["metadata"]["annotations"][PINNED_ANNOTATION].endswith(f" {pinned}")


def test_a_deployment_keeps_its_tag_and_its_pods_do_not(
    stage: Stage, spaces: dict[str, str]
) -> None:
    digest = stage.registry.push("deployed", image("one"), "1")
    deployed = stage.image("deployed:1")
    manifest = workload("Deployment", "deployed", container(image=deployed))
    made = stage.api.create(manifest, spaces[PIN])
    assert made.is_success, made.message
    assert made.body["spec"]["template"]["spec"]["containers"][0]["image"] == deployed

    def images() -> list[str]:
        pods = stage.api.items("Pod", spaces[PIN])
        return [each["spec"]["containers"][0]["image"] for each in pods]

    wait_for(lambda: f"{deployed}@{digest}" in images(), "the Deployment's pod")
    gone = workload("Deployment", "gone", container(image=stage.image("deployed:2")))
    assert "answered 404 Not Found" in stage.api.create(gone, spaces[PIN]).message


def test_what_comes_later_to_a_pod(stage: Stage, spaces: dict[str, str]) -> None:
    digest = stage.registry.push("later", image("one"), "1")
    later = stage.image("later:1")
    manifest = stage.pod("later:1", "later")
    assert stage.api.create(manifest, spaces[PIN]).is_success
    debug = {"spec": {"ephemeralContainers": [{"name": "debug", "image": later}]}}
    at = (manifest, spaces[PIN])
    answer = stage.api.patch(*at, debug, "/ephemeralcontainers", STRATEGIC)
    assert answer.is_success, answer.message
    assert answer.body["spec"]["ephemeralContainers"][0]["image"] == f"{later}@{digest}"
    update = {"spec": {"containers": [{"name": "app", "image": later}]}}
    answer = stage.api.patch(*at, update, content_type=STRATEGIC)
    assert f"fix: image: {later}@{digest}" in answer.message


def test_a_tag_that_is_moved_between_the_calls_is_refused(
    stage: Stage, spaces: dict[str, str], policies: list[Manifest]
) -> None:
    stage.let_judge(policies, judge=stage.second, patch=stage.first)
    stage.registry.push("moving", image("one"), "1")
    path = "/v2/moving/manifests/1"

    async def answer_and_move(_: web.Request) -> web.Response:
        del stage.registry.instead[path]
        body, kind = stage.registry.manifests["moving", "1"]
        stage.registry.push("moving", image("two"), "1")
        return web.Response(body=body, content_type=kind)

    def is_refused() -> bool:
        stage.registry.instead[path] = answer_and_move
        answer = stage.api.create(stage.pod("moving:1", "moving"), spaces[PIN], dry_run=True)
        return "was pinned a moment ago, and now" in answer.message

    try:
        wait_for(is_refused, "a refusal by the other replica")
        stage.registry.instead.clear()
        # Asked by the other replica first, which knows it as it is now.
        stage.let_judge(policies, judge=stage.first, patch=stage.second)
        wait_for(
            lambda: (
                stage.api.create(
                    stage.pod("moving:1", "moving"), spaces[PIN], dry_run=True
                ).is_success
            ),
            "a tag that stays",
        )
    finally:
        stage.let_judge(policies, judge=stage.first, patch=stage.first)


def test_an_outage(stage: Stage, spaces: dict[str, str]) -> None:
    stage.registry.push("known", image("one"), "1")
    known = stage.pod("known:1", "known")
    for name in (PIN, MILD):
        assert stage.api.create(known, spaces[name], dry_run=True).is_success
    stage.stop_registry()
    try:
        for name in (PIN, MILD):
            made = stage.api.create(known, spaces[name], dry_run=True)
            assert "@sha256:" in made.body["spec"]["containers"][0]["image"], made.message
        denied = stage.api.create(stage.pod("unknown:1"), spaces[PIN])
        told = f"{stage.registry.host}: {stage.registry.host} can't be asked: "
        assert "not checked: needs the digest of image" in denied.message
        assert told in denied.message
        warned = stage.api.create(stage.pod("unknown:1"), spaces[MILD], dry_run=True)
        assert warned.is_success, warned.message
        assert told in "".join(warned.warnings)
    finally:
        stage.start_registry()


def test_a_ca_is_followed(stage: Stage, spaces: dict[str, str]) -> None:
    def told(tag: str) -> str:
        stage.registry.push("ca", image(tag), tag)
        manifest = stage.pod(f"ca:{tag}", "ca")
        return stage.api.create(manifest, spaces[PIN], dry_run=True).message

    stage.tell_ca(Authority("another").ca_pem.decode())
    try:
        wait_for(lambda: "certificate" in told("1"), "the other CA")
    finally:
        stage.tell_ca(stage.authority.ca_pem.decode())
    wait_for(lambda: not told("2"), "the right CA")


def test_a_pods_own_secret(stage: Stage, spaces: dict[str, str]) -> None:
    digest = stage.registry.push("own", image("one"), "1")
    manifest = stage.pod("own:1", "own", imagePullSecrets=[{"name": "mine"}])
    answer = stage.api.create(manifest, spaces[OWN])
    assert f"Secret {spaces[OWN]}/mine can't be read (404)" in answer.message
    secret = docker_secret("theirs", spaces[OWN], stage.registry.host, PASSWORD)
    stage.plane.apply([secret])
    manifest["spec"]["imagePullSecrets"] = [{"name": "theirs"}]
    made = stage.api.create(manifest, spaces[OWN])
    assert made.is_success, made.message
    assert made.body["spec"]["containers"][0]["image"] == f"{stage.image('own:1')}@{digest}"


def test_nobody_is_asked_where_nothing_is_to_be_known(stage: Stage, spaces: dict[str, str]) -> None:
    before = len(stage.registry.asked)
    pinned = stage.pod(f"app@sha256:{'a' * 64}", "pinned")
    assert stage.api.create(pinned, spaces[PIN], dry_run=True).is_success
    assert stage.api.create(stage.pod("app:9", "elsewhere"), "default", dry_run=True).is_success
    assert len(stage.registry.asked) == before
