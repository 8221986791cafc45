"""Which rules and subjects are Kubernetes' own: by content, since anybody can copy a label."""

from hashlib import sha256
from typing import Final

import msgspec

from revet.core.bootstrap_rbac_data import NAMES, RULES, SUBJECTS
from revet.core.item import Item
from revet.core.model.rbac import Binding, PolicyRule, Role, Subject

#: Enough that nobody finds another rule with the digest of one that is exempt.
_LENGTH: Final = 20
_encoder: Final = msgspec.json.Encoder(order="deterministic")


def is_bootstrap_rule(item: Item[Role], rule: PolicyRule) -> bool:
    """Return whether Kubernetes' own role of that name has the rule."""
    metadata = item.metadata
    where = place(item.kind, metadata.namespace or "", metadata.name or "")
    # A digest takes its time, and nearly every role has a name of its own.
    return where in NAMES and digest_rule(where, rule) in RULES


def is_bootstrap_subject(item: Item[Binding], subject: Subject) -> bool:
    """Return whether Kubernetes' own binding of that name gives that role to the subject."""
    metadata = item.metadata
    where = place(item.kind, metadata.namespace or "", metadata.name or "")
    return where in NAMES and digest_subject(where, item.body, subject) in SUBJECTS


def place(kind: str, namespace: str, name: str) -> str:
    """Return how the digests name an object."""
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def digest_rule(where: str, rule: PolicyRule) -> str:
    """Return a digest that two rules of a role share if they allow the same, in whatever order."""
    parts = (
        rule.verbs,
        rule.api_groups,
        rule.resources,
        rule.resource_names,
        rule.non_resource_urls,
    )
    return _digest([where, *(sorted(part or ()) for part in parts)])


def digest_subject(where: str, binding: Binding, subject: Subject) -> str:
    """Return a digest of a subject and the role that the binding gives it."""
    role = binding.role_ref
    whom = (subject.kind, subject.namespace or "", subject.name)
    return _digest([where, role.kind, role.name, *whom])


def _digest(value: object) -> str:
    return sha256(_encoder.encode(value)).hexdigest()[:_LENGTH]
