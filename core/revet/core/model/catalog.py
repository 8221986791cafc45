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

#: What each text of `allow` must match as a whole, by control: RE2, as the API server has it.
ALLOWED: dict[str, str] = {
    "drop-all-capabilities": r"[A-Z][A-Z0-9_]*",
}

#: Which controls read a setting of `spec.controls[]`.
SETTINGS: dict[str, tuple[str, ...]] = {
    "allow": tuple(ALLOWED),
    "writablePaths": (),
    "maxExpirationSeconds": (),
    "minUserId": (),
    "ports": (),
}

# Fields of the schema that are refused by name. `[]` stands for each item of a list.
UNSUPPORTED: tuple[str, ...] = (
    "spec.exceptions",
    "spec.breakGlass",
    "spec.images.hosts",
    "spec.images.usePodPullSecrets",
    "spec.images.digest",
    "spec.images.verify",
    "spec.images.onUnknown",
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
