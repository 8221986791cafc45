"""psa-labels: the in-tree Pod Security plugin enforces the profile's level, too.

Fields: metadata.labels["pod-security.kubernetes.io/enforce"] of a Namespace
Allowed: the level of the policy's profile (restricted for high), or a stricter one
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    ItemRule,
    Parameter,
    Profiles,
)
from revet.core.item import Item
from revet.core.kinds import POD_SECURITY
from revet.core.model.namespace import Namespace
from revet.core.model.settings import Settings
from revet.core.pointer import join

_LEVELS: Final = ("privileged", "baseline", "restricted")
_ASKED: Final = {"baseline": "baseline", "restricted": "restricted", "high": "restricted"}


def _psa_labels(item: Item[Namespace], settings: Settings) -> Iterator[Finding]:
    asked = _ASKED[settings.profile]
    level = (item.metadata.labels or {}).get(POD_SECURITY)
    enough = {*_LEVELS[_LEVELS.index(asked) :], *settings.allow}
    if level not in enough:
        told = f"is {level}" if level else "is not set"
        allowed = " or ".join(each for each in _LEVELS if each in enough)
        yield Finding(
            "psa-labels",
            join("metadata", "labels", POD_SECURITY),
            f"{POD_SECURITY} {told}, must be {allowed}",
            None,
            Fix(f"{POD_SECURITY}: {asked}"),
        )


CHECK = Check(
    id="psa-labels",
    title="Pod Security labels as strict as the profile",
    tier=2,
    items=(ItemRule(("Namespace",), _psa_labels),),
    profiles=Profiles(Default.WARN, Default.WARN, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Levels that are enough besides: privileged, baseline or restricted."),
    ),
    explanation=Explanation(
        what="The namespace's label pod-security.kubernetes.io/enforce is the profile's level or a "
        "stricter one: baseline under the profile baseline, else restricted. At admission only a "
        "new namespace that has the label is judged, by policies about all namespaces; one without "
        "may still get it. The audit and revet check find both.",
        why="The plugin is part of the API server: it goes on refusing while Revet is down.",
        fix="""\
metadata:
  labels:
    pod-security.kubernetes.io/enforce: restricted""",
        breaks="Pods that the level forbids, whatever this policy allows besides; a policy with "
        "controls that are looser than the level names the weaker one in allow. The policy's "
        "spec.namespaces writes the labels.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.2.1"),
        ("Kubernetes STIG", "V-254800"),
    ),
)
