"""The measuring tools themselves: a wrong answer must never count as a fast one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.apiserver import LABEL, Variant, measure, render_webhook
from bench.review import read_pod, read_review
from bench.servers import Server, Site, start_reference
from bench.traffic import Target, TrafficError, send
from bench.usage import Meter
from e2e.cluster.certificates import Authority
from e2e.cluster.controlplane import ControlPlane


@pytest.fixture
def site(control_plane: ControlPlane) -> Site:
    made = Site(control_plane)
    made.write_certificate()
    return made


@pytest.fixture(params=["noop", "psa"])
def reference(site: Site, request: pytest.FixtureRequest) -> Iterator[Server]:
    with start_reference(site, request.param) as server:
        yield server


@pytest.fixture
def target(site: Site, reference: Server, tmp_path: Path) -> Target:
    review = tmp_path / "review.json"
    review.write_bytes(read_review())
    return Target(f"{reference.url}/validate", review, site.authority, allowed=True)


def test_closed_loop_counts_every_answer(target: Target, reference: Server) -> None:
    meter = Meter(reference.cpu_s)
    traffic = send(target, connections=2, seconds=0.5, ready=meter.start)
    assert traffic.requests > 50
    assert 0 < traffic.p50_ms <= traffic.p99_ms <= traffic.max_ms
    assert 0 < meter.read() <= reference.cpu_s()


def test_pace_is_kept_by_the_clock(target: Target) -> None:
    traffic = send(target, connections=4, seconds=1, rate=100)
    assert traffic.requests == 101, "one is due at the start and one at the end"


def test_another_verdict_is_an_error(target: Target) -> None:
    with pytest.raises(TrafficError, match="allowed false, got"):
        send(replace(target, allowed=False), connections=1, seconds=0.1)


def test_another_status_is_an_error(target: Target) -> None:
    with pytest.raises(TrafficError, match="want status 201, got 200"):
        send(replace(target, status=201), connections=1, seconds=0.1)


def test_another_authority_is_an_error(target: Target, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.crt"
    stranger.write_bytes(Authority().ca_pem)
    with pytest.raises(TrafficError, match="failed to verify certificate"):
        send(replace(target, authority=stranger), connections=1, seconds=0.1)


@pytest.mark.parametrize("reference", ["psa"], indirect=True)
def test_the_reference_judges(target: Target) -> None:
    review = target.body.read_bytes()
    target.body.write_bytes(review.replace(b'"runAsNonRoot":true', b'"runAsNonRoot":false'))
    with pytest.raises(TrafficError, match=r"securityContext\.runAsNonRoot=false"):
        send(target, connections=1, seconds=0.1)


@pytest.mark.parametrize("reference", ["noop"], indirect=True)
def test_a_webhook_that_is_not_called_is_an_error(
    site: Site, reference: Server, control_plane: ControlPlane, tmp_path: Path
) -> None:
    pod = tmp_path / "pod.json"
    pod.write_bytes(read_pod())
    name = "called.bench.revet.dev"
    configuration = render_webhook(site, name, f"{reference.url}/validate", "called")
    control_plane.apply(configuration)
    namespace = control_plane.create_namespace({LABEL: "called"})
    try:
        called = Variant("called", namespace, (name,))
        (sample,) = measure(site, [called], pod, rounds=1, seconds=0.3)["called"]
        assert sample.traffic.requests > 0
        assert sample.cpu_us > 0
        with pytest.raises(TrafficError, match="the API server made"):
            measure(site, [replace(called, webhooks=())], pod, rounds=1, seconds=0.3)
    finally:
        control_plane.kubectl("delete", "validatingwebhookconfiguration", name)
        control_plane.delete_namespace(namespace)
