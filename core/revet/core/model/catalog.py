"""The ids of the controls that this version has; apart, since the model may not import the checks.

What of the schema is not built yet stands here too: to build a part is to delete its line.
"""

CONTROLS: tuple[str, ...] = (
    # Pod Security Standards, baseline
    "privileged-containers",
    "host-namespaces",
    "host-path-volumes",
    "host-ports",
    "host-probes",
    "windows-host-process",
    "capabilities-baseline",
    "apparmor",
    "selinux-options",
    "proc-mount",
    "seccomp-baseline",
    "sysctls",
    # Pod Security Standards, restricted
    "volume-types",
    "no-privilege-escalation",
    "run-as-non-root",
    "run-as-user-nonzero",
    "seccomp-required",
    "drop-all-capabilities",
    "proc-mount-restricted",
)

PATCHABLE: tuple[str, ...] = (
    "no-privilege-escalation",
    "run-as-non-root",
    "seccomp-required",
    "drop-all-capabilities",
)

# Fields of the schema that are refused by name. `[]` stands for each item of a list.
UNSUPPORTED: tuple[str, ...] = (
    "spec.controls[].writablePaths",
    "spec.controls[].allow",
    "spec.exceptions",
    "spec.breakGlass",
    "spec.images",
    "spec.network.canary",
    "spec.network.allow.apiServer",
    "spec.network.allow.aggregatedApis",
    "spec.network.allow.monitoring",
    "spec.network.allow.ingressControllers",
    "spec.network.flows",
    "spec.network.databases",
    "spec.namespaces.resourceQuota",
    "spec.namespaces.limitRange",
    "spec.namespaces.serviceAccounts",
    "spec.namespaces.drift",
    "spec.runtime",
)
