"""What the operator knows of a policy's effect: what the status is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from revet.core.canary import Verdict as CanaryVerdict
from revet.core.model.condition import Truth
from revet.core.model.policy_status import Counts, TopFinding
from revet.core.runtime.verdict import Verdict


@dataclass(slots=True)
class Facts:
    """What is known of one policy's effect.

    Attributes:
        problem: why the spec is not valid; empty where it is.
        paused: whether people asked us to keep our hands off.
        selected: the namespaces that it selects.
        needs_fail_entries: whether it enforces anywhere.
        waiting: what its Fail entries wait for; empty where they stand and every replica judges by
            this generation.
        errors: what could not be written, and why.
        isolated: the namespaces in which its NetworkPolicies stand.
        not_isolated: those in which none is to be written, each with the reason.
        network_weaker: what NetworkPolicies can't give of what it asks for, in words.
        network_opened: other people's NetworkPolicies that open what its own close, in words.
        network_unlisted: the kinds without which neither of both is known; `network_refused` where
            one of them may not be read, so that it will not be known soon.
        baseline: what differs from the Pod Security labels that were asked for, in words.
        labelled: the namespaces in which all of its baselines stand: labels, quota and so on.
        not_labelled: those in which none is to be written, each with the reason.
        respected: what stands there that others wrote, in words.
        conflicts: contradictions with other policies, in words.
        drifts: foreign edits of late, in words; `contested` where they come again and again.
        contested: whether one of them is being contested.
        left: whether one of them stays as it is, because the policy only wants to be told.
        counts: of the last audit; None before the first.
        top: of the last audit.
        signers: which keys and trust roots the webhook can't use, in words; empty where it can use
            all, None where no replica has told of all.
        images: what was found of the images that run; None where that is not known yet.
        runtime: what is told of the runtime sensors; None where that is not known yet.
        enforced: what the canary has shown; None where it has not run yet.

    """

    problem: str = ""
    paused: bool = False
    selected: Sequence[str] = ()
    needs_fail_entries: bool = False
    waiting: str = ""
    errors: list[str] = field(default_factory=list)
    isolated: Sequence[str] = ()
    not_isolated: Mapping[str, str] = field(default_factory=dict[str, str])
    network_weaker: Sequence[str] = ()
    network_opened: Sequence[str] = ()
    network_unlisted: Sequence[str] = ()
    network_refused: bool = False
    baseline: Sequence[str] = ()
    labelled: Sequence[str] = ()
    not_labelled: Mapping[str, str] = field(default_factory=dict[str, str])
    respected: Sequence[str] = ()
    conflicts: Sequence[str] = ()
    drifts: Sequence[str] = ()
    contested: bool = False
    left: bool = False
    counts: Counts | None = None
    top: tuple[TopFinding, ...] = ()
    signers: str | None = None
    images: tuple[Truth, str, str] | None = None
    runtime: Verdict | None = None
    enforced: CanaryVerdict | None = None
