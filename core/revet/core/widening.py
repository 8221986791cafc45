"""Whether a foreign edit admits more than ours: such edits are undone at once, however often."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from revet.core import bounds
from revet.core.model.meta import Manifest
from revet.core.plan import differs, has_same_terms, index_by_name

#: Any change of what these say may let through what ours refuse.
_WHOLE: Final = frozenset(
    {
        "NetworkPolicy",
        "CiliumNetworkPolicy",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        *bounds.KINDS,
    }
)
_WEBHOOKS: Final = frozenset({"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"})
_AUTOMOUNT: Final = "automountServiceAccountToken"
_ENFORCING: Final = (
    "pod-security.kubernetes.io/enforce",
    "pod-security.kubernetes.io/enforce-version",
)


def widens(desired: Manifest, live: Manifest | None, tolerated_keys: Collection[str] = ()) -> bool:
    """Return whether the live object, or its absence, admits more than `desired` does."""
    if live is None:
        return True
    kind = desired["kind"]
    if kind in _WHOLE:
        return differs(_spec_only(desired), _spec_only(live)) is not None
    if kind == "Namespace":
        return any(_label(desired, key) not in {None, _label(live, key)} for key in _ENFORCING)
    if kind == "ServiceAccount":
        return bool(live.get(_AUTOMOUNT) is not desired.get(_AUTOMOUNT))
    if kind not in _WEBHOOKS:
        return False
    there = index_by_name(live.get("webhooks")) or {}
    return any(
        entry["name"] not in there or _entry_widens(entry, there[entry["name"]], tolerated_keys)
        for entry in desired["webhooks"]
    )


def _spec_only(manifest: Manifest) -> Manifest:
    return {"kind": manifest["kind"], "metadata": {}, "spec": manifest.get("spec")}


def _label(manifest: Manifest, key: str) -> str | None:
    labels: Mapping[str, str] = manifest["metadata"].get("labels") or {}
    return labels.get(key)


def _entry_widens(ours: Manifest, theirs: Manifest, tolerated: Collection[str]) -> bool:
    """Compare field by field: a field that is not known to narrow counts as widening."""
    return any(
        _field_widens(field, ours.get(field), theirs.get(field), tolerated)
        for field in ours.keys() | theirs.keys()
    )


def _field_widens(field: str, ours: Any, theirs: Any, tolerated: Collection[str]) -> bool:  # noqa: ANN401 # any JSON
    match field:
        case "namespaceSelector":
            # Equal but for tolerated terms, or some of our terms only, which selects more.
            return not (
                has_same_terms(ours or {}, theirs or {}, tolerated)
                or has_same_terms(theirs or {}, ours or {}, _keys(ours or {}))
            )
        case "failurePolicy":
            return theirs not in {ours, "Fail"}
        case "timeoutSeconds":
            return not isinstance(theirs, int) or theirs < ours
        case "rules":
            return not _is_among(ours, theirs)
        case "matchConditions":
            return not _is_among(theirs, ours)
        case _:
            return bool(theirs != ours and (theirs or ours))


def _is_among(some: list[Manifest] | None, others: list[Manifest] | None) -> bool:
    """Return whether each of `some` is one of the `others`."""
    return all(each in (others or []) for each in some or [])


def _keys(selector: Manifest) -> set[str]:
    labels: Mapping[str, str] = selector.get("matchLabels") or {}
    expressions: list[Manifest] = selector.get("matchExpressions") or []
    return {*labels, *(each["key"] for each in expressions)}
