"""The files of tests/data/checks on a real API server: refused where they fail, and only there."""

import http
from collections.abc import Iterator, Sequence
from itertools import groupby

import pytest

from e2e.api import MERGE, Answer, Api, wait_for
from e2e.cluster.target import Cluster
from e2e.crd import install_crd, serve_gateways
from e2e.standing import POLICIES as HARDENING_POLICIES
from e2e.webhook import Webhook
from revet.core.checks import BY_ID
from tests.support.check_files import CheckFile, load_check_files
from tests.support.check_policies import (
    labelled,
    labels_for,
    namespace_for,
    policy_for,
    policy_for_cluster,
)
from tests.support.manifests import Manifest, namespace

# What hangs on other objects cannot be told of an object alone.
FILES = [file for file in load_check_files() if file.is_asked and not BY_ID[file.check].needs]
IN_NAMESPACES = [file for file in FILES if file.is_namespaced]
IN_NONE = [file for file in FILES if not file.is_namespaced]
POLICIES = {each["metadata"]["name"]: each for each in map(policy_for, IN_NAMESPACES)}
Judged = list[tuple[CheckFile, Answer, Answer]]


@pytest.fixture(scope="module")
def webhook(cluster: Cluster) -> Iterator[Webhook]:
    plane = cluster.control_plane
    if plane is None:
        pytest.skip("the API server must reach our loopback: REVET_E2E_CLUSTER=local")
    install_crd(plane)
    serve_gateways(plane)
    with Webhook(plane) as running:
        yield running


@pytest.fixture(scope="module")
def api(webhook: Webhook) -> Iterator[Api]:
    api = Api(webhook.plane)
    yield api
    api.close()


@pytest.fixture(scope="module")
def judged(webhook: Webhook, api: Api) -> Judged:
    """Give each file with two answers of the API server: where no policy is, and where it is."""
    return [*_in_namespaces(webhook, api), *_in_none(webhook, api)]


def _in_namespaces(webhook: Webhook, api: Api) -> Judged:
    plane, free = webhook.plane, webhook.plane.create_namespace()
    alone = {file: api.create(_put(file, free), free, dry_run=True) for file in IN_NAMESPACES}
    for name, each in POLICIES.items():
        if "status" in each:
            # A status is written by itself; the policies that come after it tell that it is known.
            plane.apply(each)
            place = f"{HARDENING_POLICIES}/{name}/status"
            assert api.send("PATCH", place, {"status": each["status"]}, MERGE).is_success
    plane.apply(POLICIES.values())
    # One watch tells of all, in the order in which they came.
    webhook.wait_for(list(POLICIES)[-1])
    webhook.apply_entries(POLICIES.values())
    found: Judged = []
    now = dict(sorted({_scope(file) for file in IN_NAMESPACES}, reverse=True))
    plane.apply([namespace(where, dict([labels])) for where, labels in now.items()])
    is_in_force = False
    for (where, labels), group in groupby(sorted(IN_NAMESPACES, key=_scope), _scope):
        files = list(group)
        # Two sorts of objects may be in one namespace, each selected by labels of its own.
        if now[where] != labels:
            plane.apply([namespace(where, dict([labels]))])
        if not is_in_force or now[where] != labels:
            some = [file for file in files if alone[file].is_success]
            _wait_until_judged(webhook, api, where, some)
        is_in_force, now[where] = True, labels
        for file in files:
            answer = api.create(_put(file, where), where, dry_run=True)
            found.append((file, alone[file], answer))
    plane.kubectl("delete", "namespaces", "--wait=false", free, *(set(now) - {"default"}))
    webhook.remove_entries()
    plane.kubectl("delete", "hardeningpolicies", "--all")
    return found


def _in_none(webhook: Webhook, api: Api) -> Judged:
    alone = {file: api.create(labelled(file), "", dry_run=True) for file in IN_NONE}
    webhook.apply_policies([policy_for_cluster(IN_NONE)])
    # A Namespace is reviewed as being in itself.
    roles = [file for file in IN_NONE if file.check.startswith("rbac-")]
    _wait_until_judged(webhook, api, "", roles)
    return [(file, alone[file], api.create(labelled(file), "", dry_run=True)) for file in IN_NONE]


def _scope(file: CheckFile) -> tuple[str, tuple[str, str]]:
    (labels,) = labels_for(file).items()
    return namespace_for(file), labels


def _put(file: CheckFile, where: str) -> Manifest:
    manifest = labelled(file)
    manifest["metadata"]["namespace"] = where
    return manifest


def _wait_until_judged(webhook: Webhook, api: Api, where: str, files: Sequence[CheckFile]) -> None:
    """Wait until the webhook is asked about what is there: entries and labels are in force."""
    probe = min(files, key=lambda file: file.verdict)  # Not all that passes is asked about.
    manifest = _put(probe, where) if where else labelled(probe)

    def count() -> int:
        return sum(line["namespace"] == where for line in webhook.decisions())

    before = count()

    def is_asked() -> bool:
        api.create(manifest, where, dry_run=True)
        return count() > before

    wait_for(is_asked, f"entries in force in {where or 'no namespace'}")


def test_what_the_server_takes_is_judged_as_the_file_says(judged: Judged) -> None:
    wrong = []
    for file, free, here in judged:
        if not free.is_success:
            continue
        refused = here.status == 403 and f"  {file.check} " in here.message
        # What exists already has passed admission. One policy judges all that has no namespace, so
        # that another control may have refused it.
        passed = here.is_success or here.status == http.HTTPStatus.CONFLICT
        passed = passed or (here.status == http.HTTPStatus.FORBIDDEN and not file.is_namespaced)
        if refused != (file.verdict == "fail") or (not refused and not passed):
            wrong.append((file.title, here.status, here.message))
    assert wrong == []


def test_what_the_server_refuses_by_itself_stays_refused(judged: Judged) -> None:
    refused = [(file, here) for file, free, here in judged if not free.is_success]
    assert [file.title for file, here in refused if here.is_success] == []


def test_the_server_takes_most_of_the_files(judged: Judged) -> None:
    taken = {file.title for file, free, _ in judged if free.is_success}
    assert len(taken) > 0.8 * len(FILES)
    # Of every check something passes and something fails.
    for verdict in ("pass", "fail"):
        here = {
            file.check for file, _, _ in judged if file.title in taken and file.verdict == verdict
        }
        assert {file.check for file in FILES} - here == set()
