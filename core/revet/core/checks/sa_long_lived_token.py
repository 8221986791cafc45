"""sa-long-lived-token: no Secret holds a token of a ServiceAccount.

Fields: type of Secrets
Allowed: anything but kubernetes.io/service-account-token
"""

from collections.abc import Iterator

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    ItemRule,
    Parameter,
    Profiles,
)
from revet.core.item import Item
from revet.core.kinds import TOKEN_SECRET
from revet.core.model.rbac import Secret
from revet.core.model.settings import Settings
from revet.core.permissions import is_allowed


def _sa_long_lived_token(item: Item[Secret], settings: Settings) -> Iterator[Finding]:
    if item.body.type == TOKEN_SECRET and not is_allowed(item, settings):
        yield Finding(
            "sa-long-lived-token",
            "/type",
            f"{TOKEN_SECRET} is a token that does not end",
            None,
            Fix("kubectl create token NAME --duration=1h, or a projected volume in the pod"),
        )


CHECK = Check(
    id="sa-long-lived-token",
    title="No tokens that never end",
    tier=1,
    items=(ItemRule(("Secret",), _sa_long_lived_token),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    parameters=(Parameter("allow", "Secrets that are not judged, as NAMESPACE/NAME."),),
    explanation=Explanation(
        what="No Secret of type kubernetes.io/service-account-token is made.",
        why="Its token is good until somebody deletes the Secret, from anywhere, and is in every "
        "backup; tokens that pods are given end in an hour.",
        fix="""\
volumes:
- name: token
  projected:
    sources:
    - serviceAccountToken: {path: token, expirationSeconds: 3600}""",
        breaks="Systems outside of the cluster that were given such a token; let them fetch one "
        "(TokenRequest), or trust the cluster's issuer.",
    ),
)
