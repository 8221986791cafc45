"""sandbox-runtime: pods of these namespaces run in a sandbox.

Fields: spec.runtimeClassName
Allowed: what the policy names; any, where it names none
"""

from collections.abc import Iterator

from revet.core.check import (
    AdjustableRevision,
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Parameter,
    Profiles,
)
from revet.core.model.pod import Pod
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion


def _sandbox_runtime(pod: Pod, settings: Settings) -> Iterator[Finding]:
    name = pod.spec.runtime_class_name
    if name and (not settings.allow or name in settings.allow):
        return
    wanted = " or ".join(sorted(settings.allow)) or "set"
    yield Finding(
        "sandbox-runtime",
        "/spec/runtimeClassName",
        f"runtimeClassName is {name or 'not set'}, must be {wanted}",
        None,
        Fix(f"runtimeClassName: {min(settings.allow, default='NAME')}"),
    )


CHECK = Check(
    id="sandbox-runtime",
    title="In a sandboxed runtime",
    tier=3,
    revisions=(AdjustableRevision(KubeVersion(1, 0), _sandbox_runtime),),
    profiles=Profiles(Default.DISABLED, Default.DISABLED, Default.DISABLED),
    parameters=(
        Parameter("allow", "Names of RuntimeClasses, such as gvisor; any, if none is named."),
    ),
    explanation=Explanation(
        what="runtimeClassName is set, to one of those that the policy names. No profile has it "
        "on: switch it on in a policy for the namespaces that run what nobody trusts.",
        why="Code of strangers is one kernel bug away from the node; gVisor, Kata and the like "
        "put a second wall there.",
        fix="""\
spec:
  runtimeClassName: gvisor""",
        breaks="Programs that need system calls or devices that the sandbox has not.",
    ),
)
