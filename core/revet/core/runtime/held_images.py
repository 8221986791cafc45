"""The watch list of images: what is put on it, what makes room, and what was released of it.

Pure: pods, the list and the time are passed in. A digest is what a pod's status says, never what an
event does.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec

from revet.core.image import is_digest, split_reference
from revet.core.model.meta import Manifest
from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_runtime import Action, Response
from revet.core.model.policy_status import MOST_FINDINGS, MOST_HELD, HeldImage
from revet.core.runtime.event import RANKS
from revet.core.runtime.findings import Finding, Suspect

_HASH_LENGTH: Final = 20
_LONGEST: Final = 253
_LONGEST_WORKLOAD: Final = 512
_SKEW: Final = timedelta(minutes=5)
_MOST_NAMED: Final = 3
_SHORT: Final = 19
_SPECS: Final = ("containers", "initContainers", "ephemeralContainers")
_STATUSES: Final = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


@dataclass(frozen=True, slots=True)
class Trace:
    """A container in which something was seen that its image is to be held for.

    Attributes:
        policy: the policy's uid.
        finding: what stands for the finding, in whichever workload the image runs.
        workload: where it was seen, as namespace/Kind/name.

    """

    policy: str
    policy_name: str
    namespace: str
    suspect: Suspect
    container: str
    finding: str
    workload: str
    because: str


@dataclass(frozen=True, slots=True)
class Hold:
    """A trace, and the image that it leads to."""

    trace: Trace
    image: str
    digest: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The list as it is to be, which images are held now that were not, and what made room."""

    listed: tuple[HeldImage, ...]
    begun: tuple[HeldImage, ...]
    dropped: tuple[HeldImage, ...]


def asked_hold(policy: HardeningPolicy) -> Response | None:
    """Return what a policy says of holding images; None where it asks for none."""
    runtime = policy.spec.runtime
    return runtime.response(Action.HOLD_IMAGE) if runtime is not None else None


def listed_images(policy: HardeningPolicy) -> tuple[HeldImage, ...]:
    """Return a policy's list as it stands, with what was released."""
    return policy.status.held_images if policy.status is not None else ()


def held_images(policy: HardeningPolicy) -> tuple[HeldImage, ...]:
    """Return what a policy holds now: nothing, where it does not ask for it any more."""
    listed = listed_images(policy) if asked_hold(policy) is not None else ()
    return tuple(each for each in listed if each.released is None)


def find_traces(finding: Finding, response: Response) -> Iterator[Trace]:
    """Yield the containers of a finding that a policy's response is about."""
    for suspect in finding.suspects:
        if RANKS[suspect.severity] >= RANKS[response.min_severity]:
            yield Trace(
                finding.policy,
                finding.policy_name,
                finding.namespace,
                suspect,
                finding.container,
                _sign(finding),
                f"{finding.namespace}/{finding.kind}/{finding.workload}",
                f"{finding.source} {finding.rule!r}, {suspect.severity}"[:_LONGEST],
            )


def find_images(pod: Manifest, container: str) -> list[tuple[str, str]]:
    """Return the names and the digests of what a container runs; empty where nobody has said.

    What its pod asks for comes first, as the next pod will: a node may tell the digest of one
    platform's image where that was an index. A bare `sha256:...` is of an image's configuration:
    no registry and no pod names it so.
    """
    if not container:
        return []
    asked = _find(pod.get("spec") or {}, _SPECS, container).get("image") or ""
    told = _find(pod.get("status") or {}, _STATUSES, container).get("imageID") or ""
    found: dict[str, str] = {}
    for image in (asked, told.rpartition("//")[2]):
        name, _, digest = split_reference(image)
        if name and is_digest(digest):
            found.setdefault(digest, name)
    return [(name, digest) for digest, name in found.items()]


def _find(part: Manifest, groups: Iterable[str], container: str) -> Manifest:
    """Return what a pod's spec or status has of a container; empty where it has nothing."""
    for group in groups:
        listed: list[Manifest] = part.get(group) or []
        for each in listed:
            if each.get("name") == container:
                return each
    return {}


