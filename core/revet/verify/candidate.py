"""One thing that lies beside an image in a registry and may prove something."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from revet.verify import bundle, legacy
from revet.verify.error import SignatureError
from revet.verify.evidence import Flaw, Proof
from revet.verify.trust import Question

#: The forms that are read; whatever else lies there is passed by.
MEDIA_TYPES: Final = (*bundle.MEDIA_TYPES, *legacy.MEDIA_TYPES)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Bytes of a form that is read, and where they were."""

    place: str
    media_type: str
    raw: bytes = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)


def judge(candidate: Candidate, question: Question) -> Proof | Flaw:
    """Verify a candidate; what proves nothing says why, and does no harm to the others."""
    try:
        return prove(candidate, question)
    except SignatureError as error:
        return Flaw(candidate.place, str(error))
    except Exception as error:  # noqa: BLE001 -- libraries raise what they like on hostile bytes
        return Flaw(candidate.place, f"can't be read: {type(error).__name__}: {error}"[:512])


def prove(candidate: Candidate, question: Question) -> Proof:
    """Verify a candidate, or raise whatever is raised."""
    if candidate.media_type in bundle.MEDIA_TYPES:
        return bundle.prove_bundle(candidate.raw, candidate.place, question)
    return legacy.prove_layer(
        candidate.raw, candidate.media_type, candidate.annotations, candidate.place, question
    )
