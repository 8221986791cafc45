"""`spec.images`: where images may come from, and what must be signed and attested of them."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from revet.core.model.policy_references import ConfigMapSource, ObjectRef
from revet.core.model.policy_signers import Authority
from revet.core.model.schema import Duration, Expects, MapList, Model, Name, rule

Host = Annotated[
    str,
    Field(
        min_length=1,
        max_length=261,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?$",
    ),
]
RepositoryPrefix = Annotated[
    str, Field(min_length=2, max_length=512, pattern=r"^[a-z0-9][-a-z0-9._:/]*/$")
]
ImageGlob = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[-a-z0-9._:/*?@]+$")]
Uri = Annotated[str, Field(min_length=1, max_length=512)]
UriGlob = Annotated[str, Field(min_length=1, max_length=512)]


class Digest(StrEnum):
    """What is done about an image that is named by its tag."""

    DISABLED = "Disabled"
    REQUIRE = "Require"
    PIN = "Pin"


class TransparencyLog(StrEnum):
    """Whether a signature must be in a transparency log."""

    REQUIRED = "Required"
    IGNORED = "Ignored"


class AttestationSubject(StrEnum):
    """What an attestation of a multi-platform image must be about."""

    INDEX = "Index"
    EVERY_PLATFORM = "EveryPlatform"


class OnUnknown(StrEnum):
    """What happens where an image could not be checked in time."""

    DENY = "Deny"
    WARN = "Warn"
    AUDIT = "Audit"


class AttestationType(StrEnum):
    """The kinds of attestation that can be asked for."""

    SLSA_PROVENANCE_1 = "slsaprovenance1"
    VULN = "vuln"
    SBOM = "sbom"
    CUSTOM = "custom"


class SbomFormat(StrEnum):
    """The formats of a software bill of materials."""

    SPDX = "spdx"
    CYCLONEDX = "cyclonedx"


class RegistryHost(Model):
    """How one registry is reached."""

    host: Host
    """The registry's host, and port if it is not 443."""
    ca_ref: ConfigMapSource | None = None
    """The certificate authority to trust for this host, in PEM form. Default: the system's."""
    mirrors: Annotated[tuple[Host, ...], Field(max_length=8)] = ()
    """Hosts to ask first, in this order. What they answer is held to the same digest."""
    pull_secret_ref: ObjectRef | None = None
    """A Secret of type kubernetes.io/dockerconfigjson in Revet's own namespace."""


class Deadlines(Model):
    """How long a known vulnerability may stay, from when a fix was available."""

    critical: Duration = "48h"
    """For critical ones, such as 48h."""
    high: Duration = "336h"
    """For high ones, such as 336h."""


class RequiredField(Model):
    """One field that a custom attestation's predicate must have."""

    path: Annotated[str, Field(min_length=1, max_length=253)]
    """The field's path in the predicate, its names joined by dots."""
    equals: Annotated[
        bool | int | float | Annotated[str, Field(max_length=1024)],
        Expects("a boolean, a number or a string"),
        Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}),
    ]
    """The value that it must have: a boolean, a number or a string."""


_OWN_FIELDS = {
    AttestationType.SLSA_PROVENANCE_1: ("builderIds", "sources", "buildTypes"),
    AttestationType.VULN: ("maxAge", "deadlines", "vexSigners"),
    AttestationType.SBOM: ("format",),
    AttestationType.CUSTOM: ("predicateType", "required"),
}


def _only_for(kind: AttestationType) -> str:
    given = " || ".join(f"has(self.{field})" for field in _OWN_FIELDS[kind])
    return f"self.type == '{kind}' || !({given})"


