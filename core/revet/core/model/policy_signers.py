"""Who may sign: the keys and keyless identities of `spec.images.verify`."""

from typing import Annotated

from pydantic import Field

from revet.core.model.policy_references import KeyRef
from revet.core.model.schema import Model, rule

Pattern = Annotated[str, Field(min_length=1, max_length=512)]


class Match(Model):
    """Compares the whole of a text. Exactly one of the three is set."""

    exact: Pattern | None = None
    """The text itself."""
    glob: Pattern | None = None
    """A glob: * stands for any characters, ? for one."""
    regexp: Pattern | None = None
    """A regular expression (RE2) that must match the whole text."""

    @rule(
        "[has(self.exact), has(self.glob), has(self.regexp)].filter(x, x).size() == 1",
        "must have exactly one of exact, glob, regexp",
    )
    def has_one_form(self) -> bool:
        """Tell whether one comparison is given, and only one."""
        return [self.exact, self.glob, self.regexp].count(None) == 2  # noqa: PLR2004 # of three


class Key(Model):
    """A public key in PEM form. Exactly one of the three is set."""

    secret_ref: KeyRef | None = None
    """A Secret's entry, in Revet's own namespace."""
    config_map_ref: KeyRef | None = None
    """A ConfigMap's entry, in Revet's own namespace."""
    pem: Annotated[str, Field(min_length=1, max_length=8192)] | None = None
    """The key itself, PEM encoded."""

    @rule(
        "[has(self.secretRef), has(self.configMapRef), has(self.pem)].filter(x, x).size() == 1",
        "must have exactly one of secretRef, configMapRef, pem",
    )
    def has_one_source(self) -> bool:
        """Tell whether the key comes from one place, and only one."""
        return [self.secret_ref, self.config_map_ref, self.pem].count(None) == 2  # noqa: PLR2004 # of three


class Keyless(Model):
    """A signer without a key of its own: an identity that an OIDC issuer vouched for."""

    issuer: Match
    """The OIDC issuer."""
    subject: Match
    """The identity: an email address or a URI."""


class Authority(Model):
    """One signer. Exactly one of key and keyless is set."""

    key: Key | None = None
    """Signed with this key."""
    keyless: Keyless | None = None
    """Signed by this identity, with a short-lived certificate."""

    @rule("has(self.key) != has(self.keyless)", "must have exactly one of key, keyless")
    def has_one_kind(self) -> bool:
        """Tell whether the signer is of one kind, and only one."""
        return (self.key is None) != (self.keyless is None)
