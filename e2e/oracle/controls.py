"""Our control ids by upstream's check ids; apart, since only comparisons need both."""

from typing import Final

CONTROLS: Final = {
    "privileged": "privileged-containers",
    "hostNamespaces": "host-namespaces",
    "hostPathVolumes": "host-path-volumes",
    "hostPorts": "host-ports",
    "hostProbesAndHostLifecycle": "host-probes",
    "windowsHostProcess": "windows-host-process",
    "capabilities_baseline": "capabilities-baseline",
    "appArmorProfile": "apparmor",
    "seLinuxOptions": "selinux-options",
    "procMount": "proc-mount",
    "seccompProfile_baseline": "seccomp-baseline",
    "sysctls": "sysctls",
    "restrictedVolumes": "volume-types",
    "allowPrivilegeEscalation": "no-privilege-escalation",
    "runAsNonRoot": "run-as-non-root",
    "runAsUser": "run-as-user-nonzero",
    "seccompProfile_restricted": "seccomp-required",
    "capabilities_restricted": "drop-all-capabilities",
    "procMount_restricted": "proc-mount-restricted",
}
# Restricted checks that run in place of a baseline one; upstream's fixtures keep that one's name.
OVERRIDDEN_BY: Final = {
    "capabilities_baseline": "capabilities_restricted",
    "hostPathVolumes": "restrictedVolumes",
    "procMount": "procMount_restricted",
    "seccompProfile_baseline": "seccompProfile_restricted",
}
