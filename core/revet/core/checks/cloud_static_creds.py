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

_KEYS: Final = (
    ("an AWS access key", re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a Google service account key", re.compile(r'"type"\s*:\s*"service_account"')),
    ("a Google API key", re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b")),
    ("an Azure storage key", re.compile(r"AccountKey=[0-9A-Za-z+/]{40,}={0,2}")),
)


def _cloud_static_creds(pod: Pod) -> Iterator[Finding]:
    for pointer, container in pod.containers:
        for index, variable in enumerate(container.env or ()):
            named = [name for name, key in _KEYS if key.search(variable.value or "")]
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
        "or an API key of Google, or a storage key of Azure. The value itself is never "
        "shown.",
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