def put_on(listed: Sequence[HeldImage], holds: Iterable[Hold], now: datetime) -> Outcome:
    """Add to a list; beyond the most that it may have goes what was released, then the mildest.

    Of those as bad the oldest. What was released comes back only by another finding, of later.
    """
    known = {each.digest: each for each in listed}
    begun: dict[str, HeldImage] = {}
    for hold in holds:
        before = known.get(hold.digest)
        after = _add(before, hold, now)
        known[hold.digest] = after
        if after.released is None and (before is None or before.released is not None):
            begun[hold.digest] = after
    dropped: list[HeldImage] = []
    while len(known) > MOST_HELD:
        dropped.append(known.pop(min(known.values(), key=_worth).digest))
    return Outcome(
        tuple(known.values()),
        tuple(known[each] for each in begun if each in known),
        tuple(each for each in dropped if each.released is None),
    )


def word_held(held: Sequence[HeldImage]) -> str:
    """Say which images are held, the worst first; empty where there are none."""
    worst = sorted(held, key=_worth, reverse=True)
    words = [f"{each.image}@{each.digest[:_SHORT]}" for each in worst[:_MOST_NAMED]]
    if len(held) > _MOST_NAMED:
        words.append(f"{len(held) - _MOST_NAMED} more")
    if len(held) >= MOST_HELD:
        words.append("and no room is left: the next ones take the place of the mildest and oldest")
    return ", ".join(words)


def find_held(policy: Manifest, begins: str) -> list[str]:
    """Return the digests that begin so of the images that a policy holds."""
    digests = (each["digest"] for each in _listed(policy) or () if "released" not in each)
    return [each for each in digests if each.startswith(begins)]


def release_image(policy: Manifest, digest: str, now: datetime) -> list[dict[str, Any]]:
    """Write the JSON patch of the status that lets an image go; empty where it is not held.

    It stays on the list, so that the same findings do not undo that.
    """
    for index, each in enumerate(_listed(policy) or ()):
        if each["digest"] == digest and "released" not in each:
            place = f"/status/heldImages/{index}"
            at = now.astimezone(UTC).isoformat(timespec="milliseconds")
            return [
                {"op": "test", "path": "/metadata/uid", "value": policy["metadata"]["uid"]},
                {"op": "test", "path": f"{place}/digest", "value": digest},
                {"op": "add", "path": f"{place}/released", "value": at},
            ]
    return []


def rewrite(policy: Manifest, listed: Sequence[HeldImage]) -> list[dict[str, Any]]:
    """Write the JSON patch of the status that puts a list in the place of the one that was seen."""
    there = _listed(policy)
    place = "/status/heldImages"
    seen: list[dict[str, Any]] = (
        [] if there is None else [{"op": "test", "path": place, "value": there}]
    )
    written = [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in listed]
    whose = {"op": "test", "path": "/metadata/uid", "value": policy["metadata"]["uid"]}
    return [whose, *seen, {"op": "add", "path": place, "value": written}]


def _listed(policy: Manifest) -> list[Manifest] | None:
    """Return the list as it stands, None where there is none."""
    status: Manifest = policy.get("status") or {}
    listed: list[Manifest] | None = status.get("heldImages")
    return listed


def _add(before: HeldImage | None, hold: Hold, now: datetime) -> HeldImage:
    trace = hold.trace
    known = before.findings if before is not None else ()
    new = HeldImage(
        digest=hold.digest,
        image=hold.image[:_LONGEST],
        severity=trace.suspect.severity,
        because=trace.because,
        workload=trace.workload[:_LONGEST_WORKLOAD],
        findings=(*known, trace.finding)[-MOST_FINDINGS:],
        since=now.replace(microsecond=0),
    )
    if before is None:
        return new
    is_known = trace.finding in known
    if before.released is not None:
        # By a clock that is ahead nothing can be told: it must not silence what comes later.
        is_told = before.released <= now + _SKEW
        is_over = is_known or (is_told and trace.suspect.at <= before.released.timestamp())
        return before if is_over else new
    findings = known if is_known or len(known) >= MOST_FINDINGS else (*known, trace.finding)
    worst = new if RANKS[new.severity] > RANKS[before.severity] else before
    return worst.model_copy(update={"findings": findings, "since": before.since})


def _worth(held: HeldImage) -> tuple[bool, int, datetime]:
    return (held.released is None, RANKS[held.severity], held.since)


def _sign(finding: Finding) -> str:
    parts = (finding.policy_name, finding.source, finding.rule, finding.executable)
    return sha256(msgspec.json.encode(parts)).hexdigest()[:_HASH_LENGTH]
