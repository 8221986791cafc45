"""plaintext-credentials: no environment variable has a credential as its value.

Fields: spec.containers[*].env[*].value
Allowed: values that do not look like one
"""

import re
from collections.abc import Iterator, Sequence
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
from revet.core.model.container import EnvVar
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion

_NAME: Final = re.compile(
    r"(?i)(password|passwd|passphrase|"
    r"(^|[_.-]|(?-i:(?<=[a-z0-9])(?=[A-Z])))"
    r"(pass|pwd|secret|token|api[_.-]?key|access[_.-]?key|private[_.-]?key|credentials?))$"
)
#: What such a name ends in: few names need the whole form.
_ENDS: Final = (
    *("password", "passwd", "passphrase", "pass", "pwd"),
    *("secret", "token", "key", "credential", "credentials"),
)
#: By the value alone: keys of well-known makers, private keys, passwords in addresses. The text
#: that each must have is looked for first, which is many times as fast.
_VALUES: Final = (
    (" PRIVATE KEY-----", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("gh", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}")),
    ("github_pat_", re.compile(r"\bgithub_pat_[A-Za-z0-9_]{22}")),
    ("glpat-", re.compile(r"\bglpat-[A-Za-z0-9_-]{20}")),
    ("xox", re.compile(r"\bxox[baprs]-[A-Za-z0-9-]{10}")),
    ("sk_live_", re.compile(r"\bsk_live_[A-Za-z0-9]{16}")),
    ("@", re.compile(r"://[^/\s:@]*:[^/\s:@$]+@")),
)
#: What stands under such names but is a place, a switch or a small number.
_PLACE: Final = re.compile(
    r"(?i)/|[a-z][a-z0-9+.-]*://|(file|vault|arn|ref\+[a-z]+):|\$[({]|\{\{|<"
    r"|(true|false|none|null|yes|no|on|off|enabled|disabled|[0-9]{0,5})$"
)
#: No more of a value is looked at: a credential that has more before it is not seen.
_LOOKED_AT: Final = 16_384
_LONGEST_NAME: Final = 64


def _plaintext_credentials(pod: Pod) -> Iterator[Finding]:
    for pointer, container in pod.containers:
        env = container.env or ()
        forms = _possible_forms(env)
        for index, variable in enumerate(env):
            name, value = variable.name, variable.value
            # Most are ruled out by the end of their names.
            if not value or not (forms or name.lower().endswith(_ENDS)):
                continue
            if _is_credential(name, value[:_LOOKED_AT], forms):
                yield Finding(
                    "plaintext-credentials",
                    f"{pointer}/env/{index}/value",
                    f"the value of env {name} looks like a credential",
                    container.name,
                    Fix("keep it in a Secret, and mount that as a file"),
                )


def _possible_forms(env: Sequence[EnvVar]) -> list[re.Pattern[str]]:
    """Rule out for all variables at once what none of them can be."""
    values = "\n".join([variable.value or "" for variable in env])
    return [form for text, form in _VALUES if text in values]


def _is_credential(name: str, value: str, forms: Sequence[re.Pattern[str]]) -> bool:
    if _NAME.search(name[-_LONGEST_NAME:]) and not _PLACE.match(value):
        return True
    return any(form.search(value) for form in forms)


CHECK = Check(
    id="plaintext-credentials",
    title="No passwords in plain text",
    tier=3,
    revisions=(Revision(KubeVersion(1, 0), _plaintext_credentials),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.WARN),
    explanation=Explanation(
        what="No environment variable that is named as a password, token or key has a value in "
        "the manifest, and no value looks like a private key, a well-known maker's token or "
        "an address with a password. Of each value the first 16 KiB are looked at, and none is "
        "ever shown.",
        why="Manifests are in repositories, in backups and in everybody's terminal.",
        fix="""\
env:
- name: DB_PASSWORD_FILE
  value: /etc/db/password""",
        breaks="It is a guess: what it takes for a credential may be none. It never refuses by "
        "default.",
    ),
    supports=(
        ("NSA/CISA", "C-0012"),
        ("Kubernetes STIG", "V-274883"),
        ("NIST 800-190", "4.1.4"),
    ),
)
