"""Random pods that a real API server takes: patched by us, it takes them still."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.api import Api, wait_for
from e2e.cluster.target import Cluster
from e2e.crd import install_crd
from e2e.pods import generate_questions
from e2e.repair import make_valid
from e2e.webhook import Webhook
from revet.core.checks import ALL
from tests.support.manifests import Manifest, container, pod, policy

SEED = 20_261
WANTED = 600
_MOST = 3000
PATHS = ["/tmp", "/run", "/data/cache", "/A-b"]  # noqa: S108 -- in a container
# All patches, and nothing refused: what the server says is about the patch alone.
POLICY = policy(
    "patch-only",
    {"patched": "yes"},
    enforcement="Enforce",
    controls=[
        # Under the same mode drop-all-capabilities would stand in for drop-net-raw.
        {"id": check.id, "mode": "Warn" if check.id == "drop-net-raw" else "Audit"}
        | ({"patch": True} if check.patchable else {})
        | ({"writablePaths": PATHS} if check.id == "read-only-rootfs" else {})
        for check in ALL
    ],
)


@pytest.fixture(scope="module")
def webhook(cluster: Cluster) -> Iterator[Webhook]:
    if cluster.control_plane is None:
        pytest.skip("the API server must reach our loopback: REVET_E2E_CLUSTER=local")
    install_crd(cluster)
    with Webhook(cluster.control_plane) as running:
        running.apply_policies([POLICY])
        yield running


@pytest.fixture(scope="module")
def api(webhook: Webhook) -> Iterator[Api]:
    api = Api(webhook.plane)
    yield api
    api.close()


@pytest.fixture(scope="module")
def spaces(webhook: Webhook, api: Api) -> Iterator[tuple[str, str]]:
    """Give a namespace without the policy, and one in which it patches."""
    free, here = (webhook.plane.create_namespace(labels) for labels in ({}, {"patched": "yes"}))

    def is_patched() -> bool:
        spec = api.create(pod(), here, dry_run=True).body.get("spec", {})
        return bool(spec.get("securityContext"))

    wait_for(is_patched, "entry in force")
    yield free, here
    for namespace in (free, here):
        webhook.plane.delete_namespace(namespace)


def _acceptable(api: Api, namespace: str) -> Iterator[tuple[int, Manifest, Manifest]]:
    """Yield random pods that the server takes: their number, themselves, what became of them."""
    for number, question in enumerate(generate_questions(SEED, _MOST)):
        manifest = copy.deepcopy(question.pod)
        manifest.setdefault("metadata", {})["name"] = f"random-{number}"
        answer = make_valid(api, manifest, namespace)
        if answer is not None:
            yield number, manifest, answer.body


def test_patched_pods_are_still_valid(api: Api, spaces: tuple[str, str]) -> None:
    free, here = spaces
    taken = patched = 0
    refused: list[Any] = []
    changed: list[Any] = []
    for number, manifest, before in _acceptable(api, free):
        answer = api.create(manifest, here, dry_run=True)
        if not answer.is_success:
            refused.append((number, answer.message))
        elif not _only_adds(before["spec"], answer.body["spec"]):
            changed.append((number, before["spec"], answer.body["spec"]))
        taken += 1
        patched += answer.is_success and not _only_adds(answer.body["spec"], before["spec"])
        if taken == WANTED:
            break
    print(f"seed {SEED}: {taken} pods taken, {patched} of them patched")
    assert refused == []
    assert changed == []
    assert taken == WANTED
    assert patched > WANTED / 4


def test_the_volumes_of_a_read_only_root_are_taken(api: Api, spaces: tuple[str, str]) -> None:
    _, here = spaces
    theirs = [
        {"name": "revet-run", "configMap": {"name": "c"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
    ]
    app = container(volumeMounts=[{"name": "data", "mountPath": "/data"}])
    answer = api.create(pod("web", app, container("log"), volumes=theirs), here, dry_run=True)
    assert answer.is_success, answer.message
    spec = answer.body["spec"]
    assert _only_adds(theirs, spec["volumes"][:2])
    assert spec["hostUsers"] is False
    mounts = [
        {each["mountPath"]: each["name"] for each in every["volumeMounts"]}
        for every in spec["containers"]
    ]
    shared = {"/tmp": "revet-tmp", "/run": "revet-run-2"}  # noqa: S108 -- in a container
    assert mounts[0].items() >= (shared | {"/data": "data"}).items()
    assert mounts[1].items() >= (shared | {"/data/cache": "revet-data-cache"}).items()
    assert "/data/cache" not in mounts[0]
    for every in spec["containers"]:
        assert every["securityContext"]["readOnlyRootFilesystem"] is True
        assert every["securityContext"]["capabilities"]["drop"] == ["NET_RAW"]


def _only_adds(before: object, after: object) -> bool:
    """Tell whether everything that stood before stands there still."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(
            _is_random(key) or (key in after and _only_adds(value, after[key]))
            for key, value in before.items()
        )
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_only_adds, before, after))
    return before == after


def _is_random(key: str) -> bool:
    return key in {"volumes", "volumeMounts"}  # the token's volume gets a name by chance
