"""read-only-rootfs gives containers emptyDirs: once each, clashing with and hiding nothing."""

import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytest

from revet.core.checks import read_only_rootfs
from revet.core.engine import ActiveCheck, evaluate, mend
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod
from revet.core.model.settings import Settings
from revet.core.model.version import LATEST
from revet.core.patch import Operation
from revet.core.workload import read
from tests.support.rfc6902 import apply_patch

Manifest = dict[str, Any]
TMP = "/tmp"  # noqa: S108 -- in a container
EMPTY_DIR = {"emptyDir": {"sizeLimit": "64Mi"}}


def _pod(*containers: Manifest, **spec: object) -> Manifest:
    return {"metadata": {"name": "web"}, "spec": {"containers": list(containers)} | spec}


def _active(paths: Sequence[str]) -> ActiveCheck:
    revision = read_only_rootfs.CHECK.revision(LATEST)
    assert revision is not None
    return ActiveCheck(
        "read-only-rootfs",
        revision.bind(Settings(writable_paths=tuple(paths))),
        Mode.ENFORCE,
        patch=True,
    )


def _mend(manifest: Manifest, *paths: str) -> tuple[Manifest, list[Operation]]:
    """Patch a copy, by the operations alone; nothing may be left to do."""
    active = _active(paths)
    mended = deepcopy(manifest)
    template, operations = mend(mended, "", [active])
    patched: Manifest = apply_patch(manifest, operations)
    assert patched == mended
    assert mend(deepcopy(patched), "", [active])[1] == []
    for container in (*patched["spec"]["containers"], *patched["spec"].get("initContainers", ())):
        mounted = [each["mountPath"] for each in container.get("volumeMounts") or ()]
        assert len(mounted) == len(set(mounted))
    names = [each["name"] for each in patched["spec"].get("volumes") or ()]
    assert len(names) == len(set(names))
    assert evaluate(Pod(template), [active]) == [] or operations == []
    return patched, operations


def _volumes(manifest: Manifest) -> dict[str, Manifest]:
    return {each.pop("name"): each for each in deepcopy(manifest["spec"].get("volumes") or [])}


def _mounts(manifest: Manifest, container: int = 0) -> dict[str, str]:
    mounts = manifest["spec"]["containers"][container].get("volumeMounts") or ()
    return {each["mountPath"]: each["name"] for each in mounts}


def test_without_paths_nothing_is_patched() -> None:
    assert _mend(_pod({"name": "app"}))[1] == []


@pytest.mark.parametrize(
    "extra", [{}, {"volumeMounts": None}, {"volumeMounts": []}, {"securityContext": None}]
)
@pytest.mark.parametrize("spec", [{}, {"volumes": None}, {"volumes": []}])
def test_parents_that_are_missing_are_made(extra: Manifest, spec: Manifest) -> None:
    patched, _ = _mend(_pod({"name": "app"} | extra, **spec), TMP)
    assert _volumes(patched) == {"revet-tmp": EMPTY_DIR}
    assert _mounts(patched) == {TMP: "revet-tmp"}
    assert patched["spec"]["containers"][0]["securityContext"] == {"readOnlyRootFilesystem": True}


def test_what_somebody_wrote_is_left_alone() -> None:
    said = {"name": "app", "securityContext": {"readOnlyRootFilesystem": False}}
    assert _mend(_pod(said), TMP)[1] == []
    done = {"name": "app", "securityContext": {"readOnlyRootFilesystem": True}}
    assert _mend(_pod(done), TMP)[1] == []
    windows = _pod({"name": "app"}, os={"name": "windows"})
    assert _mend(windows, TMP)[1] == []


def test_all_containers_share_one_volume_for_each_path() -> None:
    manifest = _pod({"name": "a"}, {"name": "b"}, initContainers=[{"name": "i"}])
    patched, operations = _mend(manifest, TMP, "/var/cache/nginx")
    assert _volumes(patched) == {"revet-tmp": EMPTY_DIR, "revet-var-cache-nginx": EMPTY_DIR}
    assert (
        _mounts(patched, 0)
        == _mounts(patched, 1)
        == {
            TMP: "revet-tmp",
            "/var/cache/nginx": "revet-var-cache-nginx",
        }
    )
    assert len([each for each in operations if each["path"] == "/spec/volumes/-"]) == 2


def test_a_container_that_came_later_gets_the_volume_that_is_there() -> None:
    patched, _ = _mend(_pod({"name": "a"}), TMP)
    patched["spec"]["containers"].append({"name": "sidecar"})
    again, operations = _mend(patched, TMP)
    assert _volumes(again) == {"revet-tmp": EMPTY_DIR}
    assert _mounts(again, 1) == {TMP: "revet-tmp"}
    assert all(each["path"].startswith("/spec/containers/1/") for each in operations)


