"""The HardeningPolicy: the one resource that people write. crds/ is generated from it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import from_json, to_json

from revet.core.errors import PolicyError
from revet.core.model.catalog import UNSUPPORTED
from revet.core.model.document import drop_nulls
from revet.core.model.mode import Mode
from revet.core.model.policy_control import Control
from revet.core.model.policy_images import Digest, Images
from revet.core.model.policy_namespaces import Namespaces
from revet.core.model.policy_network import Network
from revet.core.model.policy_runtime import Action, Runtime
from revet.core.model.policy_status import HardeningPolicyStatus
from revet.core.model.problems import describe
from revet.core.model.schema import Duration, MapList, Model, Name, Text, problem, refuse, rule
from revet.core.model.selector import LabelSelector, measure
from revet.core.model.unsupported import find_given

GROUP = "revet.dev"
VERSION = "v1alpha1"
KIND = "HardeningPolicy"
#: Entries repeat the policy's selector for each override, and one configuration, of at most some
#: 1.5 MB, has to hold those of all policies.
MOST_SELECTED_BY = 64 * 1024


class Profile(StrEnum):
    """A default mode for every control."""

    BASELINE = "baseline"
    RESTRICTED = "restricted"
    HIGH = "high"


Enforcement = Literal[Mode.AUDIT, Mode.WARN, Mode.ENFORCE]
TemplateEnforcement = Literal[Mode.WARN, Mode.ENFORCE]


class EnforcementOverride(Model):
    """A higher ceiling for some of the selected namespaces."""

    namespace_selector: LabelSelector
    """Which of the policy's namespaces this is about."""
    enforcement: Enforcement
    """The ceiling there: Audit, Warn or Enforce, never below the policy's own."""


class Exceptions(Model):
    """What HardeningExceptions may do under this policy."""

    max_duration: Duration
    """How long an exception may last, such as 720h."""
    forbid: Annotated[tuple[Name, ...], Field(max_length=128)] = ()
    """The controls that nobody is excepted from, by id."""


class BreakGlass(Model):
    """How a namespace may be opened in an incident."""

    max_duration: Duration
    """How long a namespace may stay open, such as 4h."""


