"""dedicated-sa: no pod runs as the default ServiceAccount.

Fields: spec.serviceAccountName
Allowed: any name but default
"""

from collections.abc import Iterator

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Profiles,
    Revision,
)
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion


def _dedicated_sa(pod: Pod) -> Iterator[Finding]:
    # As the API server reads it: the old name counts where the new one is not set.
    name = pod.spec.service_account_name or pod.spec.service_account
    if name in {None, "", "default"}:
        yield Finding(
            "dedicated-sa",
            "/spec/serviceAccountName",
            f"serviceAccountName is {name or 'not set'}, must be one of the workload's own",
            None,
            Fix("serviceAccountName: NAME, with a ServiceAccount of that name"),
        )


CHECK = Check(
    id="dedicated-sa",
    title="A ServiceAccount of its own",
    tier=2,
    revisions=(Revision(KubeVersion(1, 0), _dedicated_sa),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    explanation=Explanation(
        what="serviceAccountName is set, and not to default.",
        why="Workloads that share an identity share its rights, and the audit log cannot tell "
        "them apart.",
        fix="""\
spec:
  serviceAccountName: api""",
        breaks="Workloads without a ServiceAccount of their own; making one without rights is "
        "enough.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.1.5"),
        ("Kubernetes STIG", "V-242381"),
        ("NIST 800-53 r5", "IA-4"),
    ),
)
