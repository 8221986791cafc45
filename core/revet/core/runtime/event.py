"""What every sensor's event becomes: one shape, cleaned and bounded; apart, since all parts use it.

Whoever reaches the port chooses what stands in an event. So each text is cut to a length, and has
no control characters, before anything else sees it.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Final, cast

import msgspec

from revet.core.errors import Error
from revet.core.model.policy_runtime import Effect, Severity, Source

RANKS: Final[Mapping[Severity, int]] = {each: rank for rank, each in enumerate(Severity)}

#: What a decoder raises on what is no JSON, or not of our shape.
UNREADABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
LONGEST_NAME: Final = 253
LONGEST_PROCESS: Final = 256
_LONGEST_READ: Final = 2048
_MOST_TAGS: Final = 32
_DIGEST: Final = 16
# C0, DEL, C1, and what turns the direction of writing or is not seen.
_UNSEEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_SECRET: Final = re.compile(
    r"(?i)([\w-]{0,32}(?:passw(?:or)?d|pwd|token|secret|api-?_?key|credential|authorization|bearer)"
    r"[\w-]{0,32})(\s*[=:]\s*|\s+)(?:bearer\s+|basic\s+)?(\"[^\"]*\"?|'[^']*'?|\S+)"
)
_USERINFO: Final = re.compile(r"://[^/\s@]+@")


class EventError(Error):
    """What came is no event that can be read; the text says why."""


class Kind(StrEnum):
    """What an event tells of."""

    FINDING = "finding"
    ALIVE = "alive"
    LOSS = "loss"


class RuntimeEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One event of a sensor.

    Attributes:
        source: which kind of sensor.
        kind: a finding, a sign of life, or that the sensor has lost events.
        key: equal for two that are the same event, sent twice.
        at: when it happened, in seconds since the epoch; never later than it came.
        rule: the sensor's rule; of the audit log `VERB RESOURCE[/SUBRESOURCE]`.
        severity: how bad it is.
        tags: the sensor's own.
        effect: what the sensor did about it.
        tracing_policy: Tetragon's policy, if any.
        is_routine: whether it only counts where a rule names it.
        node: where the sensor runs, as it says itself.
        is_bound: whether its sender has proven that it speaks for this node.
        namespace: of the pod or object; empty for a node.
        pod: the pod's name.
        pod_uid: its uid.
        container_id: its id, or the beginning of it.
        container: the container's name.
        subject: the object, as Kind/name, where it is no pod.
        executable: the program.
        process: its command line, without what looks like a secret.
        is_host: whether it is about a node and no container.

    """

    source: Source
    kind: Kind = Kind.FINDING
    key: bytes = b""
    at: float = 0.0
    rule: str = ""
    severity: Severity = Severity.MEDIUM
    tags: tuple[str, ...] = ()
    effect: Effect = Effect.OBSERVED
    tracing_policy: str = ""
    is_routine: bool = False
    node: str = ""
    is_bound: bool = False
    namespace: str = ""
    pod: str = ""
    pod_uid: str = ""
    container_id: str = ""
    container: str = ""
    subject: str = ""
    executable: str = ""
    process: str = ""
    is_host: bool = False


def clean(value: object, longest: int = LONGEST_NAME) -> str:
    """Return a text without what can't be seen, cut to a length; empty where it is none."""
    if not isinstance(value, str) or not value:
        return ""
    # Nearly all are plain, and it is asked of each text of each event.
    if len(value) <= longest and value.isascii() and value.isprintable():
        return value
    return _UNSEEN.sub("", value[:_LONGEST_READ])[:longest]


def clean_tags(tags: object) -> tuple[str, ...]:
    """Return the tags that are texts, the first of them."""
    if not isinstance(tags, list | tuple):
        return ()
    found = cast("Sequence[object]", tags)[:_MOST_TAGS]
    return tuple(clean(each) for each in found if isinstance(each, str))


def redact(value: object) -> str:
    """Return a command line without what looks like a password, a token or a key."""
    text = clean(value, _LONGEST_READ)
    if text:
        text = _USERINFO.sub("://***@", _SECRET.sub(r"\1\2***", text))
    return text[:LONGEST_PROCESS]


def digest(*parts: bytes | str) -> bytes:
    """Hash what makes an event the same as another one."""
    hashed = blake2b(digest_size=_DIGEST)
    for part in parts:
        data = part.encode(errors="surrogatepass") if isinstance(part, str) else part
        hashed.update(len(data).to_bytes(4, "big"))
        hashed.update(data)
    return hashed.digest()


def read_time(text: object, received: float) -> float:
    """Read RFC 3339 as seconds since the epoch; what lies ahead, or can't be read, is now."""
    if not isinstance(text, str) or not text:
        return received
    try:
        at = datetime.fromisoformat(text)
        # Without a zone it would be read by that of our machine.
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(at.timestamp(), received)
    except (ValueError, OverflowError):
        return received
