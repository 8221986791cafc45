"""Reads Tetragon's JSON log, line by line.

Shape: api/v1/tetragon/{events,tetragon}.proto of cilium/tetragon, by protojson: numbers of 64 bits
are strings, what is not set is absent, and a cgroup's name is padded with NULs.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from revet.core.model.policy_runtime import Effect, Severity, Source
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

_SEVERITY_TAG: Final = "severity:"
_SAID: Final[Mapping[str, Severity]] = {each.value: each for each in Severity}
_KILLED: Final = ("KPROBE_ACTION_SIGKILL",)
_DENIED: Final = ("KPROBE_ACTION_OVERRIDE", "KPROBE_ACTION_NOTIFYENFORCER")
#: What every process does; a finding only where a rule names it.
_ROUTINE: Final = frozenset({"process_exec", "process_exit", "process_loader"})


class _Container(msgspec.Struct):
    id: str = ""
    name: str = ""


class _Pod(msgspec.Struct):
    namespace: str = ""
    name: str = ""
    uid: str = ""
    container: _Container | None = None


class _Process(msgspec.Struct):
    exec_id: str = ""
    binary: str = ""
    arguments: str = ""
    pod: _Pod | None = None
    docker: str = ""


class _Payload(msgspec.Struct):
    process: _Process | None = None
    policy_name: str = ""
    function_name: str = ""
    subsys: str = ""
    event: str = ""
    action: str = ""
    tags: list[Any] | None = None
    args: msgspec.Raw = msgspec.Raw()


class _Line(msgspec.Struct):
    process_exec: _Payload | None = None
    process_exit: _Payload | None = None
    process_loader: _Payload | None = None
    process_kprobe: _Payload | None = None
    process_tracepoint: _Payload | None = None
    process_uprobe: _Payload | None = None
    process_usdt: _Payload | None = None
    process_lsm: _Payload | None = None
    process_throttle: dict[str, Any] | None = None
    rate_limit_info: dict[str, Any] | None = None
    node_name: str = ""
    time: Any = None


_PAYLOADS: Final = (
    "process_exec",
    "process_exit",
    "process_loader",
    "process_kprobe",
    "process_tracepoint",
    "process_uprobe",
    "process_usdt",
    "process_lsm",
)
_line: Final = msgspec.json.Decoder(_Line)


def read_tetragon(data: bytes, received: float) -> RuntimeEvent:
    """Read one line that came at `received`, in seconds since the epoch.

    Raises:
        EventError: it is none.

    """
    try:
        line = _line.decode(data)
    except UNREADABLE as error:
        raise EventError(f"no event of Tetragon's: {error}") from error
    node, at = clean(line.node_name), read_time(line.time, received)
    for name in _PAYLOADS:
        payload: _Payload | None = getattr(line, name)
        if payload is not None:
            return _read(name, payload, node, at, str(line.time))
    if line.process_throttle is not None or line.rate_limit_info is not None:
        rule = "rate_limit_info" if line.rate_limit_info is not None else "process_throttle"
        return RuntimeEvent(source=Source.TETRAGON, kind=Kind.LOSS, at=at, rule=rule, node=node)
    if not node and line.time is None:
        raise EventError("no event of Tetragon's: it has neither an event, a node nor a time")
    # A kind of event that is newer than this: nothing is known of it, but somebody is there.
    return RuntimeEvent(source=Source.TETRAGON, kind=Kind.ALIVE, at=at, node=node)


def _read(name: str, payload: _Payload, node: str, at: float, time: str) -> RuntimeEvent:
    process = payload.process or _Process()
    pod = process.pod or _Pod()
    container = pod.container or _Container()
    policy = clean(payload.policy_name)
    hook = payload.function_name or f"{payload.subsys}/{payload.event}"
    tags = clean_tags(payload.tags)
    effect = _effect(payload.action)
    return RuntimeEvent(
        source=Source.TETRAGON,
        key=digest(name, process.exec_id, policy, hook, bytes(payload.args), time),
        at=at,
        rule=policy or name,
        severity=_severity(tags, effect),
        tags=tags,
        effect=effect,
        tracing_policy=policy,
        is_routine=name in _ROUTINE and not policy,
        node=node,
        namespace=clean(pod.namespace),
        pod=clean(pod.name),
        pod_uid=clean(pod.uid),
        container_id=clean(container.id.rpartition("//")[2] or process.docker),
        container=clean(container.name),
        executable=clean(process.binary),
        process=redact(f"{process.binary} {process.arguments}".strip()),
        is_host=not (process.pod or process.docker),
    )


def _effect(action: str) -> Effect:
    if action in _KILLED:
        return Effect.KILLED
    return Effect.DENIED if action in _DENIED else Effect.OBSERVED


def _severity(tags: tuple[str, ...], effect: Effect) -> Severity:
    """Return what a tag says; Tetragon itself has no severity."""
    for tag in tags:
        said = tag.removeprefix(_SEVERITY_TAG)
        if said != tag and said in _SAID:
            return _SAID[said]
    return Severity.MEDIUM if effect is Effect.OBSERVED else Severity.HIGH
