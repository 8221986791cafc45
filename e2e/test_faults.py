"""Faults on a real API server: a hung webhook, a held watch, restarts, drains, new certificates."""

import http.client
import json
import os
import signal
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.api import Answer, Api, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.target import Cluster
from e2e.crd import install_crd
from e2e.load import Load
from e2e.proxy import Proxy
from e2e.webhook import Webhook
from tests.support.manifests import good_pod, pod, policy
from tests.support.reviews import review

STRICT = policy("strict", {"tier": "prod"}, enforcement="Enforce")
LATE = policy("late", {"tier": "late"}, enforcement="Enforce")
_CALLS = "apiserver_admission_webhook_admission_duration_seconds_count"


@pytest.fixture(scope="module")
def plane(cluster: Cluster) -> ControlPlane:
    if cluster.control_plane is None:
        pytest.skip("needs a cluster that the test may restart: REVET_E2E_CLUSTER=local")
    install_crd(cluster)
    return cluster.control_plane


@pytest.fixture
def api(plane: ControlPlane) -> Iterator[Api]:
    api = Api(plane)
    yield api
    api.close()


@pytest.fixture
def webhook(plane: ControlPlane) -> Iterator[Webhook]:
    with Webhook(plane, ["--drain=2"]) as running:
        running.apply_policies([STRICT])
        yield running


@pytest.fixture
def shop(webhook: Webhook, api: Api) -> Iterator[str]:
    """Give a namespace in which STRICT is in force."""
    name = webhook.plane.create_namespace({"tier": "prod"})
    wait_for(lambda: _is_refused(api, name), "entry in force")
    yield name
    webhook.plane.delete_namespace(name)


def _is_refused(api: Api, namespace: str) -> bool:
    return "2 findings" in api.create(pod("bad"), namespace, dry_run=True).message


def _calls(api: Api) -> float:
    """Count the calls of our entries that the API server has made."""
    text = api.send("GET", "/metrics").body
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith(_CALLS) and ".revet.dev" in line
    )


@pytest.fixture
def held(plane: ControlPlane) -> Iterator[tuple[Webhook, Proxy]]:
    """Give a webhook that sees the API server through a proxy."""
    with Proxy(plane.port) as proxy:
        kubeconfig = Path(plane.pki / "proxied.kubeconfig")
        kubeconfig.write_text(
            plane.kubeconfig.read_text().replace(f":{plane.port}", f":{proxy.port}")
        )
        with Webhook(plane, [f"--kubeconfig={kubeconfig}", "--stale-after=3"]) as running:
            yield running, proxy


def test_a_hung_webhook_delays_nobody_outside(
    webhook: Webhook, api: Api, shop: str, namespace: str
) -> None:
    called = _calls(api)
    webhook.suspend()
    try:
        started = time.monotonic()
        for _ in range(30):
            assert api.create(pod("free"), namespace, dry_run=True).is_success
        elapsed_s = time.monotonic() - started
        assert _calls(api) == called
        # A single call would have cost its time-out of two or five seconds.
        assert elapsed_s < 2
        refused = api.create(good_pod(), shop, dry_run=True)
        assert refused.status == 500
        assert 'failed calling webhook "' in refused.message
        assert _calls(api) > called
    finally:
        webhook.resume()
    assert api.create(good_pod(), shop, dry_run=True).is_success


def _times(webhook: Webhook, name: str) -> list[float]:
    return [line["ms"] for line in webhook.decisions() if line["name"] == name]


def test_what_the_watch_has_not_told_is_waited_for(
    held: tuple[Webhook, Proxy], api: Api, plane: ControlPlane
) -> None:
    webhook, proxy = held
    proxy.hold()
    try:
        plane.apply(LATE)
        webhook.apply_entries([LATE])
        late = plane.create_namespace({"tier": "late"})
        # Until the API server has the entry, it calls nobody; from then on nothing slips through.
        wait_for(lambda: api.create(pod(), late, dry_run=True).status == 403, "entry in force")
        unjudged = api.create(pod("unjudged"), late)
        assert unjudged.status == 403
        assert "was not judged: Revet has not yet seen the entry" in unjudged.message
        threading.Timer(0.5, proxy.release).start()
        judged = [api.create(each, late) for each in (pod("waited"), good_pod("fine"))]
    finally:
        proxy.release()
    assert [each.status for each in judged] == [403, 201]
    assert "2 findings, policy late (restricted)" in judged[0].message
    wait_for(lambda: _times(webhook, "waited"), "told in the log")
    waited = max(_times(webhook, "waited"))
    assert 100 < waited < 3500
    plane.delete_namespace(late)


