"""secrets-as-env: no Secret is given as an environment variable.

Fields: spec.containers[*].env[*].valueFrom.secretKeyRef, spec.containers[*].envFrom[*].secretRef
Allowed: none
"""

from collections.abc import Iterator
from typing import Final

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

_FIX: Final = Fix("mount the Secret as a volume, and read the file")


def _secrets_as_env(pod: Pod) -> Iterator[Finding]:
    for pointer, container in pod.containers:
        for index, variable in enumerate(container.env or ()):
            if variable.value_from is not None and variable.value_from.secret_key_ref is not None:
                place = f"{pointer}/env/{index}/valueFrom/secretKeyRef"
                told = f"env {variable.name} comes from a Secret, must be read from a file"
                yield Finding("secrets-as-env", place, told, container.name, _FIX)
        for index, source in enumerate(container.env_from or ()):
            if source.secret_ref is not None:
                place = f"{pointer}/envFrom/{index}/secretRef"
                told = "envFrom takes a whole Secret, which must be read from files"
                yield Finding("secrets-as-env", place, told, container.name, _FIX)


CHECK = Check(
    id="secrets-as-env",
    title="Secrets are files",
    tier=3,
    revisions=(Revision(KubeVersion(1, 0), _secrets_as_env),),
    profiles=Profiles(Default.DISABLED, Default.AUDIT, Default.WARN),
    explanation=Explanation(
        what="No container has a Secret in its environment, by single keys or as a whole.",
        why="An environment is passed on to every child process, printed by crash reports, and "
        "shown by whatever shows a process.",
        fix="""\
volumes:
- {name: db, secret: {secretName: db}}
containers:
- volumeMounts: [{name: db, mountPath: /etc/db, readOnly: true}]""",
        breaks="Programs that read their passwords from the environment alone.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.4.1"),
        ("Kubernetes STIG", "V-242415"),
        ("NIST 800-190", "4.1.4"),
    ),
)
