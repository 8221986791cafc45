"""Reads Falco's alerts, as Falco, falcosidekick and log shippers send them.

Shape: userspace/engine/formats.cpp of falcosecurity/falco. Only `rule` is always there.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from revet.core.model.policy_runtime import Severity, Source
from revet.core.runtime.event import (
    UNREADABLE,
    EventError,
    Kind,
    RuntimeEvent,
    clean,
    clean_tags,
    digest,
    read_time,
    redact,
)

_SEVERITIES: Final[Mapping[str, Severity]] = {
    "emergency": Severity.CRITICAL,
    "alert": Severity.CRITICAL,
    "critical": Severity.CRITICAL,
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "notice": Severity.LOW,
    "informational": Severity.INFO,
    "info": Severity.INFO,
    "debug": Severity.INFO,
}
_INTERNAL: Final = "Falco internal:"
_TEST: Final = "Test rule"
_DROP: Final = "event drop"
_HOST: Final = "host"
#: A rule that upstream calls a sandbox's is noise until somebody names its tag.
_SANDBOX: Final = "maturity_sandbox"


class _Alert(msgspec.Struct):
    rule: str = ""
    #: As some senders write it; Go's decoders do not mind.
    capital: str = msgspec.field(name="Rule", default="")
    priority: str = ""
    source: str = ""
    hostname: str | None = None
    time: Any = None
    tags: list[Any] | None = None
    output_fields: dict[str, Any] | None = None


_alert: Final = msgspec.json.Decoder(_Alert)
_fields: Final = msgspec.json.Encoder(order="deterministic")


def read_falco(data: bytes, received: float) -> RuntimeEvent:
    """Read one alert that came at `received`, in seconds since the epoch.

    Raises:
        EventError: it is none.

    """
    try:
        alert = _alert.decode(data)
    except UNREADABLE as error:
        raise EventError(f"no alert of Falco's: {error}") from error
    rule = clean(alert.rule or alert.capital)
    if not rule:
        raise EventError("no alert of Falco's: rule is missing")
    node = clean(alert.hostname)
    at = read_time(alert.time, received)
    if alert.source == "internal" or rule.startswith(_INTERNAL) or rule == _TEST:
        kind = Kind.LOSS if _DROP in rule else Kind.ALIVE
        return RuntimeEvent(source=Source.FALCO, kind=kind, at=at, rule=rule, node=node)
    return _read(alert, rule, node, at)


def _read(alert: _Alert, rule: str, node: str, at: float) -> RuntimeEvent:
    fields = alert.output_fields or {}
    tags = clean_tags(alert.tags)
    severity = _SEVERITIES.get(alert.priority.lower())
    if severity is None:
        raise EventError(f"no alert of Falco's: its priority is {clean(alert.priority, 32)!r}")
    container_id = clean(fields.get("container.full_id") or fields.get("container.id"))
    namespace = fields.get("k8s.ns.name") or fields.get("ka.target.namespace")
    subject = _subject(fields)
    pod = fields.get("k8s.pod.name") or fields.get("ka.target.pod.name")
    return RuntimeEvent(
        source=Source.FALCO,
        key=digest("falco", node, str(alert.time), rule, _encode(fields)),
        at=at,
        rule=rule,
        severity=severity,
        tags=tags,
        is_routine=_SANDBOX in tags,
        node=node,
        namespace=clean(namespace),
        pod=clean(pod) or (subject.removeprefix("pods/") if subject.startswith("pods/") else ""),
        pod_uid=clean(fields.get("k8s.pod.uid")),
        container_id="" if container_id == _HOST else container_id,
        container="" if container_id == _HOST else clean(fields.get("container.name")),
        subject="" if subject.startswith("pods/") else subject,
        executable=clean(fields.get("proc.exepath") or fields.get("proc.name")),
        process=redact(fields.get("proc.cmdline")),
        is_host=container_id == _HOST,
    )


def _subject(fields: Mapping[str, Any]) -> str:
    """Name what an alert of the plugin for the audit log is about, as `secrets/db`."""
    resource = clean(fields.get("ka.target.resource"))
    return f"{resource}/{clean(fields.get('ka.target.name'))}" if resource else ""


def _encode(fields: Mapping[str, Any]) -> bytes:
    try:
        return _fields.encode(fields)
    except (msgspec.EncodeError, UnicodeEncodeError, RecursionError) as error:
        raise EventError(f"no alert of Falco's: output_fields: {error}") from error
