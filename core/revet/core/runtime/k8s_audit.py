"""Reads events of the Kubernetes audit log, as the API server's audit webhook sends them.

Shape: k8s.io/apiserver/pkg/apis/audit/v1. The log has neither rules nor severities: the rule is
`VERB RESOURCE[/SUBRESOURCE]`, and the severity is by what that lets somebody do.
"""

from typing import Final

import msgspec

from revet.core.model.policy_runtime import Effect, Severity, Source
from revet.core.runtime.event import (
    UNREADABLE,
    EventError,
    Kind,
    RuntimeEvent,
    clean,
    digest,
    read_time,
)

_COMPLETE: Final = "ResponseComplete"
_STARTED: Final = "ResponseStarted"
#: They last as long as somebody types: the start counts.
_INTERACTIVE: Final = frozenset({"exec", "attach", "portforward"})
_READS: Final = frozenset({"get", "list", "watch"})
_WRITES: Final = frozenset({"create", "update", "patch"})
_RBAC: Final = "rbac.authorization.k8s.io"
_FORBIDDEN: Final = 403
#: Annotations that say that something stands against the standards.
_PSS: Final = "pod-security.kubernetes.io/audit-violations"
_CEL: Final = "validation.policy.admission.k8s.io/validation_failure"
#: The cluster's own parts read Secrets and write roles all day long.
_SYSTEM: Final = (
    "system:node:",
    "system:kube-",
    "system:apiserver",
    "system:serviceaccount:kube-system:",
)


class _User(msgspec.Struct):
    username: str = ""


class _Object(msgspec.Struct, rename="camel"):
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_group: str = ""


class _Response(msgspec.Struct):
    code: int = 0


class _Event(msgspec.Struct, rename="camel"):
    audit_id: str = msgspec.field(name="auditID", default="")
    stage: str = ""
    verb: str = ""
    user: _User | None = None
    impersonated_user: _User | None = None
    object_ref: _Object | None = None
    response_status: _Response | None = None
    stage_timestamp: str | None = None
    annotations: dict[str, str] | None = None


_event: Final = msgspec.json.Decoder(_Event)


def read_k8s_audit(data: bytes, received: float) -> RuntimeEvent:
    """Read one event that came at `received`, in seconds since the epoch.

    Raises:
        EventError: it is none.

    """
    try:
        event = _event.decode(data)
    except UNREADABLE as error:
        raise EventError(f"no audit event: {error}") from error
    if not event.audit_id or not event.stage:
        raise EventError("no audit event: auditID or stage is missing")
    at = read_time(event.stage_timestamp, received)
    what = event.object_ref
    if what is None or not _counts(event.stage, what):
        return RuntimeEvent(source=Source.K8S_AUDIT, kind=Kind.ALIVE, at=at)
    resource = f"{what.resource}/{what.subresource}" if what.subresource else what.resource
    is_pod = what.resource == "pods"
    tags = _tags(event)
    who = clean((event.impersonated_user or event.user or _User()).username)
    return RuntimeEvent(
        source=Source.K8S_AUDIT,
        # Not by the stage: an exec has two that count, and is one deed.
        key=digest("k8s-audit", event.audit_id),
        at=at,
        rule=clean(f"{event.verb} {resource}"),
        severity=_severity(event.verb, what, who, tags),
        tags=tags,
        effect=Effect.DENIED if "decision:forbid" in tags else Effect.OBSERVED,
        namespace=clean(what.namespace),
        pod=clean(what.name) if is_pod else "",
        pod_uid=clean(what.uid) if is_pod else "",
        subject="" if is_pod and what.name else clean(f"{what.resource}/{what.name}".strip("/")),
        process=who,
        # Whose process it was, the API server does not know: the user stands for it.
        executable=who,
    )


def _counts(stage: str, what: _Object) -> bool:
    return stage == _COMPLETE or (stage == _STARTED and what.subresource in _INTERACTIVE)


def _tags(event: _Event) -> tuple[str, ...]:
    notes = event.annotations or {}
    tags: list[str] = []
    decision = notes.get("authorization.k8s.io/decision", "")
    if decision:
        tags.append(clean(f"decision:{decision}"))
    elif event.response_status is not None and event.response_status.code == _FORBIDDEN:
        tags.append("decision:forbid")
    if _PSS in notes:
        tags.append("pod-security-violation")
    if _CEL in notes:
        tags.append("validation-failure")
    return tuple(tags)


def _severity(verb: str, what: _Object, who: str, tags: tuple[str, ...]) -> Severity:
    if who.startswith(_SYSTEM):
        return Severity.INFO
    is_pod_door = what.resource == "pods" and what.subresource in {
        *_INTERACTIVE,
        "ephemeralcontainers",
    }
    if is_pod_door and verb in {"create", "get", "update", "patch"}:
        severity = Severity.HIGH if what.subresource in _INTERACTIVE or verb != "get" else None
    elif what.api_group == _RBAC and verb in _WRITES:
        severity = Severity.HIGH
    elif (
        (what.resource == "secrets" and verb in _READS)
        or "pod-security-violation" in tags
        or "validation-failure" in tags
    ):
        severity = Severity.MEDIUM
    else:
        severity = None
    if severity is None:
        return Severity.LOW if "decision:forbid" in tags else Severity.INFO
    return severity
