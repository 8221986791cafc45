"""The chart's alerts, as Prometheus evaluates them: which fire, and which don't."""

import re
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from e2e.rules.process import evaluate
from tests.chart.charts import find, render

ROOT: Final = Path(__file__).parents[2]
#: Longer than the longest `for` of a rule.
_MINUTES: Final = 70
_DAY_S: Final = 86400


class Rule(NamedTuple):
    """An alert: when it fires, and how many minutes that must last."""

    name: str
    expression: str
    minutes: int
    severity: str


@pytest.fixture(scope="module")
def rules() -> list[Rule]:
    manifest = find(render({"monitoring.rules": True}), "PrometheusRule", "revet")
    [group] = manifest["spec"]["groups"]
    return [
        Rule(each["alert"], each["expr"], _minutes(each["for"]), each["labels"]["severity"])
        for each in group["rules"]
    ]


def _minutes(text: str) -> int:
    return int(text[:-1]) * {"m": 1, "h": 60}[text[-1]]


def _always(value: object) -> str:
    return " ".join([str(value)] * (_MINUTES + 1))


#: Two operators, of which one leads, and a webhook: all is well.
WELL: Final = {
    'revet_leader{pod="a"}': _always(1),
    'revet_leader{pod="b"}': _always(0),
    'revet_fail_entries{pod="a"}': _always(2),
    'revet_fail_entries{pod="b"}': _always(0),
    'revet_ready_replicas{pod="a"}': _always(2),
    'revet_ready_replicas{pod="b"}': _always("NaN"),
    'revet_policies{accepted="false",pod="a"}': _always(0),
    'revet_certificate_expiry_timestamp_seconds{certificate="serving",pod="a"}': _always(
        60 * _DAY_S
    ),
    'revet_cache_age_seconds{pod="w"}': _always(30),
    'revet_ingest_replicas{pod="a"}': _always(2),
    'revet_ingest_replicas{pod="b"}': _always("NaN"),
}
WEBHOOK: Final = {name: values for name, values in WELL.items() if 'pod="w"' in name}
OPERATORS: Final = {name: values for name, values in WELL.items() if name not in WEBHOOK}


def _first(minutes: int, series: dict[str, str]) -> dict[str, str]:
    return {name: " ".join(values.split()[:minutes]) for name, values in series.items()}


_RESTART: Final = " ".join(["1"] * 20 + ["0"] * 2 + ["1"] * (_MINUTES - 21))


@pytest.mark.parametrize(
    ("series", "fired"),
    [
        (WELL, set()),
        ({}, {"RevetSilent", "RevetNoLeader"}),
        (_first(3, WELL), {"RevetSilent", "RevetNoLeader"}),
        (WEBHOOK, {"RevetNoLeader"}),
        (OPERATORS, set()),
        (WELL | {'revet_leader{pod="a"}': _always(0)}, {"RevetNoLeader"}),
        (WELL | {'revet_leader{pod="a"}': _RESTART}, set()),
        (
            WELL | {'revet_ready_replicas{pod="a"}': _always(0)},
            {"RevetFailEntryWithoutReplica"},
        ),
        (
            WELL
            | {
                'revet_ready_replicas{pod="a"}': _always(0),
                'revet_fail_entries{pod="a"}': _always(0),
            },
            set(),
        ),
        (
            WELL | {'revet_ready_replicas{pod="a"}': _always("NaN")},
            {"RevetReplicasNotCounted"},
        ),
        (
            WELL | {'revet_policies{accepted="false",pod="a"}': _always(1)},
            {"RevetPolicyNotAccepted"},
        ),
        (
            WELL
            | {
                'revet_certificate_expiry_timestamp_seconds{certificate="ca",pod="a"}': _always(
                    13 * _DAY_S
                )
            },
            {"RevetCertificateExpires"},
        ),
        (WELL | {'revet_cache_age_seconds{pod="w"}': _always(600)}, {"RevetCacheStale"}),
        (WELL | {'revet_ingest_replicas{pod="a"}': _always(0)}, {"RevetIngestDeaf"}),
        (
            WELL
            | {
                'revet_ingest_dropped_total{source="falco",reason="queue-full"}': " ".join(
                    str(10 * minute) for minute in range(_MINUTES + 1)
                )
            },
            {"RevetIngestLosesEvents"},
        ),
        (WELL | {'revet_ingest_dropped_total{source="falco"}': _always(7)}, set()),
    ],
    ids=[
        "well",
        "never-scraped",
        "all-dead",
        "operators-dead",
        "webhook-not-scraped",
        "none-leads",
        "leader-restarted",
        "no-replica",
        "no-replica-needed",
        "not-counted",
        "policy-not-valid",
        "certificate-ends",
        "cache-stale",
        "ingest-deaf",
        "ingest-loses",
        "ingest-has-lost",
    ],
)
def test_an_alert_fires_for_its_cause_only(
    rules: list[Rule], series: dict[str, str], fired: set[str]
) -> None:
    lines = [f"  {name} {values}" for name, values in (series or {"up": "1"}).items()]
    answers = evaluate("\n".join(lines), [rule.expression for rule in rules], _MINUTES)
    found = {
        rule.name
        for rule, active in zip(rules, answers, strict=True)
        # Active when the time begins, and when it ends.
        if "1" * (rule.minutes + 1) in "".join("1" if each else "0" for each in active)
    }
    assert found == fired


def test_who_can_enforce_nothing_or_refuses_all_is_critical(rules: list[Rule]) -> None:
    critical = {rule.name for rule in rules if rule.severity == "critical"}
    assert critical == {"RevetFailEntryWithoutReplica", "RevetSilent", "RevetNoLeader"}


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "docs/install.md",
        "docs/webhook.md",
        "charts/revet/templates/NOTES.txt",
        "charts/revet/templates/monitoring.yaml",
    ],
)
def test_the_kill_switch_begins_with_the_pause(path: str) -> None:
    text = " ".join((ROOT / path).read_text(encoding="utf-8").split())
    pause = "kubectl annotate hardeningpolicies --all revet.dev/paused=true"
    delete = "kubectl delete validatingwebhookconfiguration,mutatingwebhookconfiguration"
    switches = [found.start() for found in re.finditer(re.escape(delete), text)]
    assert switches
    for at in switches:
        assert text[:at].rstrip(" ;").endswith(pause)