def test_a_silent_watch_is_told(held: tuple[Webhook, Proxy], plane: ControlPlane) -> None:
    webhook, proxy = held

    def touch() -> None:
        # Something new on both watches.
        mark = str(time.monotonic())
        plane.kubectl("annotate", "--overwrite", "namespace", "default", f"touched={mark}")
        plane.apply(policy("late", {"tier": mark}))

    touch()
    wait_for(lambda: webhook.get("/readyz") == (200, "ok"), "ready")
    proxy.hold()
    try:
        wait_for(lambda: webhook.get("/readyz")[0] == 503, "not ready")
        reason = webhook.get("/readyz")[1]
        assert reason.startswith("the watch of ")
        assert "has been silent for " in reason
        assert webhook.metric("revet_cache_age_seconds") > 3
        assert webhook.get("/healthz") == (200, "ok")
        touch()
        assert webhook.get("/readyz")[0] == 503
    finally:
        proxy.release()
    wait_for(lambda: webhook.get("/readyz") == (200, "ok"), "ready again")


def test_a_restarted_api_server_is_watched_again(
    webhook: Webhook, plane: ControlPlane, shop: str
) -> None:
    plane.stop_apiserver()
    assert webhook.get("/healthz") == (200, "ok")
    plane.start_apiserver()
    api = Api(plane)
    wait_for(lambda: _is_refused(api, shop), "the old policy in force again")
    webhook.apply_policies([STRICT, LATE])
    late = plane.create_namespace({"tier": "late"})
    # Judged by the new policy: both watches have told of what came after the restart.
    wait_for(lambda: _is_refused(api, late), "new policy in force")
    api.close()
    plane.delete_namespace(late)


def test_after_a_crash_it_works_again(webhook: Webhook, api: Api, shop: str) -> None:
    webhook.kill()
    assert "connection refused" in api.create(good_pod(), shop, dry_run=True).message
    webhook.start()
    assert api.create(good_pod(), shop, dry_run=True).is_success
    assert _is_refused(api, shop)


def test_sigterm_drops_no_request(webhook: Webhook, shop: str) -> None:
    with Load(webhook.plane, shop) as load:
        load.wait_for_more(40)
        os.kill(webhook.pid, signal.SIGTERM)
        wait_for(lambda: webhook.get("/readyz") == (503, "draining"), "drain")
        load.wait_for_more(60)
        assert webhook.get("/readyz") == (503, "draining")
    assert load.failures == []
    wait_for(lambda: webhook.get("/healthz")[0] == 0, "end of the process")
    assert webhook.events()[-2:] == ["draining", "stopped"]


def test_sigterm_waits_for_the_answer_under_way(plane: ControlPlane) -> None:
    # The answer takes 3.5 s: it is under way when the drain ends.
    with Webhook(plane, ["--drain=1"]) as webhook:
        answers: list[Answer] = []
        asking = threading.Thread(target=lambda: answers.append(_ask_for_unknown(webhook)))
        asking.start()
        wait_for(lambda: _connections(webhook) > 0, "the call to be inside")
        os.kill(webhook.pid, signal.SIGTERM)
        asking.join()
        [answer] = answers
        assert answer.status == 200
        assert answer.body["response"]["allowed"] is False
        assert "was not judged" in str(answer.body)
        wait_for(lambda: webhook.get("/healthz")[0] == 0, "end of the process")


def _ask_for_unknown(webhook: Webhook) -> Answer:
    tls = ssl.create_default_context(cadata=webhook.plane.ca_pem.decode())
    connection = http.client.HTTPSConnection("127.0.0.1", webhook.port, timeout=10, context=tls)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/validate/0123456789ab", json.dumps(review(pod())), headers)
    response = connection.getresponse()
    answer = Answer(response.status, json.loads(response.read()))
    connection.close()
    return answer


def _connections(webhook: Webhook) -> int:
    """Count the established connections to the webhook's port, as the kernel knows them."""
    table = Path(f"/proc/{webhook.pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    local = f":{webhook.port:04X}"
    return sum(row.split()[1].endswith(local) and row.split()[3] == "01" for row in table)


def test_a_new_certificate_fails_no_call(webhook: Webhook, shop: str) -> None:
    with Load(webhook.plane, shop) as load:
        for turn in range(1, 4):
            load.wait_for_more(20)
            webhook.write_certificate()
            wait_for(
                lambda: webhook.metric("revet_certificate_reloads_total", result="ok") >= turn,  # noqa: B023
                "reload",
            )
            served = ssl.get_server_certificate(("127.0.0.1", webhook.port))
            assert served == webhook.certificate.read_text()
        load.wait_for_more(20)
    assert load.failures == []
