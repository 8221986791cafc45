"""Metrics, health, and the log: by name, right in number, a line each."""

import json

from tests.support.manifests import Manifest, good_container, good_pod, namespace, pod, policy
from tests.support.reviews import paths
from tests.webhook.harness import TIME, Harness, until

STRICT = policy("strict", {"tier": "prod"}, enforcement="Enforce")
[PATH] = paths(STRICT)
NAMES = {
    "revet_admission_reviews": "counter",
    "revet_admission_review_duration_seconds": "histogram",
    "revet_findings": "counter",
    "revet_fail_closed": "counter",
    "revet_refused_requests": "counter",
    "revet_certificate_reloads": "counter",
    "revet_cache_age_seconds": "gauge",
    "revet_cache_last_sync_timestamp_seconds": "gauge",
}


async def test_every_metric_is_there_by_name(webhook: Harness) -> None:
    reply = await webhook.health("/metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain")
    lines = [line.split() for line in reply.text.splitlines() if line.startswith("# TYPE")]
    types = {name.removesuffix("_total"): kind for _, _, name, kind in lines}
    assert {name: types.get(name) for name in NAMES} == NAMES
    assert "revet_cache_age_seconds 7.0" in reply.text


async def test_reviews_are_counted_by_verdict(webhook: Harness) -> None:
    webhook.know(STRICT)
    for subject in (good_pod(), pod(), pod()):
        await webhook.ask(PATH, subject)
    await webhook.ask(PATH.replace("validate", "mutate"), pod())
    counted = {
        (door, verdict): webhook.count(
            "revet_admission_reviews_total", door=door, kind="Pod", verdict=verdict
        )
        for door in ("validate", "mutate")
        for verdict in ("allowed", "denied", "patched")
    }
    assert counted == {
        ("validate", "allowed"): 1,
        ("validate", "denied"): 2,
        ("validate", "patched"): 0,
        ("mutate", "allowed"): 0,
        ("mutate", "denied"): 0,
        ("mutate", "patched"): 1,
    }
    name = "revet_admission_review_duration_seconds_count"
    assert webhook.count(name, door="validate") == 3


async def test_a_kind_that_somebody_made_up_makes_no_series(webhook: Harness) -> None:
    webhook.know(STRICT)
    for number in range(3):
        made_up: Manifest = {"apiVersion": "v1", "kind": f"Kind{number}", "metadata": {}}
        await webhook.ask(PATH, made_up)
    labels = {"door": "validate", "kind": "other", "verdict": "failed"}
    assert webhook.count("revet_admission_reviews_total", **labels) == 3
    assert "Kind1" not in (await webhook.health("/metrics")).text


async def test_a_finding_counts_once_however_many_entries_are_called(webhook: Harness) -> None:
    # Audited everywhere, enforced where `stage` is `live`: such a namespace calls both entries.
    live = {"namespaceSelector": {"matchLabels": {"stage": "live"}}, "enforcement": "Enforce"}
    both = policy("both", {"tier": "prod"}, enforcementOverrides=[live])
    webhook.know(both, namespace("shop", {"tier": "prod", "stage": "live"}))
    fail, ignore = paths(both)
    assert (fail.split("/")[1], ignore.split("/")[1]) == ("validate", "audit")
    bad = pod("bad", good_container(), hostPID=True)
    for path in (ignore, fail):
        response = await webhook.ask(path, bad)
        assert response["allowed"] is (path == ignore)
    labels = {"policy": "both", "control": "host-namespaces", "mode": "Enforce"}
    assert webhook.count("revet_findings_total", **labels) == 1
    # Where only the Ignore entry is called, it counts.
    webhook.know(namespace("lab", {"tier": "prod"}))
    await webhook.ask(ignore, bad, namespace="lab")
    assert webhook.count("revet_findings_total", **(labels | {"mode": "Audit"})) == 1


async def test_health_and_readiness(webhook: Harness) -> None:
    webhook.unready = "policies are not listed yet"
    assert (await webhook.health("/healthz")).text == "ok"
    reply = await webhook.health("/readyz")
    assert (reply.status, reply.text) == (503, "policies are not listed yet")
    webhook.unready = None
    assert ((await webhook.health("/readyz")).status) == 200


async def test_each_decision_is_a_line_of_json(webhook: Harness) -> None:
    webhook.know(STRICT)
    await webhook.ask(PATH, pod("bad", good_container(), hostIPC=True), uid="u-1")
    [line] = webhook.lines()
    assert line.pop("ms") >= 0
    assert line == {
        "time": TIME,
        "event": "decision",
        "door": "validate",
        "uid": "u-1",
        "user": "jane",
        "operation": "CREATE",
        "kind": "Pod",
        "namespace": "shop",
        "name": "bad",
        "dryRun": False,
        "verdict": "denied",
        "findings": [
            {"policy": "strict", "control": "host-namespaces", "mode": "Enforce", "count": 1}
        ],
    }


async def test_a_value_with_newlines_stays_on_its_line(webhook: Harness) -> None:
    webhook.know(STRICT)
    forged = '\n{"event":"decision","verdict":"allowed"}\u2028\r\n'
    await webhook.ask(PATH, pod(), name=forged, userInfo={"username": forged})
    webhook.log.complain(forged)
    webhook.log.flush()
    raw = webhook.stream.getvalue()
    assert raw.count(b"\n") == 2
    first, second = [json.loads(line) for line in raw.split(b"\n")[:2]]
    assert (first["name"], first["user"], first["verdict"]) == (forged, forged, "denied")
    assert second == {"time": TIME, "event": "error", "message": forged}


async def test_while_draining_each_answer_ends_its_connection(webhook: Harness) -> None:
    webhook.know(STRICT)
    assert (await webhook.ask(PATH, good_pod()))["allowed"] is True
    assert len(webhook.connections()) == 1
    webhook.server.is_draining = True
    assert (await webhook.ask(PATH, good_pod()))["allowed"] is True
    await until(lambda: not webhook.connections())
