"""What is taken in and what is refused, over real TLS, in each form that senders have."""

import base64
import gzip
import json
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from e2e.cluster.certificates import Authority
from revet.core.runtime.event import RuntimeEvent
from revet.core.runtime.pipeline import Result
from revet.ingest.worker import MOST_WAITING
from tests.ingest.harness import FALCO, HANDOVER, TOKEN, Harness, alert

DATA: Final = Path(__file__).parents[1] / "data" / "runtime"
MIB: Final = 1024 * 1024


async def test_one_alert(ingest: Harness) -> None:
    reply = await ingest.post(alert())
    assert (reply.status, json.loads(reply.text)) == (202, {"accepted": 1, "malformed": 0})
    await ingest.worker.rest()
    assert ingest.counts() == [1]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (json.dumps([alert(1), alert(2)]).encode(), {}),
        (b"\n".join(json.dumps(alert(each)).encode() for each in (1, 2)), {}),
        (
            b"\n".join(json.dumps(alert(each)).encode() for each in (1, 2)),
            {"Content-Type": "application/x-ndjson; charset=utf-8"},
        ),
        (gzip.compress(json.dumps([alert(1), alert(2)]).encode()), {"Content-Encoding": "gzip"}),
        (
            gzip.compress(json.dumps(alert(1)).encode() + b"\n")
            + gzip.compress(json.dumps(alert(2)).encode()),
            {"Content-Encoding": "gzip"},
        ),
        (
            json.dumps([{"specversion": "1.0", "data": alert(each)} for each in (1, 2)]).encode(),
            {"Content-Type": "application/cloudevents-batch+json"},
        ),
    ],
)
async def test_several_at_once(ingest: Harness, body: bytes, headers: dict[str, str]) -> None:
    assert (await ingest.post(body, headers=headers)).status == 202
    await ingest.worker.rest()
    assert ingest.counts() == [2]


async def test_cloudevents(ingest: Harness) -> None:
    cloud = {"specversion": "1.0", "type": "falco.rule.output.v1", "data": alert(1)}
    structured = await ingest.post(cloud, headers={"Content-Type": "application/cloudevents+json"})
    binary = await ingest.post(
        alert(2), headers={"ce-specversion": "1.0", "ce-type": "falco.rule.output.v1"}
    )
    assert (structured.status, binary.status) == (202, 202)
    await ingest.worker.rest()
    assert ingest.counts() == [2]


async def test_falcosidekicks_webhook(ingest: Harness) -> None:
    payload = {"uuid": "9b0f", "output": "a shell", **alert(), "tags": None}
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Falcosidekick"}
    assert (await ingest.post(payload, headers=headers)).status == 202
    # Each time it takes an alert in, it makes up another uuid.
    assert (await ingest.post({**payload, "uuid": "77aa"}, headers=headers)).status == 202
    await ingest.worker.rest()
    assert ingest.counts() == [1]


@pytest.mark.parametrize(
    ("source", "name", "count"),
    [
        ("falco", "falco.jsonl", 8),
        ("tetragon", "tetragon.jsonl", 7),
        ("k8s-audit", "k8s-audit.json", 7),
    ],
)
async def test_each_sensor(ingest: Harness, source: str, name: str, count: int) -> None:
    reply = await ingest.post((DATA / name).read_bytes(), f"/v1/ingest/{source}?timeout=30s")
    assert json.loads(reply.text) == {"accepted": count, "malformed": 0}
    await ingest.worker.rest()


async def test_an_empty_list_is_a_sign_of_life(ingest: Harness) -> None:
    assert (await ingest.post(b"[]")).status == 202
    await ingest.worker.rest()
    assert list(ingest.pipeline.feed.report().heard) == ["falco"]


async def test_a_line_that_cannot_be_read_does_not_spoil_the_others(ingest: Harness) -> None:
    body = json.dumps(alert()).encode() + b"\n{}\n"
    assert json.loads((await ingest.post(body)).text) == {"accepted": 1, "malformed": 1}
    assert ingest.lost() == {"malformed": 1}


@pytest.mark.parametrize(
    ("body", "status", "text", "headers"),
    [
        (b"", 400, "the body is empty", {}),
        (b"{", 400, "can't be read", {}),
        (b"{}", 400, "rule is missing", {}),
        (b"no gzip", 400, "no gzip", {"Content-Encoding": "gzip"}),
        (gzip.compress(b"{}")[:-4], 400, "ends too early", {"Content-Encoding": "gzip"}),
        (b"x", 415, "must be one of application/", {"Content-Type": "text/plain"}),
        (b"x", 415, "must be gzip, or none", {"Content-Encoding": "br"}),
        (b"1" * (MIB + 1), 413, "over 1048576 bytes", {}),
        (gzip.compress(b" " * (MIB + 1)), 413, "over 1048576", {"Content-Encoding": "gzip"}),
        (gzip.compress(b" " * 500 * MIB), 413, "over 1048576", {"Content-Encoding": "gzip"}),
        (b"{}\n" * 5001, 413, "at most 5000", {}),
    ],
)
async def test_what_is_refused(
    ingest: Harness, body: bytes, status: int, text: str, headers: dict[str, str]
) -> None:
    reply = await ingest.post(body, headers=headers)
    assert reply.status == status, reply.text
    assert text in reply.text
    assert ingest.worker.waiting == 0


async def test_a_body_of_the_most_bytes_is_read(ingest: Harness) -> None:
    body = json.dumps(alert()).encode()
    assert (await ingest.post(body + b" " * (MIB - len(body)))).status == 202


