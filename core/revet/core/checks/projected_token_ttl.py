"""projected-token-ttl: a projected token is short-lived and made for one reader.

Fields: spec.volumes[*].projected.sources[*].serviceAccountToken.{expirationSeconds,audience}
Allowed: up to 3600 seconds, or what the policy says; an audience
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import (
    AdjustableRevision,
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Parameter,
    Profiles,
)
from revet.core.model.pod import Pod
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion

_MOST_S: Final = 3600
#: What the ServiceAccount admission plugin mounts by itself; the kubelet renews it. Who gives a
#: volume that name and life by hand gets no more than every pod has.
_OWN: Final = "kube-api-access-"
_OWN_S: Final = 3607
#: The audiences that an API server accepts where nobody has set others.
_API: Final = frozenset(
    {"https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local"}
)


def _projected_token_ttl(pod: Pod, settings: Settings) -> Iterator[Finding]:
    most = settings.max_expiration_s or _MOST_S
    for index, volume in enumerate(pod.spec.volumes or ()):
        if volume.projected is None:
            continue
        for at, source in enumerate(volume.projected.sources or ()):
            token = source.service_account_token
            if token is None or (
                volume.name.startswith(_OWN) and token.expiration_seconds == _OWN_S
            ):
                continue
            place = f"/spec/volumes/{index}/projected/sources/{at}/serviceAccountToken"
            if (token.expiration_seconds or _MOST_S) > most:
                value = token.expiration_seconds or f"not set, and so {_MOST_S}"
                told = f"expirationSeconds is {value}, must be {most} at most"
                yield _found(f"{place}/expirationSeconds", told, f"expirationSeconds: {most}")
            if not token.audience or token.audience in _API:
                value = token.audience or "not set"
                told = f"audience is {value}: the token opens the Kubernetes API"
                yield _found(f"{place}/audience", told, "audience: NAME, of who is to read it")


def _found(pointer: str, message: str, hint: str) -> Finding:
    return Finding("projected-token-ttl", pointer, message, None, Fix(hint))


CHECK = Check(
    id="projected-token-ttl",
    title="Tokens end soon",
    tier=2,
    revisions=(AdjustableRevision(KubeVersion(1, 0), _projected_token_ttl),),
    profiles=Profiles(Default.DISABLED, Default.WARN, Default.ENFORCE),
    parameters=(
        Parameter(
            "maxExpirationSeconds",
            "The longest life of a token in seconds, from 600; 3600 if not set.",
        ),
    ),
    explanation=Explanation(
        what="A ServiceAccount token in a projected volume lasts an hour at most, and names the "
        "audience that it is for, other than the API server's own. The volume that Kubernetes "
        "adds by itself is not judged.",
        why="A stolen token is good until it ends, and one without an audience is good for the "
        "Kubernetes API too.",
        fix="""\
volumes:
- name: vault
  projected:
    sources:
    - serviceAccountToken: {path: token, audience: vault, expirationSeconds: 3600}""",
        breaks="Programs that read the token once and keep it.",
    ),
)
