"""Every control that is judged from a pod alone: one module each, in the order of the catalog."""

from typing import Final

from revet.core.check import Check
from revet.core.checks import (
    apparmor,
    capabilities_baseline,
    drop_all_capabilities,
    host_namespaces,
    host_path_volumes,
    host_ports,
    host_probes,
    no_privilege_escalation,
    privileged_containers,
    proc_mount,
    proc_mount_restricted,
    run_as_non_root,
    run_as_user_nonzero,
    seccomp_baseline,
    seccomp_required,
    selinux_options,
    sysctls,
    volume_types,
    windows_host_process,
)

#: The order is that of findings in a message: baseline first, then restricted.
ALL: Final[tuple[Check, ...]] = (
    privileged_containers.CHECK,
    host_namespaces.CHECK,
    host_path_volumes.CHECK,
    host_ports.CHECK,
    host_probes.CHECK,
    windows_host_process.CHECK,
    capabilities_baseline.CHECK,
    apparmor.CHECK,
    selinux_options.CHECK,
    proc_mount.CHECK,
    seccomp_baseline.CHECK,
    sysctls.CHECK,
    volume_types.CHECK,
    no_privilege_escalation.CHECK,
    run_as_non_root.CHECK,
    run_as_user_nonzero.CHECK,
    seccomp_required.CHECK,
    drop_all_capabilities.CHECK,
    proc_mount_restricted.CHECK,
)

BY_ID: Final[dict[str, Check]] = {check.id: check for check in ALL}
