"""drop-all-capabilities (restricted, from 1.22): containers drop ALL, and add one at most.

Fields: spec.containers[*].securityContext.capabilities.drop
Allowed: a list with ALL
Fields: spec.containers[*].securityContext.capabilities.add
Allowed: undefined, [NET_BIND_SERVICE], and what the policy allows besides
"""

from collections.abc import Iterator, Sequence
from typing import Final

from revet.core.check import (
    AdjustableRevision,
    Assignment,
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Level,
    Parameter,
    Profiles,
)
from revet.core.model.container import Container
from revet.core.model.pod import Pod
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion

_ALLOWED: Final = "NET_BIND_SERVICE"
#: Some drop a dozen by name: those would fill a warning, and what is asked would be cut off.
_MOST_SHOWN: Final = 3
_HINT: Final = "securityContext: {capabilities: {drop: [ALL]}}"


def _capabilities_1_22(pod: Pod, settings: Settings) -> Iterator[Finding]:
    for pointer, container in pod.containers:
        context = container.security_context
        capabilities = context.capabilities if context is not None else None
        if capabilities is None:
            yield _not_dropped(pointer, container.name, "not set", _patch(pod, pointer, container))
            continue
        drop = capabilities.drop or ()
        if "ALL" not in drop:
            yield _not_dropped(pointer, container.name, f"[{_some(drop)}]" if drop else "not set")
        allowed = {_ALLOWED, *settings.allow}
        forbidden = [name for name in capabilities.add or () if name not in allowed]
        if forbidden:
            yield _added(pointer, container.name, forbidden, allowed)


def _not_dropped(
    pointer: str, container: str, value: str, assignments: tuple[Assignment, ...] = ()
) -> Finding:
    return Finding(
        "drop-all-capabilities",
        f"{pointer}/securityContext/capabilities/drop",
        f"capabilities.drop is {value} (unrestricted capabilities), must have ALL",
        container,
        Fix(_HINT, assignments),
    )


def _added(pointer: str, container: str, forbidden: list[str], allowed: set[str]) -> Finding:
    names = ", ".join(forbidden)
    return Finding(
        "drop-all-capabilities",
        f"{pointer}/securityContext/capabilities/add",
        f"capabilities.add has {_some(forbidden)} (unrestricted capabilities); "
        f"only {_list(allowed)} allowed",
        container,
        Fix(f"remove {names} from capabilities.add"),
    )


def _some(names: Sequence[str]) -> str:
    shown, left = ", ".join(names[:_MOST_SHOWN]), len(names) - _MOST_SHOWN
    return f"{shown} and {left} more" if left > 0 else shown


def _list(allowed: set[str]) -> str:
    return f"{', '.join(sorted(allowed))} {'is' if len(allowed) == 1 else 'are'}"


def _patch(pod: Pod, pointer: str, container: Container) -> tuple[Assignment, ...]:
    # A process that isn't root has no effective capabilities to lose, bar those of files. Root
    # entrypoints use theirs (chown, setuid), so they are never patched.
    if pod.is_windows or not _is_non_root(pod, container):
        return ()
    return (Assignment(f"{pointer}/securityContext/capabilities", {"drop": ["ALL"]}),)


def _is_non_root(pod: Pod, container: Container) -> bool:
    own = container.security_context
    if own is not None and own.run_as_non_root is not None:
        return own.run_as_non_root
    shared = pod.spec.security_context
    return shared is not None and bool(shared.run_as_non_root)


def _capabilities_1_25(pod: Pod, settings: Settings) -> Iterator[Finding]:
    # From 1.25 on the API refuses Linux fields on pods that say os.name: windows.
    if not pod.is_windows:
        yield from _capabilities_1_22(pod, settings)


CHECK = Check(
    id="drop-all-capabilities",
    title="All capabilities dropped",
    tier=1,
    level=Level.RESTRICTED,
    upstream="capabilities_restricted",
    revisions=(
        AdjustableRevision(KubeVersion(1, 22), _capabilities_1_22),
        AdjustableRevision(KubeVersion(1, 25), _capabilities_1_25),
    ),
    overrides=("capabilities-baseline", "drop-net-raw"),
    patchable=True,
    parameters=(Parameter("allow", "Capabilities that may be added, such as SYS_TIME."),),
    profiles=Profiles(Default.AUDIT, Default.ENFORCE_PATCH, Default.ENFORCE_PATCH),
    explanation=Explanation(
        what="Every container drops ALL, spelled so, and adds none but NET_BIND_SERVICE. Where "
        "patching is on, drop: [ALL] is set on containers that run as non-root and say nothing of "
        "capabilities.",
        why="Containers start with some fourteen capabilities that almost no program needs and "
        "that exploits put to use.",
        fix="""\
containers:
- name: app
  securityContext:
    capabilities:
      drop: [ALL]
      add: [NET_BIND_SERVICE]   # only to listen below port 1024""",
        breaks="Images that start as root and change owner or user (stock nginx, postgres, "
        "redis); use their unprivileged variants.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.2.10"),
        ("NSA/CISA", "C-0046"),
        ("NIST 800-190", "4.4.3"),
    ),
)