class Attestation(Model):
    """One attestation that an image needs. Which fields it may have depends on its type."""

    type: AttestationType
    """slsaprovenance1, vuln, sbom or custom."""
    builder_ids: Annotated[tuple[Uri, ...], Field(max_length=16)] | None = None
    """slsaprovenance1: the builders that are trusted, by id. Needed."""
    sources: Annotated[tuple[UriGlob, ...], Field(max_length=16)] | None = None
    """slsaprovenance1: globs of the source repositories that are allowed. Default: any."""
    build_types: Annotated[tuple[Uri, ...], Field(max_length=16)] | None = None
    """slsaprovenance1: the build types that are allowed. Default: any."""
    max_age: Duration | None = None
    """vuln: how old the scan may be, by the signature's time. Needed."""
    deadlines: Deadlines | None = None
    """vuln: by when a vulnerability must be fixed. Default: critical 48h, high 336h."""
    vex_signers: Annotated[tuple[Authority, ...], Field(max_length=8)] | None = None
    """vuln: who may state by OpenVEX that a vulnerability does not apply. Default: nobody."""
    format: SbomFormat | None = None
    """sbom: spdx or cyclonedx. Default: either."""
    predicate_type: Uri | None = None
    """custom: the predicate's type, a URI. Needed."""
    required: Annotated[tuple[RequiredField, ...], Field(max_length=16)] | None = None
    """custom: what the predicate must say. Default: nothing but its type."""

    @rule(
        "self.type != 'slsaprovenance1' || has(self.builderIds) && size(self.builderIds) > 0",
        "must have at least one builder for type slsaprovenance1",
        "builderIds",
    )
    def has_builders(self) -> bool:
        """Tell whether provenance says whose it must be."""
        return self.type != AttestationType.SLSA_PROVENANCE_1 or bool(self.builder_ids)

    @rule("self.type != 'vuln' || has(self.maxAge)", "is required for type vuln", "maxAge")
    def has_age(self) -> bool:
        """Tell whether a scan says how old it may be: an old clean one can be replayed."""
        return self.type != AttestationType.VULN or self.max_age is not None

    @rule(
        "self.type != 'custom' || has(self.predicateType)",
        "is required for type custom",
        "predicateType",
    )
    def has_predicate_type(self) -> bool:
        """Tell whether a custom attestation says what it is."""
        return self.type != AttestationType.CUSTOM or self.predicate_type is not None

    @rule(
        " && ".join(f"({_only_for(kind)})" for kind in AttestationType),
        "may have, beside type, only: "
        + "; ".join(f"{', '.join(fields)} for {kind}" for kind, fields in _OWN_FIELDS.items()),
    )
    def has_own_fields(self) -> bool:
        """Tell whether no field belongs to another type."""
        given = {
            info.alias
            for name, info in type(self).model_fields.items()
            if getattr(self, name) is not None
        }
        return given <= {"type", *_OWN_FIELDS[self.type]}


class Verification(Model):
    """Which signatures and attestations some images need."""

    name: Name
    """The name that messages use."""
    images: Annotated[tuple[ImageGlob, ...], Field(min_length=1, max_length=32)]
    """Globs of the images that this is about, by their full reference."""
    any_of: Annotated[tuple[Authority, ...], Field(min_length=1, max_length=8)]
    """The signers, of whom one is enough."""
    trust_root: ConfigMapSource | None = None
    """A Sigstore trusted_root.json. Default: the public good instance's, shipped with Revet."""
    transparency_log: TransparencyLog = TransparencyLog.REQUIRED
    """Required (default): a signature counts only with its log entry. Ignored: without, too."""
    attestation_subject: AttestationSubject = AttestationSubject.INDEX
    """Index (default): attestations are about the index. EveryPlatform: about each platform."""
    attestations: Annotated[tuple[Attestation, ...], Field(max_length=8)] = ()
    """The attestations that are needed besides the signature, all of them."""


class Images(Model):
    """What must hold for the images of containers and image volumes."""

    registries: Annotated[tuple[RepositoryPrefix, ...], Field(max_length=64)] = ()
    """Where images may come from: prefixes of the full reference, each ending in a slash."""
    hosts: Annotated[tuple[RegistryHost, ...], Field(max_length=32), MapList("host")] = ()
    """How registries are reached that need a certificate authority, a mirror or a secret."""
    use_pod_pull_secrets: bool = False
    """Whether the pod's own image pull secrets may be read and used. Default: false."""
    digest: Digest = Digest.DISABLED
    """Disabled (default: the control image-digest is as the profile has it), Require (a digest
    must be there) or Pin (the tag is resolved and the digest patched in, on Pods only, under
    Enforce). Pin asks only registries that `registries` or `hosts` name.
    """
    verify: Annotated[tuple[Verification, ...], Field(max_length=16), MapList("name")] = ()
    """Which images need whose signature and which attestations."""
    on_unknown: OnUnknown = OnUnknown.DENY
    """Deny (default), Warn or Audit: what happens where a registry gives no answer in time."""

    @rule(
        "!has(self.digest) || self.digest != 'Pin' || has(self.registries) &&"
        " size(self.registries) > 0 || has(self.hosts) && size(self.hosts) > 0",
        "Pin needs registries or hosts: only those that they name are ever asked",
        "digest",
    )
    def pins_at_somebody(self) -> bool:
        """Tell whether there is a registry to ask, where one is to be asked."""
        return self.digest is not Digest.PIN or bool(self.registries or self.hosts)

    @rule(
        "!has(self.hosts) || size(self.hosts) == 0 || has(self.digest) && self.digest == 'Pin' ||"
        " has(self.verify) && size(self.verify) > 0",
        "is read only where digest is Pin",
        "hosts",
    )
    def reaches_whom_it_asks(self) -> bool:
        """Tell whether anybody is asked, where it is said how."""
        return not self.hosts or self.digest is Digest.PIN or bool(self.verify)

    @rule(
        "!has(self.usePodPullSecrets) || !self.usePodPullSecrets ||"
        " has(self.digest) && self.digest == 'Pin'",
        "true is read only where digest is Pin",
        "usePodPullSecrets",
    )
    def logs_in_where_it_asks(self) -> bool:
        """Tell whether anybody is asked, where it is said by whose credentials."""
        return not self.use_pod_pull_secrets or self.digest is Digest.PIN
