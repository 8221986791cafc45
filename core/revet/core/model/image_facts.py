"""What registries say of images, and whom a policy lets us ask: unknown is an answer too."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from revet.core.model.policy_images import Images, RegistryHost, Verification

#: The controls that judge by what a registry says; `images.onUnknown` is about these.
FROM_REGISTRIES: Final = frozenset({"image-digest", "image-signature"})


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
class Demand:
    """What a policy asks of signatures. Equal ones share what they learn.

    Attributes:
        key: what tells one from another.
        access: which registries may be asked.
        verifications: what is asked of which images.

    """

    key: str
    access: RegistryAccess = field(compare=False)
    verifications: tuple[Verification, ...] = field(compare=False)

    @classmethod
    def of(cls, images: Images) -> "Demand":
        """Take from a policy what it says of signatures; its globs name registries, too."""
        access = RegistryAccess.of(images)
        globs = (glob for each in images.verify for glob in each.images)
        hosts = (glob.partition("/")[0] for glob in globs if "/" in glob)
        named = access.named | {host for host in hosts if not {"*", "?"} & set(host)}
        told = images.model_dump_json(include={"verify"})
        whole = RegistryAccess(
            f"{access.key} {sorted(named)}", named, access.hosts, access.use_pod_pull_secrets
        )
        return cls(f"{whole.key} {told}", whole, images.verify)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an image's signatures, or why that can't be told."""

    text: str
    is_unknown: bool = False


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

    def faults(self, demand: Demand, image: str) -> tuple[Fault, ...] | None:  # noqa: ARG002
        """Return what is wrong with `NAME@DIGEST`, canonical; None: nobody was asked."""
        return None

    def running(self, pointer: str) -> str | None:  # noqa: ARG002
        """Return the digest that a node tells of the tag there, empty where it tells none.

        None: its own digest counts, if there is one.
        """
        return None


class Told(ImageFacts):
    """What was asked before an object is judged."""

    def __init__(
        self,
        answers: Mapping[tuple[str, str], Answer],
        faults: Mapping[tuple[str, str], tuple[Fault, ...]] | None = None,
        stale: Iterable[str] = (),
    ) -> None:
        """Take answers by the access' key and the reference, faults by the demand's and the image.

        `stale` is what is to be said of faults, or that there are none, as of some time ago.
        """
        self._answers = answers
        self._faults = faults or {}
        resolved = (each for each in answers.values() if isinstance(each, Resolved))
        self.stale = tuple(sorted({*stale, *(each.stale for each in resolved if each.stale)}))

    def joined(
        self, faults: Mapping[tuple[str, str], tuple[Fault, ...]], stale: Iterable[str]
    ) -> "Told":
        """Return the same, and what was found out of signatures."""
        return Told(self._answers, faults, (*self.stale, *stale))

    def faults(self, demand: Demand, image: str) -> tuple[Fault, ...] | None:
        """Return what is wrong, if this was asked."""
        return self._faults.get((demand.key, image))

    def answer(self, access: RegistryAccess, reference: str) -> Answer | None:
        """Return the answer, if this was asked."""
        return self._answers.get((access.key, reference))


NOT_ASKED: Final = ImageFacts()
