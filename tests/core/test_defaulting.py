"""What set_defaults fills in, and what it leaves alone."""

from copy import deepcopy
from typing import Any

import pytest

from revet.core.check import Level
from revet.core.checks import ALL
from revet.core.defaulting import set_defaults
from revet.core.engine import evaluate, select_level
from revet.core.model.version import LATEST
from tests.support.check_files import read_manifest
from tests.support.manifests import WORKLOADS, pod, workload

PORT = {"containerPort": 8080}
PREFIXES = dict.fromkeys(WORKLOADS, "/spec/template") | {
    "PodTemplate": "/template",
    "CronJob": "/spec/jobTemplate/spec/template",
}


def failing(manifest: dict[str, Any], level: Level) -> set[str]:
    checks = select_level(ALL, level, LATEST)
    return {each.control for each in evaluate(read_manifest(manifest).pod(), checks)}


@pytest.mark.parametrize("volume", [{}, {"emptyDir": None}, {"hostPath": None}, {"notYetKnown": 1}])
def test_a_volume_without_a_source_is_an_empty_dir(volume: dict[str, Any]) -> None:
    manifest = pod("web", volumes=[{"name": "scratch"} | volume])
    assert "volume-types" in failing(manifest, Level.RESTRICTED)
    set_defaults(manifest)
    assert manifest["spec"]["volumes"] == [{"name": "scratch"} | volume | {"emptyDir": {}}]
    assert "volume-types" not in failing(manifest, Level.RESTRICTED)


@pytest.mark.parametrize("source", ["hostPath", "nfs", "secret", "downwardAPI", "scaleIO"])
def test_a_volume_keeps_its_source(source: str) -> None:
    manifest = pod("web", volumes=[{"name": "data", source: {}}])
    before = deepcopy(manifest)
    set_defaults(manifest)
    assert manifest == before


@pytest.mark.parametrize("given", [{}, {"hostPort": None}, {"hostPort": 0}])
def test_on_the_hosts_network_a_port_is_a_host_port(given: dict[str, Any]) -> None:
    containers = [{"name": "web", "ports": [PORT | given, PORT | {"hostPort": 80}]}]
    manifest: dict[str, Any] = {"spec": {"hostNetwork": True, "initContainers": containers}}
    set_defaults(manifest)
    ports = [PORT | {"hostPort": 8080}, PORT | {"hostPort": 80}]
    assert manifest["spec"]["initContainers"] == [{"name": "web", "ports": ports}]


def test_host_ports_are_found_after_defaulting_only() -> None:
    manifest = pod("web", {"name": "web", "ports": [PORT]}, hostNetwork=True)
    assert failing(manifest, Level.BASELINE) == {"host-namespaces"}
    set_defaults(manifest)
    assert failing(manifest, Level.BASELINE) == {"host-namespaces", "host-ports"}


@pytest.mark.parametrize("host_network", [False, None])
def test_on_the_pods_own_network_a_port_stays(*, host_network: bool | None) -> None:
    manifest = pod("web", {"name": "web", "ports": [PORT]}, hostNetwork=host_network)
    before = deepcopy(manifest)
    set_defaults(manifest)
    assert manifest == before


def test_ephemeral_containers_get_no_host_ports() -> None:
    debug = {"name": "debug", "ports": [dict(PORT)]}
    manifest = pod("web", hostNetwork=True, ephemeralContainers=[debug])
    set_defaults(manifest)
    assert debug["ports"] == [PORT]


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_template_gets_its_volumes_but_no_host_ports(kind: str) -> None:
    manifest = workload(kind, "web", {"name": "web", "ports": [dict(PORT)]})
    spec = manifest
    for token in [*PREFIXES[kind].split("/")[1:], "spec"]:
        spec = spec[token]
    spec |= {"hostNetwork": True, "volumes": [{"name": "scratch"}]}
    assert read_manifest(manifest).prefix == PREFIXES[kind]
    set_defaults(manifest, PREFIXES[kind])
    assert spec["volumes"] == [{"name": "scratch", "emptyDir": {}}]
    assert spec["containers"] == [{"name": "web", "ports": [PORT]}]


@pytest.mark.parametrize(
    "manifest",
    [
        None,
        [],
        {},
        {"spec": None},
        {"spec": []},
        {"spec": {"volumes": {}, "hostNetwork": True, "containers": [None, "web"]}},
        {"spec": {"volumes": [None, 1], "hostNetwork": "yes", "containers": [{"ports": [PORT]}]}},
        {"spec": {"hostNetwork": True, "containers": [{"ports": 80}, {"ports": [80]}]}},
    ],
)
def test_what_is_no_pod_is_left_to_the_decoder(manifest: Any) -> None:  # noqa: ANN401 -- on purpose
    before = deepcopy(manifest)
    set_defaults(manifest)
    assert manifest == before


def test_defaulting_twice_is_defaulting_once() -> None:
    container = {"name": "web", "ports": [PORT | {"hostPort": 0}]}
    manifest = pod("web", container, hostNetwork=True, volumes=[{"name": "scratch"}])
    set_defaults(manifest)
    once = deepcopy(manifest)
    set_defaults(manifest)
    assert manifest == once
