"""What registries say of images, and whom a policy lets us ask: unknown is an answer too."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from revet.core.model.policy_images import Images, RegistryHost

#: The controls that judge by what a registry says; `images.onUnknown` is about these.
FROM_REGISTRIES: Final = frozenset({"image-digest"})


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """Which registries a policy names, and how they are reached. Equal ones share what they learn.

    Attributes:
        key: what tells one from another.
        named: the hosts that may be asked; no other ever is.
        hosts: how some of them are reached.
        use_pod_pull_secrets: whether the pod's own credentials may be used.

    """

    key: str
    named: frozenset[str] = field(compare=False)
    hosts: tuple[RegistryHost, ...] = field(compare=False)
    use_pod_pull_secrets: bool = field(compare=False)

    @classmethod
    def of(cls, images: Images) -> "RegistryAccess":
        """Take from a policy what it says of registries."""
        told = images.model_dump_json(include={"registries", "hosts", "use_pod_pull_secrets"})
        named = {each.partition("/")[0] for each in images.registries}
        named |= {each.host for each in images.hosts}
        return cls(told, frozenset(named), images.hosts, images.use_pod_pull_secrets)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A tag stands for this digest; `stale` says so where that was some time ago, and why."""

    digest: str
    stale: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """The registry says that there is no such image."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It could not be told in time: who was asked, and what came of it."""

    reason: str


Answer: TypeAlias = Resolved | Absent | Unknown


class ImageFacts:
    """Answers what a control asks of an image; this one was told nothing.

    Attributes:
        stale: what is to be said of answers that are not new.

    """

    stale: tuple[str, ...] = ()

    def answer(self, access: RegistryAccess, reference: str) -> Answer | None:  # noqa: ARG002
        """Return what is known of a reference, as it is written; None: nobody was asked."""
        return None


class Told(ImageFacts):
    """What was asked before an object is judged."""

    def __init__(self, answers: Mapping[tuple[str, str], Answer]) -> None:
        """Take answers by the access' key and the reference."""
        self._answers = answers
        resolved = (each for each in answers.values() if isinstance(each, Resolved))
        self.stale = tuple(sorted({each.stale for each in resolved if each.stale}))

    def answer(self, access: RegistryAccess, reference: str) -> Answer | None:
        """Return the answer, if this was asked."""
        return self._answers.get((access.key, reference))


NOT_ASKED: Final = ImageFacts()
