"""The status of a policy: what it says of one that is not valid, or paused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from revet.core.canary import Verdict
from revet.core.facts import Facts
from revet.core.model.condition import Truth
from revet.core.model.policy_status import HardeningPolicyStatus
from revet.core.status import policy_status, was_valid
from tests.support.policy_builder import build_policy

NOW: Final = datetime(2026, 1, 2, tzinfo=UTC)
POLICY: Final = build_policy(
    enforcement="Enforce",
    network={"mode": "Enforce"},
    namespaces={"mode": "Enforce", "podSecurity": {"enforce": "restricted"}},
)
FACTS: Final = Facts(selected=["a"], isolated=["a"], labelled=["a"], needs_fail_entries=True)
GOOD: Final = policy_status(POLICY, 1, FACTS, None, NOW)
BAD: Final = Facts(problem="spec.profile: is required")


def _told(status: HardeningPolicyStatus) -> dict[str, tuple[str, str, int]]:
    return {
        each.type: (each.status, each.reason, each.observed_generation)
        for each in status.conditions
    }


def test_conditions_of_what_stays_in_force_stay() -> None:
    later = NOW + timedelta(hours=1)
    status = policy_status(None, 2, BAD, GOOD, later)
    told = _told(status)
    assert told.pop("Accepted") == ("False", "Invalid", 2)
    assert told.pop("Ready") == ("False", "Invalid", 2)
    assert told == {key: each for key, each in _told(GOOD).items() if key in told}
    assert told["Enforcing"] == ("True", "Enforced", 1)
    assert policy_status(None, 2, BAD, status, later + timedelta(hours=1)) == status
    assert _told(policy_status(POLICY, 3, FACTS, status, later)).keys() == _told(GOOD).keys()


def test_a_status_tells_whether_there_was_a_valid_version() -> None:
    never = policy_status(None, 1, BAD, None, NOW)
    since = policy_status(None, 2, BAD, GOOD, NOW)
    assert [was_valid(each.model_dump(mode="json")) for each in (never, GOOD, since)] == [
        False,
        True,
        True,
    ]
    assert not was_valid(None)
    assert not was_valid({})


def test_what_is_in_force_of_images_is_told() -> None:
    """Unknown fields are pruned: whoever misspells `digest` sees it missing here."""

    def told(**images: object) -> str:
        policy = build_policy(images={"registries": ["r.example/"], **images})
        conditions = policy_status(policy, 1, FACTS, None, NOW).conditions
        return next(each.message for each in conditions if each.type == "Accepted")

    assert "enforcement Audit, images Pin; selects" in told(digest="Pin")
    assert "enforcement Audit; selects" in told()


def test_of_a_paused_policy_nothing_is_claimed() -> None:
    status = policy_status(POLICY, 1, replace(FACTS, paused=True), GOOD, NOW)
    told = _told(status)
    for each in ("Ready", "Enforcing", "NetworkIsolated", "BaselineApplied"):
        assert told[each] == ("Unknown", "Paused", 1)


def test_what_others_open_is_not_known_before_all_was_listed() -> None:
    pending = replace(FACTS, network_unlisted=["Pod", "NetworkPolicy"])
    new = policy_status(POLICY, 1, pending, None, NOW)
    assert _told(new)["NetworkIsolated"] == ("Unknown", "NotListed", 1)
    assert "not listed: Pod, NetworkPolicy" in new.conditions[_index(new)].message
    # At a start of ours what was told before is not taken back for a moment.
    opened = policy_status(POLICY, 1, replace(FACTS, network_opened=["x opens it"]), None, NOW)
    for old in (GOOD, opened):
        again = policy_status(POLICY, 1, pending, old, NOW + timedelta(hours=1))
        assert again == old
    # But for what was not found of this version.
    for old in (GOOD, policy_status(POLICY, 2, replace(FACTS, paused=True), None, NOW)):
        after = policy_status(POLICY, 2, pending, old, NOW)
        assert _told(after)["NetworkIsolated"] == ("Unknown", "NotListed", 2)
    # What is missing is known, and what may not be read is not known soon.
    gone = policy_status(POLICY, 1, replace(pending, isolated=[]), GOOD, NOW)
    assert _told(gone)["NetworkIsolated"] == ("False", "Incomplete", 1)
    refused = policy_status(POLICY, 1, replace(pending, network_refused=True), GOOD, NOW)
    assert _told(refused)["NetworkIsolated"] == ("Unknown", "NotListed", 1)


def _index(status: HardeningPolicyStatus) -> int:
    return [each.type for each in status.conditions].index("NetworkIsolated")


def test_where_nothing_is_to_be_written_nothing_is_missing() -> None:
    spared = replace(
        FACTS,
        selected=["a", "b", "kube-system"],
        not_isolated={"kube-system": "a system namespace", "b": "it is being deleted"},
        not_labelled={"b": "it is being deleted"},
        labelled=["a", "kube-system"],
    )
    messages = {
        each.type: (each.status.value, each.reason, each.message)
        for each in policy_status(POLICY, 1, spared, None, NOW).conditions
    }
    written = "; nothing is written in b: it is being deleted"
    status, reason, message = messages["NetworkIsolated"]
    assert (status, reason) == ("True", "Written")
    assert f"stands in 1 namespace{written}; kube-system: a system namespace" in message
    assert messages["BaselineApplied"] == ("True", "Written", f"in 2 namespaces{written}")
    missing = replace(spared, isolated=[], labelled=["kube-system"])
    told = {each.type: each for each in policy_status(POLICY, 1, missing, None, NOW).conditions}
    for kind in ("NetworkIsolated", "BaselineApplied"):
        assert (told[kind].reason, told[kind].message) == ("Incomplete", "not in a")


@pytest.mark.parametrize("mode", ["Audit", "Enforce"])
def test_what_the_canary_shows_is_told_and_nothing_before(mode: str) -> None:
    def told(wish: str, facts: Facts) -> tuple[str, str]:
        asked = build_policy(network={"mode": mode, "canary": wish})
        return _told(policy_status(asked, 1, facts, None, NOW))["NetworkEnforced"][:2]

    dropped = replace(FACTS, enforced=Verdict(Truth.TRUE, "Dropped", "it was"))
    assert told("Enabled", FACTS) == ("Unknown", "Pending")
    assert told("Enabled", dropped) == ("True", "Dropped")
    unasked = ("Unknown", "NotProbed") if mode == "Enforce" else ("False", "NotAsked")
    assert told("Disabled", dropped) == unasked


@pytest.mark.parametrize(
    ("signers", "told"),
    [
        (None, ("Unknown", "NotTold", 1)),
        ("", ("True", "Usable", 1)),
        ('rule "ci": is no key', ("False", "Unusable", 1)),
    ],
)
def test_keys_that_cannot_be_used_are_told(signers: str | None, told: tuple[str, str, int]) -> None:
    rule = {"name": "ci", "images": ["*"], "anyOf": [{"key": {"pem": "x"}}]}
    policy = build_policy(images={"verify": [rule]})
    facts = replace(FACTS, signers=signers)
    assert _told(policy_status(policy, 1, facts, None, NOW))["SignersUsable"] == told
    # Who wants no signatures is told nothing of them.
    assert "SignersUsable" not in _told(policy_status(POLICY, 1, facts, None, NOW))


def test_what_runs_is_told_where_signatures_are_asked_for() -> None:
    rule = {"name": "ci", "images": ["*"], "anyOf": [{"key": {"pem": "x"}}]}
    asking = build_policy(images={"verify": [rule]})
    verified = replace(FACTS, images=(Truth.TRUE, "Verified", "2 images that run"))
    good = policy_status(asking, 1, verified, None, NOW)
    for policy, facts, old, told in (
        (asking, FACTS, None, None),
        (asking, verified, None, ("True", "Verified", 1)),
        (POLICY, verified, None, None),
        # After a start what was told stays until there is something new.
        (asking, FACTS, good, ("True", "Verified", 1)),
        (POLICY, FACTS, good, None),
    ):
        assert _told(policy_status(policy, 1, facts, old, NOW)).get("ImagesVerified") == told
