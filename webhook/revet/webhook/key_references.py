"""Which objects hold the keys and trust roots that policies name; apart from their use.

Whoever verifies needs libraries that take half a second to import, and many don't verify.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.policy_images import Verification
from revet.core.model.policy_signers import Authority
from revet.verify.public_good import CONFIG_MAP_NAME
from revet.webhook.references import CONFIG_MAP, SECRET, Reference

#: Where the operator keeps the newest root of the public instance.
PUBLIC_ROOT: Final = Reference(CONFIG_MAP, CONFIG_MAP_NAME)


def list_key_references(policies: Iterable[CompiledPolicy]) -> list[Reference]:
    """Return the objects that hold what policies verify by."""
    return [
        reference
        for policy in policies
        if policy.demand is not None
        for item in policy.demand.verifications
        for reference in references_of(item)
    ]


def references_of(item: Verification) -> Iterator[Reference]:
    """Yield the objects that one verification names."""
    if item.trust_root is None:
        yield PUBLIC_ROOT
    else:
        yield Reference(CONFIG_MAP, item.trust_root.config_map_ref.name)
    yield from _authorities(item.any_of)
    for attestation in item.attestations:
        yield from _authorities(attestation.vex_signers or ())


def _authorities(authorities: Iterable[Authority]) -> Iterator[Reference]:
    for each in authorities:
        if each.key is not None and each.key.config_map_ref is not None:
            yield Reference(CONFIG_MAP, each.key.config_map_ref.name)
        if each.key is not None and each.key.secret_ref is not None:
            yield Reference(SECRET, each.key.secret_ref.name)
