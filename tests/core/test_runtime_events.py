"""Every shape in which sensors' events come, and what is read of them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from revet.core.model.policy_runtime import Effect, Severity
from revet.core.runtime.envelope import MOST_EVENTS, TooManyError, split, split_lists
from revet.core.runtime.event import EventError, Kind, RuntimeEvent, redact
from revet.core.runtime.falco import read_falco
from revet.core.runtime.k8s_audit import read_k8s_audit
from revet.core.runtime.tetragon import read_tetragon

DATA: Final = Path(__file__).parents[1] / "data" / "runtime"
NOW: Final = 1_800_000_000.0
JSON: Final = "application/json"
POD: Final = ("shop", "web-5d9c-abcde")


def _read(name: str, read: Callable[[bytes, float], RuntimeEvent]) -> list[RuntimeEvent]:
    items = split((DATA / name).read_bytes(), JSON)
    return [read(each, NOW) for each in split_lists(items)]


def test_falco() -> None:
    shell, host, unknown, capital, drop, snapshot, audit, sandbox = _read("falco.jsonl", read_falco)
    assert (shell.rule, shell.severity) == ("Terminal shell in container", Severity.MEDIUM)
    assert (shell.namespace, shell.pod, shell.container) == (*POD, "app")
    assert (shell.node, shell.executable, shell.process) == ("node-a", "/bin/bash", "bash -i")
    assert shell.at == pytest.approx(1795334400.123456)
    assert host.is_host
    assert (host.container_id, host.container) == ("", "")
    assert (unknown.severity, unknown.pod, unknown.container_id) == (
        Severity.CRITICAL,
        "",
        "fedcba987654",
    )
    assert (capital.rule, capital.severity) == ("Write below etc", Severity.HIGH)
    assert (drop.kind, snapshot.kind) == (Kind.LOSS, Kind.ALIVE)
    assert (audit.namespace, audit.pod, audit.subject) == (*POD, "")
    assert (sandbox.is_routine, sandbox.severity) == (True, Severity.INFO)
    assert "s3cr3t" not in sandbox.process
    assert "kim:pw" not in sandbox.process


def test_what_falcosidekick_adds_does_not_make_another_event() -> None:
    alert = json.loads((DATA / "falco.jsonl").read_text().splitlines()[0])
    sent = read_falco(json.dumps(alert).encode(), NOW)
    fields = dict(reversed(alert["output_fields"].items()))
    again = {**alert, "uuid": "x", "output": "other", "output_fields": fields}
    assert read_falco(json.dumps(again).encode(), NOW + 5).key == sent.key
    assert read_falco(json.dumps({**alert, "hostname": "b"}).encode(), NOW).key != sent.key


def test_tetragon() -> None:
    run, killed, denied, seen, throttle, limit, newer = _read("tetragon.jsonl", read_tetragon)
    assert (run.rule, run.is_routine, run.pod_uid) == ("process_exec", True, "uid-web")
    assert len(run.container_id) == 64
    assert (killed.rule, killed.effect, killed.severity) == (
        "block-fileless-exec",
        Effect.KILLED,
        Severity.HIGH,
    )
    assert len(killed.container_id) == 31
    assert (denied.effect, denied.severity) == (Effect.DENIED, Severity.CRITICAL)
    assert (denied.pod, denied.is_host) == ("", False)
    assert (seen.severity, seen.is_host) == (Severity.MEDIUM, True)
    assert {throttle.kind, limit.kind} == {Kind.LOSS}
    assert newer.kind is Kind.ALIVE


def test_the_audit_log() -> None:
    received, started, complete, read, kubelet, bound, plain = _read(
        "k8s-audit.json", read_k8s_audit
    )
    assert received.kind is Kind.ALIVE
    assert (started.rule, started.severity) == ("create pods/exec", Severity.HIGH)
    assert (started.namespace, started.pod) == POD
    # One deed has two stages that count.
    assert started.key == complete.key
    assert (read.rule, read.severity, read.subject) == (
        "get secrets",
        Severity.MEDIUM,
        "secrets/db",
    )
    assert kubelet.severity is Severity.INFO
    assert (bound.severity, bound.effect, bound.process) == (Severity.HIGH, Effect.DENIED, "root")
    assert bound.tags == ("decision:forbid",)
    assert plain.kind is Kind.ALIVE


def test_a_time_that_lies_ahead_is_now() -> None:
    alert = {"rule": "r", "priority": "Error", "time": "2099-01-01T00:00:00Z"}
    assert read_falco(json.dumps(alert).encode(), NOW).at == NOW
    assert read_falco(json.dumps({**alert, "time": 17}).encode(), NOW).at == NOW


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"[]",
        b'{"rule": 5}',
        b'{"rule": "r", "priority": "loud"}',
        b'{"rule": "r"',
        b'{"rule": "\xff"}',
        b'{"rule": "r", "priority": "Error", "x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"rule": "r", "priority": "Error", "output_fields":' + b'{"a":' * 50_000,
    ],
)
def test_what_is_no_alert_is_refused(data: bytes) -> None:
    with pytest.raises(EventError):
        read_falco(data, NOW)


@pytest.mark.parametrize("read", [read_tetragon, read_k8s_audit])
@pytest.mark.parametrize(
    "data", [b"{}", b"[]", b"5", b'{"process_exec": 5}', b"{", b'{"time": "\xff"}']
)
def test_what_is_no_event_is_refused(
    read: Callable[[bytes, float], RuntimeEvent], data: bytes
) -> None:
    with pytest.raises(EventError):
        read(data, NOW)


def test_what_cannot_be_seen_is_left_out_and_texts_are_cut() -> None:
    alert: dict[str, Any] = {
        "rule": "a\x00b\u202ec" + "x" * 500,
        "priority": "Error",
        "output_fields": {"proc.cmdline": "sh\x1b[2J " + "y" * 5000},
    }
    event = read_falco(json.dumps(alert).encode(), NOW)
    assert event.rule == "abc" + "x" * 250
    assert event.process.startswith("sh[2J y")
    assert len(event.process) == 256


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("mysql --password=hunter2 -h db", "hunter2"),
        ("curl -H 'Authorization: Bearer abc.def' x", "abc.def"),
        ("env DB_TOKEN=abc run", "abc"),
        ("login --api-key k9 now", "k9"),
        ("git clone https://kim:pw9@example.com/x", "pw9"),
        ('run --secret "two words"', "two words"),
    ],
)
def test_secrets_are_left_out_of_command_lines(line: str, secret: str) -> None:
    assert secret not in redact(line)


ONE: Final = b'{"a": 1}'


@pytest.mark.parametrize(
    ("body", "media_type", "count"),
    [
        (ONE, JSON, 1),
        (b'{\n "a": 1\n}\n', JSON, 1),
        (b" [" + ONE + b"," + ONE + b"]", JSON, 2),
        (b"[]", JSON, 0),
        (ONE + b"\n\n" + ONE + b"\r\n", JSON, 2),
        (ONE + b"\n" + ONE, "application/x-ndjson", 2),
        (b'{"specversion":"1.0","data":' + ONE + b"}", "application/cloudevents+json", 1),
        (b'[{"specversion":"1.0","data":{}}]', "application/cloudevents-batch+json", 1),
    ],
)
def test_bodies_are_taken_apart(body: bytes, media_type: str, count: int) -> None:
    assert len(split(body, media_type)) == count


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"", JSON),
        (b"{", JSON),
        (b"[1,", JSON),
        (b"[" * 100_000, JSON),
        (ONE, "application/cloudevents+json"),
        (b'{"specversion":"1.0","data_base64":"e30="}', "application/cloudevents+json"),
    ],
)
def test_what_is_no_body_is_refused(body: bytes, media_type: str) -> None:
    with pytest.raises(EventError):
        split(body, media_type)


def test_too_many_events_are_refused() -> None:
    with pytest.raises(TooManyError):
        split(b"\n".join([ONE] * (MOST_EVENTS + 1)), "application/x-ndjson")
    listed = b'{"kind":"EventList","items":[' + b",".join([ONE] * (MOST_EVENTS + 1)) + b"]}"
    with pytest.raises(TooManyError):
        split_lists([listed])


#: A folder with recorded events, one or a list of them a line; they are not part of the project.
RECORDED: Final = Path(os.environ.get("REVET_RECORDED_EVENTS", "no such folder"))


@pytest.mark.skipif(not RECORDED.is_dir(), reason="REVET_RECORDED_EVENTS names no folder")
def test_recorded_events() -> None:
    tetragon = [
        read_tetragon(each, NOW)
        for each in split((RECORDED / "tetragon-recorded.jsonl").read_bytes(), JSON)
    ]
    assert {each.kind for each in tetragon} == {Kind.FINDING, Kind.LOSS}
    assert {each.effect for each in tetragon} == {Effect.OBSERVED, Effect.KILLED}
    recorded = split((RECORDED / "k8s-audit-recorded.jsonl").read_bytes(), JSON)
    audit = [read_k8s_audit(each, NOW) for each in split_lists(recorded)]
    assert {"create pods/exec", "get secrets"} <= {each.rule for each in audit}
    published = (RECORDED / "falco-published-samples.jsonl").read_text().splitlines()
    for line in published:
        alert = json.loads(line)["event"]
        if "rule" in {key.lower() for key in alert}:
            assert read_falco(json.dumps(alert).encode(), NOW).rule
