"""Fixtures of the end-to-end tests: one cluster for the session, one namespace for each test."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from e2e.api import Api, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import ClusterError
from e2e.cluster.target import Cluster, open_cluster, prepare
from e2e.cluster.toolchain import ToolchainError
from e2e.pinning import Stage, open_stage
from e2e.release import Release

_HERE = Path(__file__).parent
_LASTING = (
    "clusterroles,clusterrolebindings,nodes,validatingadmissionpolicies,priorityclasses,"
    "validatingadmissionpolicybindings,validatingwebhookconfigurations,mutatingwebhookconfigurations"
)
_BUILD_ERROR = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)  # before -m selects by the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.e2e)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build before any test's time-out runs, and where the progress can be seen."""
    wanted = any("cluster" in getattr(item, "fixturenames", ()) for item in session.items)
    if not wanted or session.config.option.collectonly:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        try:
            prepare(os.environ)
        except (ClusterError, ToolchainError) as error:
            session.config.stash[_BUILD_ERROR] = str(error)


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """Give a real API server; where there can't be one, that is an error and no skip."""
    if _BUILD_ERROR in pytestconfig.stash:
        pytest.fail(pytestconfig.stash[_BUILD_ERROR], pytrace=False)
    with open_cluster(os.environ) as opened:
        yield opened


@pytest.fixture(scope="module", autouse=True)
def leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """See that what a file makes for the whole cluster goes with it: the next file shares it."""
    here = (item for item in request.session.items if item.path == request.path)
    if not any("cluster" in getattr(item, "fixturenames", ()) for item in here):
        yield
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    before = _lasting(cluster)
    yield
    with suppress(TimeoutError):  # to say below what it is
        wait_for(lambda: not _lasting(cluster) - before, "everything of the cluster's gone", 60, 1)
    left = sorted(_lasting(cluster) - before)
    assert not left


def _lasting(cluster: Cluster) -> set[str]:
    """Return what there is that no namespace takes with it."""
    return set(cluster.kubectl("get", _LASTING, "--output=name").stdout.split())


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """Give an empty namespace of the test's own."""
    name = cluster.create_namespace()
    yield name
    cluster.delete_namespace(name)


@pytest.fixture
def control_plane(cluster: Cluster) -> ControlPlane:
    """Give the parts of a cluster booted here: it can be restarted, and it reaches loopback."""
    if cluster.control_plane is None:
        pytest.skip("needs a cluster that the test may restart: REVET_E2E_CLUSTER=local")
    return cluster.control_plane


@pytest.fixture(scope="module")
def release(cluster: Cluster) -> Iterator[Release]:
    """Give the chart, installed; its processes run on loopback beside the cluster."""
    if cluster.control_plane is None:
        pytest.skip("our processes run beside the cluster: REVET_E2E_CLUSTER=local")
    with Release(cluster.control_plane) as installed:
        yield installed


@pytest.fixture(scope="module")
def running(release: Release) -> Iterator[Release]:
    """Run both processes."""
    try:
        release.start()
        yield release
    finally:
        release.stop()


@pytest.fixture(scope="module")
def api(release: Release) -> Iterator[Api]:
    """Talk to its API server as the admin."""
    api = Api(release.plane)
    yield api
    api.close()


@pytest.fixture(scope="module")
def stage(cluster: Cluster) -> Iterator[Stage]:
    """Give two replicas of the webhook with the chart's rights, beside a registry."""
    if cluster.control_plane is None:
        pytest.skip("the API server must reach our loopback: REVET_E2E_CLUSTER=local")
    with open_stage(cluster.control_plane) as opened:
        yield opened
