"""The report of one policy in one namespace: what breaks it there, in the words of OpenReports.

https://github.com/openreports/reports-api, and its forerunner of wgpolicyk8s.io, which some tools
still read. Failures only: what passes is not told, and what could not be judged only counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from typing import Final

from revet.core.audit import Found, Record
from revet.core.checks import ALL
from revet.core.model.catalog import CONTROLS
from revet.core.model.meta import FIELD_MANAGER, POLICY_ANNOTATION, Manifest, render_metadata
from revet.core.model.policy import HardeningPolicy
from revet.core.render.owned import policy_owner

MOST_RESULTS: Final = 500
#: How many failures there was no room for.
TRUNCATED_ANNOTATION: Final = "revet.dev/truncated"
#: Of the results, so that nobody need read them to know whether they are still so.
DIGEST_ANNOTATION: Final = "revet.dev/digest"
#: By tier: it cuts an attacker's path, it makes one harder, it is for audits. Both APIs know these.
_SEVERITIES: Final = ("high", "medium", "low")
SEVERITY: Final = {check.id: _SEVERITIES[check.tier - 1] for check in ALL}
_ORDER: Final = {control: index for index, control in enumerate(CONTROLS)}
_LONGEST_MESSAGE: Final = 256


@dataclass(frozen=True, slots=True)
class Form:
    """An API that reports are written in; the first one that is served is taken."""

    api_version: str
    kind: str
    #: Whether the report itself says who made it, and what it is limited to.
    is_told_once: bool


OPENREPORTS: Final = Form("openreports.io/v1alpha1", "Report", is_told_once=True)
WGPOLICY: Final = Form("wgpolicyk8s.io/v1alpha2", "PolicyReport", is_told_once=False)
FORMS: Final = (OPENREPORTS, WGPOLICY)


def report_name(policy: str) -> str:
    """Return the name of a policy's reports; a policy's own may be too long."""
    return f"revet-{sha256(policy.encode()).hexdigest()[:20]}"


def render_report(
    form: Form, policy: HardeningPolicy, namespace: str, records: Iterable[Record]
) -> Manifest | None:
    """Return the report of what a policy finds in a namespace; None where nothing breaks it."""
    records = list(records)
    failures = _fold(records)
    if not failures:
        return None
    shown = failures[:MOST_RESULTS]
    unknown = {(each.key, found.control) for each in records for found in each.found}
    unknown -= {(record.key, found.control) for record, found in failures}
    body: Manifest = {
        "scope": {"apiVersion": "v1", "kind": "Namespace", "name": namespace},
        "summary": {"error": len(unknown), "fail": len(failures)},
        "results": [_result(form, namespace, *each) for each in shown],
    }
    if form.is_told_once:
        body["source"] = FIELD_MANAGER
        limits = {"maxResults": MOST_RESULTS, "statusFilter": ["fail"]}
        body["configuration"] = {"limits": limits}
    annotations = {POLICY_ANNOTATION: policy.metadata.name}
    if len(shown) < len(failures):
        annotations[TRUNCATED_ANNOTATION] = str(len(failures) - len(shown))
    annotations[DIGEST_ANNOTATION] = digest({**body, "form": form.api_version})
    name, owner = report_name(policy.metadata.name), policy_owner(policy)
    metadata = render_metadata(name, owner, namespace, annotations)
    return {"apiVersion": form.api_version, "kind": form.kind, "metadata": metadata, **body}


def digest(value: object) -> str:
    """Return what tells two contents apart."""
    return sha256(dumps(value, sort_keys=True).encode()).hexdigest()[:20]


def _fold(records: Iterable[Record]) -> list[tuple[Record, Found]]:
    """Return each failure of each workload once, what would deny first, then by the catalog."""
    folded: dict[tuple[str, str, str], tuple[Record, Found]] = {}
    for record in records:
        for found in record.found:
            if not found.is_unknown:
                place = (record.key, found.control, found.message)
                folded.setdefault(place, (record, found))
    return sorted(folded.values(), key=_rank)


def _rank(failure: tuple[Record, Found]) -> tuple[bool, int, str, str]:
    record, found = failure
    return not found.would_deny, _ORDER[found.control], record.workload, found.message


def _result(form: Form, namespace: str, record: Record, found: Found) -> Manifest:
    kind, _, name = record.workload.partition("/")
    place: Manifest = {"apiVersion": record.api_version, "kind": kind, "name": name}
    if kind != "Namespace":
        place["namespace"] = namespace
    said = {} if form.is_told_once else {"source": FIELD_MANAGER}
    return {
        **said,
        "policy": record.policy,
        "rule": found.control,
        "result": "fail",
        "severity": SEVERITY[found.control],
        "message": found.message[:_LONGEST_MESSAGE],
        "resources": [place],
    }
