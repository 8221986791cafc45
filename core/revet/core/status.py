"""The status of a policy, from what the operator did and saw: conditions, counts, findings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from revet.core.conditions import Observed, fold, rank
from revet.core.facts import Facts
from revet.core.model.condition import Condition, Truth
from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_images import Digest
from revet.core.model.policy_network import Canary, Switch
from revet.core.model.policy_status import Counts, HardeningPolicyStatus
from revet.core.runtime.verdict import FEED, VIOLATIONS

_MOST_NAMED: Final = 5
#: A condition that no policy has that never was valid.
_ONLY_OF_VALID: Final = "Enforcing"
_RUNTIME: Final = (VIOLATIONS, FEED)
_IMAGES: Final = "ImagesVerified"
_ISOLATED: Final = "NetworkIsolated"
_NOT_LISTED: Final = "NotListed"
#: Why NetworkIsolated is as it is, where that was found by everything that there is.
_FOUND: Final = frozenset({"Opened", "Partial", "Written"})
_PAUSED: Final = "revet.dev/paused is set: nothing is written or put back"


def policy_status(
    policy: HardeningPolicy | None,
    generation: int,
    facts: Facts,
    old: HardeningPolicyStatus | None,
    now: datetime,
) -> HardeningPolicyStatus:
    """Return the status that the facts call for; `policy` is None where the spec is not valid.

    Equal to `old` where nothing has changed: there is then nothing to write.
    """
    told = old.conditions if old else ()
    # After a start the last counts are told until there are new ones.
    counts = facts.counts or (old.counts if old else None)
    if policy is None:
        # What was in force stays in force: so do the conditions that tell of it.
        conditions = _keep(fold(told, _refuse(facts), generation, now), told)
    else:
        kept = list(_untold(policy, generation, facts, told))
        types = {each.type for each in kept}
        found = (each for each in _observe(policy, facts, counts) if each.type not in types)
        conditions = _keep(fold(told, found, generation, now), kept)
    listens = policy is None or policy.spec.runtime is not None
    before = old if listens else None
    return HardeningPolicyStatus(
        observed_generation=generation,
        conditions=conditions,
        counts=counts,
        top_findings=facts.top if facts.counts else (old.top_findings if old else ()),
        runtime=facts.runtime.summary if facts.runtime else (before.runtime if before else None),
        runtime_findings=(
            facts.runtime.top if facts.runtime else (before.runtime_findings if before else ())
        ),
        # Written by itself, since people write there, too: it stays as it stands.
        held_images=old.held_images if old else (),
    )


def _untold(
    policy: HardeningPolicy, generation: int, facts: Facts, told: Iterable[Condition]
) -> Iterator[Condition]:
    """Yield the conditions of which nothing is known yet: what was told before stays told."""
    unknown: set[str] = set()
    if policy.spec.runtime is not None and facts.runtime is None:
        unknown.update(_RUNTIME)
    if _verifies(policy) and facts.images is None:
        unknown.add(_IMAGES)
    is_pending = _isolated(policy, facts)[1] == _NOT_LISTED and not facts.network_refused
    for each in told:
        was_found = each.reason in _FOUND and each.observed_generation == generation
        if each.type in unknown or (each.type == _ISOLATED and is_pending and was_found):
            yield each


def _verifies(policy: HardeningPolicy) -> bool:
    return policy.spec.images is not None and bool(policy.spec.images.verify)


def _keep(conditions: tuple[Condition, ...], told: Iterable[Condition]) -> tuple[Condition, ...]:
    """Add the conditions that stood and are not told anew."""
    known = {each.type for each in conditions}
    kept = (*conditions, *(each for each in told if each.type not in known))
    return tuple(sorted(kept, key=rank))


def was_valid(status: Mapping[str, Any] | None) -> bool:
    """Return whether a status tells of a version that was valid, be it the newest or not."""
    conditions: Iterable[Mapping[str, Any]] = (status or {}).get("conditions") or ()
    return any(each.get("type") == _ONLY_OF_VALID for each in conditions)


def listed(texts: Sequence[str]) -> str:
    """Join texts, the first few of them, with how many there are beyond."""
    shown = "; ".join(texts[:_MOST_NAMED])
    return shown if len(texts) <= _MOST_NAMED else f"{shown}; and {len(texts) - _MOST_NAMED} more"


def _refuse(facts: Facts) -> Iterator[Observed]:
    message = f"nothing changes until it is valid: {facts.problem}"
    yield Observed("Accepted", Truth.FALSE, "Invalid", message)
    yield Observed("Ready", Truth.FALSE, "Invalid", "the spec is not valid")


def _observe(policy: HardeningPolicy, facts: Facts, counts: Counts | None) -> Iterator[Observed]:
    yield Observed("Accepted", Truth.TRUE, "Valid", _in_force(policy, facts))
    yield Observed("Ready", *_ready(facts))
    yield Observed("Enforcing", *_enforcing(policy, facts))
    yield Observed("Conflicting", *_conflicting(facts))
    yield Observed(_ISOLATED, *_isolated(policy, facts))
    yield Observed("NetworkEnforced", *_enforced(policy, facts))
    yield Observed("BaselineApplied", *_baseline(policy, facts))
    if _verifies(policy):
        yield Observed("SignersUsable", *_signers(facts))
        if facts.images is not None:
            yield Observed(_IMAGES, *facts.images)
    if facts.runtime is not None:
        yield facts.runtime.violations
        yield facts.runtime.feed
    yield Observed("Drifted", *_drifted(facts))
    yield Observed("Compliant", *_compliant(counts))


def _in_force(policy: HardeningPolicy, facts: Facts) -> str:
    """Say what is in force: unknown fields are pruned, so this is what shows a typo."""
    spec = policy.spec
    where = (
        f"{_count(facts.selected, 'namespace')}"
        if facts.selected
        else "no namespace: its selector matches none"
    )
    parts = [f"profile {spec.profile} at {spec.standard_version}, enforcement {spec.enforcement}"]
    parts += [f"{each.id} {each.mode or ''}".strip() for each in spec.controls]
    if spec.images is not None and spec.images.digest is not Digest.DISABLED:
        parts.append(f"images {spec.images.digest}")
    if spec.network is not None:
        parts.append(f"network {spec.network.mode}")
    if spec.namespaces is not None:
        parts.append(f"namespaces {spec.namespaces.mode}")
    return f"{', '.join(parts)}; selects {where}"


def _ready(facts: Facts) -> tuple[Truth, str, str]:
    if facts.paused:
        return Truth.UNKNOWN, "Paused", _PAUSED
    if facts.errors:
        return Truth.FALSE, "Failed", listed(facts.errors)
    return Truth.TRUE, "Applied", "everything that it asks for stands"


def _enforcing(policy: HardeningPolicy, facts: Facts) -> tuple[Truth, str, str]:
    if not facts.needs_fail_entries:
        message = f"enforcement is {policy.spec.enforcement}: nothing is refused"
        return Truth.FALSE, "NotAsked", message
    if facts.paused:
        return Truth.UNKNOWN, "Paused", "revet.dev/paused is set: entries are not put back"
    if facts.waiting:
        return Truth.FALSE, "Waiting", facts.waiting
    return Truth.TRUE, "Enforced", "every ready replica judges by this generation"


def _conflicting(facts: Facts) -> tuple[Truth, str, str]:
    if facts.conflicts:
        return Truth.TRUE, "Contradiction", listed(facts.conflicts)
    return Truth.FALSE, "NoContradiction", "no other policy contradicts it"


def _isolated(policy: HardeningPolicy, facts: Facts) -> tuple[Truth, str, str]:
    network = policy.spec.network
    if network is None or network.mode is not Switch.ENFORCE:
        return Truth.FALSE, "NotAsked", "spec.network.mode is not Enforce: nothing is written"
    if facts.paused:
        return Truth.UNKNOWN, "Paused", _PAUSED
    missing = sorted(set(facts.selected) - set(facts.isolated) - facts.not_isolated.keys())
    if missing:
        return Truth.FALSE, "Incomplete", f"not in {listed(missing)}"
    if facts.network_opened:
        return Truth.FALSE, "Opened", listed(facts.network_opened)
    weaker = f"; {listed(facts.network_weaker)}" if facts.network_weaker else ""
    message = (
        f"default deny ({', '.join(network.isolate)}) stands in "
        f"{_count(facts.isolated, 'namespace')}{_spared(facts.not_isolated)}{weaker}"
    )
    if facts.network_unlisted:
        unlisted = ", ".join(facts.network_unlisted)
        unknown = f"{message}; whether others open it is not known, not listed: {unlisted}"
        return Truth.UNKNOWN, _NOT_LISTED, unknown
    return Truth.TRUE, "Partial" if weaker else "Written", message


def _enforced(policy: HardeningPolicy, facts: Facts) -> tuple[Truth, str, str]:
    network = policy.spec.network
    if network is not None and network.canary is Canary.ENABLED:
        return facts.enforced or (Truth.UNKNOWN, "Pending", "the canary has not run yet")
    if network is None or network.mode is not Switch.ENFORCE:
        return Truth.FALSE, "NotAsked", "spec.network.mode is not Enforce: nothing is written"
    message = "nobody has seen a packet dropped: spec.network.canary is Disabled"
    return Truth.UNKNOWN, "NotProbed", message


def _baseline(policy: HardeningPolicy, facts: Facts) -> tuple[Truth, str, str]:
    namespaces = policy.spec.namespaces
    if namespaces is None or namespaces.mode is not Switch.ENFORCE:
        return Truth.FALSE, "NotAsked", "spec.namespaces.mode is not Enforce: nothing is written"
    if facts.paused:
        return Truth.UNKNOWN, "Paused", _PAUSED
    missing = sorted(set(facts.selected) - set(facts.labelled) - facts.not_labelled.keys())
    if missing:
        return Truth.FALSE, "Incomplete", f"not in {listed(missing)}"
    spared = _spared(facts.not_labelled)
    respected = f"; {listed(facts.respected)}" if facts.respected else ""
    if facts.baseline:
        return Truth.TRUE, "Weaker", f"{listed(facts.baseline)}{respected}{spared}"
    written = f"in {_count(facts.labelled, 'namespace')}{respected}{spared}"
    return Truth.TRUE, "Respected" if facts.respected else "Written", written


def _signers(facts: Facts) -> tuple[Truth, str, str]:
    if facts.signers is None:
        return Truth.UNKNOWN, "NotTold", "not every replica of the webhook has told of them yet"
    if facts.signers:
        return Truth.FALSE, "Unusable", facts.signers
    return Truth.TRUE, "Usable", "the webhook has read all keys and trust roots that are named"


def _spared(reasons: Mapping[str, str]) -> str:
    """Say where nothing is to be written, and why; nothing where there is no such namespace."""
    told = [f"{namespace}: {reason}" for namespace, reason in sorted(reasons.items())]
    return f"; nothing is written in {listed(told)}" if told else ""


def _drifted(facts: Facts) -> tuple[Truth, str, str]:
    if not facts.drifts:
        return Truth.FALSE, "AsWritten", "nobody has edited what was written of late"
    reason = "Contested" if facts.contested else "Reported" if facts.left else "Corrected"
    return Truth.TRUE, reason, listed(facts.drifts)


def _compliant(counts: Counts | None) -> tuple[Truth, str, str]:
    if counts is None:
        return Truth.UNKNOWN, "NotAudited", "what stands was not judged yet"
    if counts.non_compliant:
        return Truth.FALSE, "Findings", f"{counts.non_compliant} workloads or objects break it"
    if counts.not_checked:
        message = f"{counts.not_checked} workloads or objects could not be judged"
        return Truth.UNKNOWN, "NotChecked", message
    return Truth.TRUE, "NoFindings", "nothing that stands breaks it"


def _count(things: Sequence[str], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