class HardeningPolicySpec(Model):
    """What must hold, where, and how strictly."""

    namespace_selector: LabelSelector
    """The namespaces this is about. {} selects all but the system namespaces, which are selected
    only by name (the label kubernetes.io/metadata.name).
    """
    pod_selector: LabelSelector = LabelSelector()
    """The pods this is about, by their labels. Default: all."""
    profile: Profile
    """baseline, restricted or high: the default mode of every control."""
    standard_version: Annotated[
        str, Field(max_length=6, pattern=r"^(latest|v1\.([0-9]|[12][0-9]|3[0-6]))$")
    ] = "latest"
    """The version of the Pod Security Standards: latest (default), or v1.0 to v1.36."""
    enforcement: Enforcement = Mode.AUDIT
    """Audit (default), Warn or Enforce: no control of this policy does more than that."""
    enforcement_overrides: Annotated[tuple[EnforcementOverride, ...], Field(max_length=32)] = ()
    """Higher ceilings for some of the selected namespaces, for a gradual rollout. Where several
    select a namespace, the highest counts.
    """
    templates: TemplateEnforcement = Mode.ENFORCE
    """Warn or Enforce (default): the most that a finding in a workload's pod template leads to.
    Pods always get the full mode.
    """
    controls: Annotated[tuple[Control, ...], Field(max_length=128), MapList("id")] = ()
    """The controls that are set otherwise than the profile does."""
    exceptions: Exceptions | None = None
    """What HardeningExceptions may do under this policy."""
    break_glass: BreakGlass | None = None
    """How a namespace may be opened in an incident."""
    images: Images | None = None
    """Where images may come from, and what must be signed and attested of them."""
    network: Network | None = None
    """Which connections remain, once everything else is denied by default."""
    namespaces: Namespaces | None = None
    """The baselines that are written into each selected namespace."""
    runtime: Runtime | None = None
    """Which events of runtime sensors concern this policy, and what follows from them."""

    @rule(
        "self.enforcement == 'Audit' || !has(self.enforcementOverrides) ||"
        " self.enforcementOverrides.all(o,"
        " o.enforcement == 'Enforce' || o.enforcement == self.enforcement)",
        "may raise the policy's enforcement, never lower it",
        "enforcementOverrides",
    )
    def only_raises(self) -> bool:
        """Tell whether no override is below the policy's own enforcement."""
        overrides = self.enforcement_overrides
        return all(each.enforcement >= self.enforcement for each in overrides)

    @rule(
        "!has(self.images) || !has(self.images.digest) || self.images.digest == 'Disabled' ||"
        " !has(self.controls) || self.controls.all(c,"
        " c.id != 'image-digest' || !has(c.mode) || c.mode != 'Disabled')",
        "image-digest can't be Disabled where images.digest is Require or Pin",
        "controls",
    )
    def asks_for_digests_with_their_control(self) -> bool:
        """Tell whether the control is on, where digests are asked for."""
        is_asked = self.images is not None and self.images.digest is not Digest.DISABLED
        return not is_asked or not any(
            each.id == "image-digest" and each.mode is Mode.DISABLED for each in self.controls
        )

    @rule(
        "!has(self.images) || !has(self.images.verify) || size(self.images.verify) == 0 ||"
        " !has(self.controls) || self.controls.all(c,"
        " c.id != 'image-signature' || !has(c.mode) || c.mode != 'Disabled')",
        "image-signature can't be Disabled where images.verify asks for signatures",
        "controls",
    )
    def asks_for_signatures_with_their_control(self) -> bool:
        """Tell whether the control is on, where signatures are asked for."""
        is_asked = self.images is not None and bool(self.images.verify)
        return not is_asked or not any(
            each.id == "image-signature" and each.mode is Mode.DISABLED for each in self.controls
        )

    @rule(
        "!has(self.runtime) || !has(self.runtime.respond) ||"
        " self.runtime.respond.all(r, r.action != 'HoldImage') ||"
        " !has(self.controls) || self.controls.all(c,"
        " c.id != 'image-held' || !has(c.mode) || c.mode != 'Disabled')",
        "image-held can't be Disabled where runtime.respond asks for HoldImage",
        "controls",
    )
    def holds_images_with_their_control(self) -> bool:
        """Tell whether the control is on, where images are to be held."""
        runtime = self.runtime
        is_asked = runtime is not None and runtime.response(Action.HOLD_IMAGE) is not None
        return not is_asked or not any(
            each.id == "image-held" and each.mode is Mode.DISABLED for each in self.controls
        )

    @model_validator(mode="after")
    def _refuse_long_selectors(self) -> Self:
        """Refuse what would leave no room for others; CEL can't add up lengths."""
        overrides = self.enforcement_overrides
        own = measure(self.namespace_selector) * (1 + len(overrides))
        length = own + sum(measure(each.namespace_selector) for each in overrides)
        if length > MOST_SELECTED_BY:
            text = (
                f"namespaceSelector, once and for each override, and the overrides' selectors have"
                f" {length} characters, must have at most {MOST_SELECTED_BY}"
            )
            refuse("spec", [problem(text, None, "enforcementOverrides")])
        return self

    @model_validator(mode="after")
    def _refuse_unsupported(self) -> Self:
        refuse("spec", [each for path in UNSUPPORTED for each in find_given(self, path)])
        return self


class Metadata(Model, extra="ignore"):
    """What Revet reads of an object's metadata."""

    name: Text
    """The object's name."""
    uid: str = ""
    """The object's uid; empty in a file."""
    generation: int = 0
    """The spec's generation; 0 in a file."""
    resource_version: str = ""
    """The object's version; empty in a file."""
    labels: Mapping[str, str] = Field(default={})
    """The object's labels."""
    annotations: Mapping[str, str] = Field(default={})
    """The object's annotations."""


class HardeningPolicy(Model):
    """Hardening that is enforced, verified and operable: what must hold, where, how strictly."""

    api_version: Literal["revet.dev/v1alpha1"]
    """The version of this schema."""
    kind: Literal["HardeningPolicy"]
    """HardeningPolicy."""
    metadata: Metadata
    """The object's metadata."""
    spec: HardeningPolicySpec
    """What must hold, where, and how strictly."""
    status: HardeningPolicyStatus | None = None
    """What was seen of the policy's effect; written by the operator."""


def parse_policy(text: bytes | str) -> HardeningPolicy:
    """Read a HardeningPolicy from JSON. A field that is null counts as left out.

    Raises:
        PolicyError: it is not valid; the text has a line for each problem, with its place.

    """
    try:
        document = drop_nulls(from_json(text), HardeningPolicy)
        # Back to JSON: from Python values a strict model takes no tuples, enums or times.
        return HardeningPolicy.model_validate_json(to_json(document))
    except ValidationError as error:
        raise PolicyError(describe(error, HardeningPolicy)) from error
    except ValueError as error:
        raise PolicyError(f"{KIND}: is not JSON: {error}") from error
