"""The files of tests/data/checks on a real API server: refused where they fail, and only there."""

from collections.abc import Iterator

import pytest

from e2e.api import Answer, Api, wait_for
from e2e.cluster.target import Cluster
from e2e.crd import install_crd
from e2e.webhook import Webhook
from tests.support.check_files import CheckFile, load_check_files
from tests.support.check_policies import labelled, policy_for
from tests.support.manifests import pod

FILES = load_check_files()
POLICIES = {each["metadata"]["name"]: each for each in map(policy_for, FILES)}


@pytest.fixture(scope="module")
def judged(cluster: Cluster) -> Iterator[list[tuple[CheckFile, Answer, Answer]]]:
    """Give each file with two answers of the API server: where no policy is, and where it is."""
    plane = cluster.control_plane
    if plane is None:
        pytest.skip("the API server must reach our loopback: REVET_E2E_CLUSTER=local")
    install_crd(plane)
    api = Api(plane)
    with Webhook(plane) as webhook:
        plane.apply(POLICIES.values())
        # One watch tells of all, in the order in which they came.
        webhook.wait_for(list(POLICIES)[-1])
        webhook.apply_entries(POLICIES.values())
        free, here = plane.create_namespace(), plane.create_namespace({"fixtures": "here"})

        def is_judged() -> bool:
            api.create(pod("probe"), here, dry_run=True)
            return any(line["namespace"] == here for line in webhook.decisions())

        wait_for(is_judged, "entry in force")
        yield [
            (
                file,
                api.create(labelled(file), free, dry_run=True),
                api.create(labelled(file), here, dry_run=True),
            )
            for file in FILES
        ]
        for namespace in (free, here):
            plane.delete_namespace(namespace)
    api.close()


Judged = list[tuple[CheckFile, Answer, Answer]]


def test_what_the_server_takes_is_judged_as_the_file_says(judged: Judged) -> None:
    wrong = []
    for file, free, here in judged:
        if not free.is_success:
            continue
        refused = here.status == 403 and f"  {file.check} " in here.message
        if refused != (file.verdict == "fail") or (not refused and not here.is_success):
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
