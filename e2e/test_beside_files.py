"""The files of controls that look beside the object, on a real API server with all of it."""

from collections.abc import Iterator

import pytest

from e2e.api import Api, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.target import Cluster
from e2e.crd import install_crd
from e2e.webhook import Webhook
from revet.core.checks import BY_ID
from tests.support.check_files import CheckFile, load_check_files
from tests.support.check_policies import labelled, labels_for, namespace_for, policy_for
from tests.support.manifests import Manifest, namespace

FILES = [
    file
    for file in load_check_files()
    if file.is_asked and file.is_namespaced and BY_ID[file.check].needs
]
#: Pods are selected by labels of theirs; what else there is has a namespace of its own.
PODS = [file for file in FILES if file.holds_pod]
OTHERS = [file for file in FILES if not file.holds_pod and file.beside]


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    plane = cluster.control_plane
    if plane is None:
        pytest.skip("the API server must reach our loopback: REVET_E2E_CLUSTER=local")
    install_crd(plane)
    made = [each for file in FILES for each in _beside(file)]
    with Webhook(plane) as running:
        _prepare(running, made)
        api = Api(plane)
        yield api
        api.close()
    places = {namespace_for(file) for file in (*PODS, *OTHERS)}
    plane.kubectl("delete", "namespaces", "--wait=false", *places)
    wide = [each["metadata"]["name"] for each in made if "namespace" not in each["metadata"]]
    plane.kubectl("delete", "clusterrolebindings", "--ignore-not-found", *wide)


def _prepare(webhook: Webhook, made: list[Manifest]) -> None:
    """Put everything there, and have it judged by a policy for each file."""
    plane = webhook.plane
    labels = {namespace_for(file): labels_for(file) for file in (*OTHERS, *PODS)}
    elsewhere = {each["metadata"].get("namespace", "default") for each in made} - labels.keys()
    places = [namespace(each, labels.get(each, {})) for each in {*labels, *elsewhere}]
    plane.apply(places)
    plane.apply([*made, *_accounts(made)])
    webhook.apply_policies({str(each): each for each in map(policy_for, FILES)}.values())
    for each in labels:
        _wait_for_account(plane, each)


def _beside(file: CheckFile) -> list[Manifest]:
    """Return what stands beside a file's object, but what Kubernetes has made itself."""
    return [each for each in file.beside if not each["metadata"]["name"].startswith("system:")]


def _accounts(made: list[Manifest]) -> Iterator[Manifest]:
    """Make the ServiceAccounts that files only name: the API server asks for them."""
    known = {
        (each["metadata"]["namespace"], each["metadata"]["name"])
        for each in made
        if each["kind"] == "ServiceAccount"
    }
    for file in PODS:
        spec = file.manifest["spec"]
        name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
        place = (namespace_for(file), name)
        if name != "default" and place not in known:
            known.add(place)
            metadata = {"namespace": place[0], "name": name}
            yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def _wait_for_account(plane: ControlPlane, place: str) -> None:
    get = ("get", "serviceaccount", "default", f"--namespace={place}", "--output=name")
    wait_for(lambda: plane.kubectl(*get, check=False).returncode == 0, f"{place}/default")


@pytest.mark.parametrize("file", [*PODS, *OTHERS], ids=lambda file: file.title)
def test_a_file_is_judged_with_what_stands_beside(api: Api, file: CheckFile) -> None:
    where = namespace_for(file)
    manifest = labelled(file)
    manifest["metadata"]["namespace"] = where
    if file.verdict == "fail":
        # The entries, and what the watches tell, take a moment to be in force.
        wait_for(lambda: not api.create(manifest, where, dry_run=True).is_success, "refused")
        message = api.create(manifest, where, dry_run=True).message
        for each in file.expected:
            assert each in message
    else:
        answers = []

        def passes() -> bool:
            answers.append(api.create(manifest, where, dry_run=True))
            return answers[-1].is_success

        wait_for(passes, f"admitted: {file.title}", timeout_s=20)
