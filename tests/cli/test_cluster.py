"""What `revet check --cluster` says of what it may not read or can't finish; e2e has the rest."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import jsonschema
import pytest

from revet.adapters.kube import Collection, Kube, KubeError
from revet.cli.check import cluster as module
from revet.cli.check.cluster import ClusterError, ClusterQuestion, check_cluster
from revet.cli.check.output import FORMATS
from revet.cli.check.output.text import Style, render_text
from revet.cli.check.report import Exit, Report
from revet.cli.load import Document
from revet.cli.load.cluster import Cluster
from revet.core.kinds import BY_NAME, Kind
from revet.core.model.mode import Mode
from tests.cli.conftest import Ask

SCHEMA: Final = json.loads(
    (Path(__file__).parents[2] / "docs/schemas/check.schema.json").read_text(encoding="utf-8")
)
_POD: Final = {"hostPID": True, "containers": [{"name": "app", "image": "r.example/app:1"}]}


def _owned(kind: str, number: int = 0, **metadata: object) -> dict[str, Any]:
    owner = {"apiVersion": "v1", "kind": kind, "name": "owner", "uid": "1", "controller": True}
    names = {"name": f"pod-{number}", "namespace": "shop", "ownerReferences": [owner]}
    return {"metadata": {**names, **metadata}, "spec": _POD}


@dataclass
class _Kube:
    """An API server that holds little, and refuses to read some kinds with a status."""

    held: dict[str, list[list[dict[str, Any]]]] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    asked: list[Collection] = field(default_factory=list)

    async def pages(self, collection: Collection) -> AsyncIterator[tuple[Sequence[bytes], str]]:
        self.asked.append(collection)
        plural = collection.path.rpartition("/")[2]
        for page in self.held.get(plural, ()):
            yield [json.dumps(each).encode() for each in page], "1"
        if plural in self.refused:
            raise KubeError(f"{plural}: no", self.refused[plural])

    async def list(self, collection: Collection) -> tuple[Sequence[bytes], str]:
        return [each async for page, _ in self.pages(collection) for each in page], "1"


def _check(monkeypatch: pytest.MonkeyPatch, kube: _Kube, *policies: str) -> Report:
    kube.held.setdefault("namespaces", [[{"metadata": {"name": "shop"}}]])

    @contextmanager
    def open_fake(kubeconfig: str) -> Iterator[Cluster]:
        assert kubeconfig == "here"
        with asyncio.Runner() as runner:
            yield Cluster(runner, cast("Kube", kube))

    monkeypatch.setattr(module, "open_cluster", open_fake)
    return check_cluster(ClusterQuestion("here", policies))


def test_a_list_that_breaks_off_is_an_error_and_the_rest_is_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"type": "NodePort"}}
    held = {"pods": [[_owned("ReplicaSet")]], "services": [[service]]}
    report = _check(monkeypatch, _Kube(held, {"pods": 410}), "restricted")
    assert [each.message for each in report.problems] == ["pods in all namespaces: pods: no"]
    assert {each.kind for each in report.objects} == {"Namespace", "Pod", "Service"}
    assert report.exit(Mode.ENFORCE) is Exit.BAD_INPUT


@pytest.mark.parametrize("status", [0, 401])
def test_without_a_server_there_is_no_answer(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with pytest.raises(KubeError):
        _check(monkeypatch, _Kube(refused={"pods": status}), "restricted")


def test_a_kind_that_is_not_there_is_nothing_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    report = _check(monkeypatch, _Kube(refused={"gateways": 404}), "restricted")
    assert (report.left_out, report.problems) == ((), ())


def test_without_the_policies_nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterError, match="revet-policy-viewer"):
        _check(monkeypatch, _Kube(refused={"hardeningpolicies": 403}))
    report = _check(monkeypatch, _Kube(refused={"hardeningpolicies": 404}))
    assert [each.name for each in report.policies] == ["restricted"]


def test_what_stands_beside_and_may_not_be_read_leaves_objects_undecided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kube = _Kube({"pods": [[_owned("ReplicaSet")]]}, {"rolebindings": 403})
    left = {each.text: each.undecided for each in _check(monkeypatch, kube, "restricted").left_out}
    assert left.pop("rolebindings in all namespaces may not be read")
    assert left
    assert all(left.values())
    assert all("by automount-sa-token: needs " in each for each in left)


def test_secrets_are_asked_for_by_type_and_without_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = {"metadata": {"name": "token", "namespace": "shop"}}
    kube = _Kube({"secrets": [[token]]})
    report = _check(monkeypatch, kube, "restricted")
    assert "sa-long-lived-token" in {each.control for each in report.findings}
    (asked,) = (each for each in kube.asked if each.path.endswith("/secrets"))
    assert asked.metadata_only
    assert asked.fields == "type=kubernetes.io/service-account-token"


def test_only_a_page_is_held() -> None:
    kube = _Kube({"pods": [[_owned("ReplicaSet", page)] for page in range(3)]})
    kind: Kind = BY_NAME["Pod"]
    with asyncio.Runner() as runner:
        found: Iterator[Document] = Cluster(runner, cast("Kube", kube)).documents(kind)
        names = [next(found).value["metadata"]["name"]]
        # What is asked for only now is not there any more.
        del kube.held["pods"][2]
        names += (each.value["metadata"]["name"] for each in found)
    assert names == ["pod-0", "pod-1"]


def test_pods_of_one_controller_stand_together(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = [_owned("ReplicaSet", number) for number in range(3)]
    report = _check(monkeypatch, _Kube({"pods": [pods]}), "restricted")
    text = render_text(report, Mode.ENFORCE, Style())
    assert text.count("\nPod shop/") == 1
    assert "\nPod shop/pod-0 and 2 more of ReplicaSet owner\n  Enforce  host-namesp" in text
    first, *others = (each.findings for each in report.objects if each.kind == "Pod")
    assert [each is first for each in others] == [True, True]


def test_every_form_takes_what_stands_in_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    report = _check(monkeypatch, _Kube({"pods": [[_owned("ReplicaSet")]]}), "restricted")
    texts = {name: render(report, Mode.ENFORCE) for name, render in FORMATS.items()}
    found = json.loads(texts["json"])
    jsonschema.validate(found, SCHEMA)
    places = {(each["file"], each["line"], each["column"]) for each in found["findings"]}
    assert places == {("<cluster>", None, None)}
    assert "startLine" not in texts["sarif"]
    assert "&lt;cluster&gt;: Enforce: host-namespaces" in texts["junit"]


_MIRROR: Final = {"kubernetes.io/config.mirror": "1"}


def test_what_a_node_mirrors_is_told_in_a_cluster_and_refused_in_a_file(
    monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    pod = _owned("Node", annotations=_MIRROR)
    report = _check(monkeypatch, _Kube({"pods": [[pod]]}), "restricted")
    mirrored = [each for each in report.objects if each.kind == "Pod"]
    assert {each.mode for each in mirrored[0].findings} == {Mode.AUDIT}
    assert not any(each.patched for each in mirrored[0].findings)
    # In a file anybody may have written that.
    report = ask(json.dumps({"apiVersion": "v1", "kind": "Pod", **pod}))
    assert Mode.ENFORCE in {each.mode for each in report.findings}
