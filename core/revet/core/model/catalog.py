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
    # Pods, beyond the standards
    "read-only-rootfs",
    "host-users-userns",
    "automount-sa-token",
    "dedicated-sa",
    "memory-limits",
    "resource-requests",
    "cpu-limits",
    "runtime-socket",
    "host-path-scope",
    "control-plane-placement",
    "secrets-as-env",
    "plaintext-credentials",
    "projected-token-ttl",
    "share-process-namespace",
    "high-uid",
    "non-root-groups",
    "drop-net-raw",
    "sandbox-runtime",
    "cloud-static-creds",
    # Images, by their references
    "image-registry",
    "image-no-latest",
    "image-digest",
    "image-signature",
    "image-held",
    # Namespaces and the network
    "psa-labels",
    "netpol-default-deny-ingress",
    "netpol-default-deny-egress",
    "netpol-pod-coverage",
    "netpol-too-wide",
    "netpol-metadata",
    "limit-range",
    "resource-quota",
    "default-namespace",
    # Exposure
    "service-external-ips",
    "service-node-port",
    "service-load-balancer",
    "database-exposure",
    "ingress-tls",
    "gateway-tls",
    "ingress-wildcard",
    "external-name",
    # Identity and RBAC
    "rbac-cluster-admin",
    "rbac-wildcards",
    "rbac-secrets-read",
    "rbac-workload-write",
    "rbac-exec",
    "rbac-ephemeral-containers",
    "rbac-escalate-bind",
    "rbac-impersonate",
    "rbac-node-proxy",
    "rbac-token-request",
    "rbac-csr",
    "rbac-admission-config",
    "rbac-namespace-write",
    "rbac-pv-create",
    "rbac-aggregate",
    "rbac-public-subjects",
    "rbac-masters",
    "rbac-default-sa-bound",
    "sa-long-lived-token",
)

PATCHABLE: tuple[str, ...] = (
    "no-privilege-escalation",
    "run-as-non-root",
    "seccomp-required",
    "drop-all-capabilities",
    "read-only-rootfs",
    "host-users-userns",
    "drop-net-raw",
)

_LABEL = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
_NAME = r"[^/ ]+"
_OBJECT = rf"{_NAME}(/{_NAME})?"

#: What each text of `allow` must match as a whole, by control: RE2, as the API server has it.
ALLOWED: dict[str, str] = {
    "drop-all-capabilities": r"[A-Z][A-Z0-9_]*",
    "host-path-scope": r"/[^:]*",
    "sandbox-runtime": _LABEL,
    "psa-labels": "privileged|baseline|restricted",
    "netpol-too-wide": _OBJECT,
    "service-node-port": _OBJECT,
    "service-load-balancer": _OBJECT,
    "database-exposure": _OBJECT,
    "external-name": _LABEL,
    "rbac-cluster-admin": _OBJECT,
    "rbac-wildcards": _OBJECT,
    "rbac-secrets-read": _OBJECT,
    "rbac-workload-write": _OBJECT,
    "rbac-exec": _OBJECT,
    "rbac-ephemeral-containers": _OBJECT,
    "rbac-escalate-bind": _OBJECT,
    "rbac-impersonate": _OBJECT,
    "rbac-node-proxy": _OBJECT,
    "rbac-token-request": _OBJECT,
    "rbac-csr": _OBJECT,
    "rbac-admission-config": _OBJECT,
    "rbac-namespace-write": _OBJECT,
    "rbac-pv-create": _OBJECT,
    "rbac-aggregate": _OBJECT,
    "rbac-public-subjects": _OBJECT,
    "rbac-masters": _OBJECT,
    "rbac-default-sa-bound": _OBJECT,
    "sa-long-lived-token": _OBJECT,
}

#: Which controls read a setting of `spec.controls[]`.
SETTINGS: dict[str, tuple[str, ...]] = {
    "allow": tuple(ALLOWED),
    "writablePaths": ("read-only-rootfs",),
    "maxExpirationSeconds": ("projected-token-ttl",),
    "minUserId": ("high-uid",),
    "ports": ("database-exposure",),
}

# Fields of the schema that are refused by name. `[]` stands for each item of a list.
UNSUPPORTED: tuple[str, ...] = (
    "spec.exceptions",
    "spec.breakGlass",
)
