"""Takes a request's body apart: one event, a list, one a line, CloudEvents, the API server's list.

The events stay bytes: each sensor's own module reads them.
"""

from typing import Final

import msgspec

from revet.core.runtime.event import UNREADABLE, EventError

JSON: Final = "application/json"
LINES: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
CLOUD_EVENT: Final = "application/cloudevents+json"
CLOUD_EVENTS: Final = "application/cloudevents-batch+json"
MEDIA_TYPES: Final = frozenset({JSON, CLOUD_EVENT, CLOUD_EVENTS, *LINES})
MOST_EVENTS: Final = 5000

_raws: Final = msgspec.json.Decoder(list[msgspec.Raw])
_raw: Final = msgspec.json.Decoder(msgspec.Raw)


class TooManyError(EventError):
    """There are more events in one body than are taken at once."""


class _CloudEvent(msgspec.Struct):
    specversion: str
    data: msgspec.Raw = msgspec.Raw()


class _EventList(msgspec.Struct):
    kind: str
    items: list[msgspec.Raw]


_cloud: Final = msgspec.json.Decoder(_CloudEvent)
_clouds: Final = msgspec.json.Decoder(list[_CloudEvent])
_list: Final = msgspec.json.Decoder(_EventList)


def split(body: bytes, media_type: str) -> list[bytes]:
    """Return the events of a body.

    Raises:
        EventError: it is no JSON of a form that is taken.

    """
    try:
        found = _split(body.strip(), media_type)
    except UNREADABLE as error:
        raise EventError(f"the body can't be read: {error}") from error
    return _bound(found)


def _split(body: bytes, media_type: str) -> list[bytes]:
    if not body:
        raise EventError("the body is empty")
    if media_type == CLOUD_EVENT:
        return [_data(_cloud.decode(body))]
    if media_type == CLOUD_EVENTS:
        return [_data(each) for each in _clouds.decode(body)]
    if media_type in LINES:
        return _lines(body)
    if body.startswith(b"["):
        return [bytes(each) for each in _raws.decode(body)]
    try:
        _raw.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # What senders call JSON may be one object a line.
        lines = _lines(body)
        if len(lines) == 1:
            raise
        return lines
    return [body]


def _lines(body: bytes) -> list[bytes]:
    return [line for line in body.splitlines() if line.strip()]


def _data(event: _CloudEvent) -> bytes:
    if not event.data:
        raise EventError("a CloudEvent has no data as JSON")
    return bytes(event.data)


def split_lists(items: list[bytes]) -> list[bytes]:
    """Put the items of the API server's EventLists in their place.

    Raises:
        TooManyError: they are too many.

    """
    return _bound([each for item in items for each in _split_list(item)])


def _bound(found: list[bytes]) -> list[bytes]:
    if len(found) > MOST_EVENTS:
        raise TooManyError(f"{len(found)} events in one body, at most {MOST_EVENTS} are taken")
    return found


def _split_list(data: bytes) -> list[bytes]:
    if b'"EventList"' not in data:
        return [data]
    try:
        found = _list.decode(data)
    except UNREADABLE:
        return [data]
    return [bytes(each) for each in found.items] if found.kind == "EventList" else [data]