def test_a_volume_of_the_same_name_that_is_none_of_ours_is_not_touched() -> None:
    theirs = {"name": "revet-tmp", "persistentVolumeClaim": {"claimName": "data"}}
    also = {"name": "revet-tmp-2", "configMap": {"name": "c"}}
    patched, _ = _mend(_pod({"name": "app"}, volumes=[theirs, also]), TMP)
    assert patched["spec"]["volumes"][:2] == [theirs, also]
    assert _volumes(patched)["revet-tmp-3"] == EMPTY_DIR
    assert _mounts(patched) == {TMP: "revet-tmp-3"}


def test_an_empty_dir_of_the_same_name_is_used_as_it_is() -> None:
    theirs = {"name": "revet-tmp", "emptyDir": {"medium": "Memory"}}
    patched, _ = _mend(_pod({"name": "app"}, volumes=[theirs]), TMP)
    assert patched["spec"]["volumes"] == [theirs]
    assert _mounts(patched) == {TMP: "revet-tmp"}


@pytest.mark.parametrize(
    ("mounted", "path"),
    [
        (TMP, TMP),
        (f"{TMP}/", TMP),
        ("//tmp", TMP),
        ("tmp", TMP),
        ("/var/cache", "/var/cache/nginx"),
        ("/", TMP),
        ("/var/run", "/run"),
        ("/run", "/var/run/nginx"),
    ],
)
def test_a_path_inside_of_a_volume_is_left_to_it(mounted: str, path: str) -> None:
    mount = {"name": "data", "mountPath": mounted}
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    manifest = _pod({"name": "app", "volumeMounts": [mount]}, volumes=[volume])
    patched, _ = _mend(manifest, path)
    assert patched["spec"]["volumes"] == [volume]
    assert _mounts(patched) == {mounted: "data"}
    assert patched["spec"]["containers"][0]["securityContext"] == {"readOnlyRootFilesystem": True}


def test_a_path_beside_or_around_a_volume_gets_its_own() -> None:
    mount = {"name": "data", "mountPath": "/var/lib/data"}
    volume = {"name": "data", "emptyDir": {}}
    manifest = _pod({"name": "app", "volumeMounts": [mount]}, volumes=[volume])
    patched, _ = _mend(manifest, "/var/lib/data2", "/var/lib")
    # /var/lib holds /var/lib/data2: one volume does for both.
    assert _mounts(patched) == {"/var/lib/data": "data", "/var/lib": "revet-var-lib"}


@pytest.mark.parametrize(
    "paths",
    [
        ("/a-b", "/a/b"),
        ("/A", "/a"),
        ("/a_b", "/a.b", "/a b"),
        tuple(f"/{'x' * 80}{end}" for end in "12"),
        ("/\u00e4", "/\u00f6"),
        ("/a/b", "/a-/b", "/a--b"),
    ],
)
def test_each_path_has_a_volume_of_its_own_with_a_valid_name(paths: tuple[str, ...]) -> None:
    patched, _ = _mend(_pod({"name": "app"}), *paths)
    names = list(_volumes(patched))
    assert len(names) == len(paths)
    assert set(_mounts(patched)) == set(paths)
    for name in names:
        assert len(name) <= 63
        assert name.isascii()
        assert name == name.lower()
        assert name.replace("-", "").isalnum()
        assert not name.endswith("-")


def test_two_policies_with_the_same_path_make_one_volume() -> None:
    manifest = _pod({"name": "app"})
    _, operations = mend(manifest, "", [_active([TMP]), _active([TMP, "/run"])])
    assert _mounts(manifest) == {TMP: "revet-tmp", "/run": "revet-run"}
    assert len(manifest["spec"]["volumes"]) == 2
    assert mend(manifest, "", [_active([TMP]), _active([TMP, "/run"])])[1] == []
    assert operations


def test_ephemeral_containers_are_not_patched() -> None:
    manifest = _pod({"name": "app"}, ephemeralContainers=[{"name": "debug"}])
    mended = deepcopy(manifest)
    _, operations = mend(mended, "", [_active([TMP])])
    assert apply_patch(manifest, operations) == mended
    assert mended["spec"]["ephemeralContainers"] == [{"name": "debug"}]
    pod = read("", "Pod", json.dumps(mended).encode()).pod()
    found = evaluate(pod, [_active([TMP])])
    assert [each.container for each in found] == ["debug"]
