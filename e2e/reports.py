"""The CRDs of the APIs of reports: what other tools install, and we only write to."""

from pathlib import Path
from typing import Any, Final

import yaml

#: Of github.com/openreports/reports-api v0.2.1, config/crd: Apache License 2.0, unchanged.
REPORTS_CRD: Final = Path(__file__).parent / "data" / "openreports.io_reports.yaml"
_OLDER: Final = "wgpolicyk8s.io"


def older_crd() -> dict[str, Any]:
    """Return the CRD of the forerunner, v1alpha2, which OpenReports took its schema from.

    What it differs in, as far as we write it: names, two fields of the report that only results
    have there, and fewer severities.
    """
    crd: dict[str, Any] = yaml.safe_load(REPORTS_CRD.read_text(encoding="utf-8"))
    names = {"kind": "PolicyReport", "plural": "policyreports", "singular": "policyreport"}
    crd["metadata"] = {"name": f"policyreports.{_OLDER}"}
    crd["spec"] |= {"group": _OLDER, "names": {**names, "listKind": "PolicyReportList"}}
    [version] = crd["spec"]["versions"]
    version["name"] = "v1alpha2"
    fields = version["schema"]["openAPIV3Schema"]["properties"]
    for only_there in ("source", "configuration"):
        del fields[only_there]
    fields["results"]["items"]["properties"]["severity"]["enum"] = ["high", "low", "medium"]
    return crd
