"""plaintext-credentials: no environment variable has a credential as its value.

Fields: spec.containers[*].env[*].value
Allowed: values that do not look like one
"""

import re
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

_NAME: Final = re.compile(
    r"(?i)(^|[_-])(password|passwd|pwd|secret|token|api_?key|access_?key|private_?key|credentials?)$"
)
#: By the value alone: keys of well-known makers, private keys, passwords in addresses.
_VALUE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bgh[pousr]_[A-Za-z0-9]{36}|\bglpat-[A-Za-z0-9_-]{20}"
    r"|\bxox[baprs]-[A-Za-z0-9-]{10}|\bsk_live_[A-Za-z0-9]{16}|://[^/\s:@]+:[^/\s:@$]+@"
)
#: Names that end so but hold a place or a name.
_PLACE: Final = re.compile(r"(?i)^(/|file:|vault:|\$\(|true$|false$|none$|[0-9]*$)")


def _plaintext_credentials(pod: Pod) -> Iterator[Finding]:
    for pointer, container in pod.containers:
        for index, variable in enumerate(container.env or ()):
            value = variable.value
            if not value:
                continue
            is_named = _NAME.search(variable.name) and not _PLACE.match(value)
            if is_named or _VALUE.search(value):
                yield Finding(
                    "plaintext-credentials",
                    f"{pointer}/env/{index}/value",
                    f"the value of env {variable.name} looks like a credential",
                    container.name,
                    Fix("keep it in a Secret, and mount that as a file"),
                )


CHECK = Check(
    id="plaintext-credentials",
    title="No passwords in plain text",
    tier=3,
    revisions=(Revision(KubeVersion(1, 0), _plaintext_credentials),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.WARN),
    explanation=Explanation(
        what="No environment variable that is named as a password, token or key has a value in "
        "the manifest, and no value looks like a private key, a well-known maker's token or "
        "an address with a password. The value itself is never shown.",
        why="Manifests are in repositories, in backups and in everybody's terminal.",
        fix="""\
env:
- name: DB_PASSWORD_FILE
  value: /etc/db/password""",
        breaks="It is a guess: what it takes for a credential may be none. It never refuses by "
        "default.",
    ),
    supports=(
        ("Kubernetes STIG", "V-274883"),
        ("NIST 800-190", "4.1.4"),
    ),
)
