"""What a policy sets of a control beside its mode, as the checks take it."""

from dataclasses import dataclass
from typing import Final

from revet.core.model.image_facts import Demand, RegistryAccess
from revet.core.model.policy_status import HeldImage


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one control under one policy; which of them it reads, the catalog says.

    Attributes:
        allow: values that pass besides those that always do.
        writable_paths: where a container gets a writable emptyDir.
        max_expiration_s: the longest life of a token, in seconds; None: the control's own.
        min_user_id: the least user id; None: the control's own.
        ports: port numbers that count besides those that always do.
        registries: where images may come from: prefixes that end in a slash; empty: anywhere.
        profile: the name of the policy's.
        pins: whom to ask for the digests that tags stand for; None: nobody, tags stay.
        demand: what is asked of the signatures of images; None: nothing.
        held: the images of which new pods are to be told.

    """

    allow: frozenset[str] = frozenset()
    writable_paths: tuple[str, ...] = ()
    max_expiration_s: int | None = None
    min_user_id: int | None = None
    ports: frozenset[int] = frozenset()
    registries: tuple[str, ...] = ()
    profile: str = "restricted"
    pins: RegistryAccess | None = None
    demand: Demand | None = None
    held: tuple[HeldImage, ...] = ()


DEFAULT_SETTINGS: Final = Settings()
