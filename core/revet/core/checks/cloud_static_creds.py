"""cloud-static-creds: no environment variable holds a cloud's long-lived key.

Fields: spec.containers[*].env[*].value
Allowed: values that are no key of AWS, Google or Azure
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

#: What it is, a text that each has, by which it is quickly ruled out, and its form.
_KEYS: Final = (
    ("an AWS access key", "AKIA", re.compile(r"\bAKIA[0-9A-Z]{16}\b")),
    ("a temporary AWS access key", "ASIA", re.compile(r"\bASIA[0-9A-Z]{16}\b")),
    (
        "a Google service account key",
        "service_account",
        re.compile(r'"type"\s*:\s*"service_account"'),
    ),
    ("a Google API key", "AIza", re.compile(r"\bAIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])")),
    ("an Azure storage key", "AccountKey=", re.compile(r"AccountKey=[0-9A-Za-z+/]{40}")),
)
#: No more of a value is looked at: a key that has more before it is not seen.
_LOOKED_AT: Final = 16_384


def _cloud_static_creds(pod: Pod) -> Iterator[Finding]:
    for pointer, container in pod.containers:
        env = container.env or ()
        # Most containers have none, which one look at all values together shows.
        values = "\n".join([variable.value or "" for variable in env])
        keys = [(name, key) for name, text, key in _KEYS if text in values]
        for index, variable in enumerate(env if keys else ()):
            value = (variable.value or "")[:_LOOKED_AT]
            named = [name for name, key in keys if key.search(value)]
            if named:
                yield Finding(
                    "cloud-static-creds",
                    f"{pointer}/env/{index}/value",
                    f"the value of env {variable.name} holds {named[0]}",
                    container.name,
                    Fix("use the cloud's workload identity"),
                )


CHECK = Check(
    id="cloud-static-creds",
    title="No static cloud credentials",
    tier=2,
    revisions=(Revision(KubeVersion(1, 0), _cloud_static_creds),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.WARN),
    explanation=Explanation(
        what="No environment variable's value holds an access key of AWS, a service account's key "
        "or an API key of Google, or a storage key of Azure. Of each value the first 16 KiB "
        "are looked at, and none is ever shown.",
        why="A key of a cloud works from everywhere and does not end; with it a container is an "
        "account.",
        fix="""\
spec:
  serviceAccountName: uploader      # bound to a cloud identity
  containers:
  - {name: app, env: []}""",
        breaks="Programs that know no workload identity.",
    ),
)