@pytest.mark.parametrize("path", ["/", "/v1/ingest/", "/v1/ingest/other", "/v1/ingest/falco/x"])
async def test_other_paths_are_not_served(ingest: Harness, path: str) -> None:
    reply = await ingest.post(alert(), path)
    assert (reply.status, "/v1/ingest/falco" in reply.text) == (404, True)


async def test_only_post(ingest: Harness) -> None:
    assert (await ingest.get(FALCO)).status == 405


@pytest.mark.parametrize(
    "header",
    ["", "Bearer wrong", "Bearer", "Basic !!", f"Basic {TOKEN}", f"Digest {TOKEN}", "Bearer a.b.c"],
)
async def test_who_is_not_known_is_refused(ingest: Harness, header: str) -> None:
    reply = await ingest.post(alert(), token="", headers={"Authorization": header})
    assert reply.status == 401
    assert TOKEN not in reply.text
    assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_in_the_url_is_sent_as_basic(ingest: Harness) -> None:
    header = base64.b64encode(f"falco:{TOKEN}".encode()).decode()
    assert (
        await ingest.post(alert(), token="", headers={"Authorization": f"Basic {header}"})
    ).status == 202


async def test_a_certificate_speaks_for_its_node(ingest: Harness) -> None:
    tls = ingest.tls("falco-node-a")
    assert (await ingest.post(alert(), token="", tls=tls)).status == 202
    reply = await ingest.post(alert(hostname="node-b"), token="", tls=tls)
    assert (reply.status, "speaks for node node-a" in reply.text) == (400, True)
    mixed = [alert(1), alert(2, hostname="node-b")]
    assert json.loads((await ingest.post(mixed, token="", tls=tls)).text)["accepted"] == 1
    await ingest.worker.rest()
    assert (ingest.counts(), ingest.lost()) == ([2], {"mismatch": 2})


async def test_a_node_without_pods_speaks_for_no_other(ingest: Harness) -> None:
    tls = ingest.tls("falco-node-x")
    assert (await ingest.post(alert(hostname="node-x"), token="", tls=tls)).status == 202
    await ingest.worker.rest()
    assert (ingest.counts(), ingest.lost()) == ([], {"mismatch": 1})


async def test_a_certificate_of_somebody_unknown_is_refused(ingest: Harness) -> None:
    assert (await ingest.post(alert(), token="", tls=ingest.tls("somebody"))).status == 401


async def test_a_certificate_of_another_authority_is_refused(ingest: Harness) -> None:
    refused = (OSError, aiohttp.ServerDisconnectedError)
    with pytest.raises(refused, match=r"(?i)unknown ca|reset|closed|disconnected"):
        await ingest.post(alert(), token="", tls=ingest.tls("falco-node-a", Authority()))


async def test_a_full_queue_takes_all_or_nothing(ingest: Harness) -> None:
    await ingest.stop_work()
    body = "\n".join(json.dumps(alert(each)) for each in range(4000)).encode()
    for _ in range(MOST_WAITING // 4000):
        assert (await ingest.post(body)).status == 202
    reply = await ingest.post(alert())
    assert (reply.status, reply.headers["Retry-After"]) == (429, "2")
    assert ingest.worker.waiting == MOST_WAITING
    assert ingest.lost() == {"queue-full": 1}


async def test_who_sends_too_much_waits(ingest: Harness) -> None:
    ingest.doorkeeper._rate = 2.0
    replies = [(await ingest.post(alert(each))).status for each in range(5)]
    assert replies == [202, 202, 202, 202, 429]
    # Others are not made to wait, and a second later neither is this one.
    other = await ingest.post(alert(9), token="", tls=ingest.tls("falco-node-a"))
    ingest.clock.now += 1
    again = await ingest.post(alert(10))
    assert (other.status, again.status) == (202, 202)
    assert ingest.lost() == {"rate-limit": 1}


async def test_the_operator_gets_what_is_newer(ingest: Harness) -> None:
    await ingest.post(alert(1))
    await ingest.worker.rest()
    first = json.loads((await ingest.get("/v1/handover")).text)
    assert [each["count"] for each in first["findings"]] == [1]
    after = f"/v1/handover?after={first['instance']}:{first['version']}"
    assert json.loads((await ingest.get(after)).text)["findings"] == []
    await ingest.post(alert(2))
    await ingest.worker.rest()
    assert len(json.loads((await ingest.get(after)).text)["findings"]) == 1
    other = f"/v1/handover?after=another:{first['version']}"
    assert len(json.loads((await ingest.get(other)).text)["findings"]) == 1


@pytest.mark.parametrize("token", ["", TOKEN, HANDOVER[:-1]])
async def test_nobody_else_does(ingest: Harness, token: str) -> None:
    assert (await ingest.get("/v1/handover", token)).status == 401


async def test_an_error_of_ours_stops_no_other_event(
    ingest: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = ingest.pipeline.take
    odd = ZeroDivisionError("odd")

    def take_or_fail(event: RuntimeEvent, now: float) -> Result:
        if event.rule == "odd":
            raise odd
        return take(event, now)

    monkeypatch.setattr(ingest.pipeline, "take", take_or_fail)
    await ingest.post([alert(1, rule="odd"), alert(2)])
    await ingest.worker.rest()
    assert (ingest.counts(), ingest.failures) == ([1], [odd])


async def test_metrics_have_no_pods(ingest: Harness) -> None:
    await ingest.post(alert())
    await ingest.worker.rest()
    text = ingest.metrics.expose().decode()
    assert 'revet_ingest_events_total{result="matched",source="falco"} 1.0' in text
    assert 'revet_runtime_findings_total{policy="p",severity="medium",source="falco"} 1.0' in text
    assert "web-1" not in text
    assert "shell" not in text
