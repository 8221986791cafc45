"""AdmissionReviews: from bytes to values and back (admission.k8s.io/v1)."""

import re
from base64 import b64encode
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec

from revet.core.admission import Request, read_object
from revet.core.errors import ReviewError
from revet.core.patch import Operation
from revet.core.surroundings import UNSEEN, Surroundings

API_VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"
_NULL: Final = msgspec.Raw(b"null")
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")


class GroupVersionKind(msgspec.Struct, frozen=True, gc=False):
    """The kind of the object, in the version of our rules: the API server has converted it."""

    kind: str
    group: str = ""
    version: str = ""


_NAMESPACE: Final = GroupVersionKind("Namespace", version="v1")
_POD: Final = GroupVersionKind("Pod", version="v1")


class UserInfo(msgspec.Struct, frozen=True, gc=False):
    """Who asks."""

    username: str = ""
    groups: tuple[str, ...] | None = None


class AdmissionRequest(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The request as the API server sends it; objects stay JSON until somebody reads them."""

    uid: str
    kind: GroupVersionKind
    operation: str
    name: str = ""
    namespace: str = ""
    user_info: UserInfo = UserInfo()
    object: msgspec.Raw = _NULL
    old_object: msgspec.Raw = _NULL
    dry_run: bool | None = None

    @property
    def is_namespace(self) -> bool:
        """Whether the object is a Namespace: the API server says that it is in itself."""
        return self.kind == _NAMESPACE

    @property
    def home(self) -> str:
        """The namespace that the object is in; empty for what is in none."""
        return "" if self.is_namespace else self.namespace

    @property
    def makes_a_pod(self) -> bool:
        """Whether a Pod is to be made, and none that stands is to be changed."""
        return self.operation == "CREATE" and self.kind == _POD

    def parse(self, around: Surroundings = UNSEEN) -> Request | None:
        """Read the objects; None where there is nothing to judge, as on DELETE.

        `around` is what was seen beside the object.

        Raises:
            ManifestError: an object does not fit its kind.

        """
        if bytes(self.object) == b"null":
            return None
        kind = self.kind
        subject = read_object(kind.group, kind.kind, self.object)
        old = None
        if bytes(self.old_object) != b"null":
            old = read_object(kind.group, kind.kind, self.old_object)
        user = self.user_info
        return Request(subject, old, self.object, user.groups or (), user.username, around=around)


class _Review(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    api_version: str
    kind: str
    request: AdmissionRequest


_decoder = msgspec.json.Decoder(_Review)


def parse(body: bytes) -> AdmissionRequest:
    """Read a review.

    Raises:
        ReviewError: it is none; the text says where and why.

    """
    try:
        review = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReviewError(f"not an AdmissionReview: {error}") from error
    if review.api_version != API_VERSION or review.kind != KIND:
        raise ReviewError(
            f"{review.api_version} {review.kind} is not served, must be {API_VERSION} {KIND}"
        )
    if not review.request.uid:
        raise ReviewError("request.uid is empty")
    return review.request


class Details(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What a client may make of a refusal: Kubernetes' own try again after so many seconds."""

    retry_after_seconds: int


class Status(msgspec.Struct, frozen=True, gc=False):
    """Why something is refused; without the reason kubectl shows no `(Forbidden)`."""

    message: str
    code: int = 403
    reason: str = "Forbidden"
    details: Details | msgspec.UnsetType = msgspec.UNSET


#: With it clients of Kubernetes try again by themselves, some ten times.
_AGAIN_S: Final = 1
_WARNING_LENGTH: Final = 256


class Answer(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """What the API server is told."""

    uid: str
    allowed: bool = msgspec.field()
    status: Status | None = None
    warnings: Sequence[str] | None = None
    audit_annotations: dict[str, str] | None = None
    patch_type: str | None = None
    patch: str | None = None


class _Response(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    response: Answer
    api_version: str = API_VERSION
    kind: str = KIND


_encoder = msgspec.json.Encoder()


def render(answer: Answer) -> bytes:
    """Write the answer as an AdmissionReview."""
    return _encoder.encode(_Response(answer))


def patched(uid: str, operations: list[Operation], annotations: dict[str, str]) -> Answer:
    """Answer with a JSON patch."""
    return Answer(
        uid,
        allowed=True,
        patch_type="JSONPatch",
        patch=b64encode(_encoder.encode(operations)).decode(),
        audit_annotations=annotations,
    )


def held(answer: Answer, text: str) -> tuple[Answer, str]:
    """Answer that it can't be done yet, in place of another answer; with the verdict."""
    details = Details(_AGAIN_S)
    status = Status(text, HTTPStatus.TOO_MANY_REQUESTS, "TooManyRequests", details)
    return Answer(answer.uid, allowed=False, status=status), "held"


def warned(answer: Answer, text: str) -> tuple[Answer, str]:
    """Answer the same, with a further warning; with the verdict."""
    warnings = [*(answer.warnings or ()), text[:_WARNING_LENGTH]]
    return msgspec.structs.replace(answer, warnings=warnings), "warned"


def parse_timeout(text: str | None, default_s: float) -> float:
    """Read the `timeout` that the API server puts into the URL, a duration of Go, in seconds.

    Raises:
        ReviewError: it is no duration.

    """
    if text is None:
        return default_s
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ReviewError(f"timeout={text!r} is no duration, must be one such as 5s")
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
