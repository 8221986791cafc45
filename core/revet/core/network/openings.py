"""Which NetworkPolicies of other people still allow something to a pod: all of them add up."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from revet.core.errors import ManifestError
from revet.core.model.meta import is_labelled
from revet.core.network.records import NetworkPolicyRecord, read_record
from revet.core.render.owned import is_policys


def find_openings(labels: Mapping[str, str], policies: Iterable[dict[str, Any]]) -> list[str]:
    """Return the names of those that select a pod with these labels and have a rule in force.

    Whether the other end of a rule is there is not looked at: it may come any time.
    """
    foreign = (each for each in policies if not (is_labelled(each) and is_policys(each)))
    return sorted(each["metadata"]["name"] for each in foreign if _opens(each, labels))


def _opens(manifest: dict[str, Any], labels: Mapping[str, str]) -> bool:
    try:
        record: NetworkPolicyRecord = read_record("NetworkPolicy", msgspec.json.encode(manifest))
    except ManifestError:
        return True  # what can't be read may allow anything
    spec = record.spec
    rules = (*spec.ingress_in_force, *spec.egress_in_force)
    return bool(rules) and spec.pod_selector.matches(labels)
