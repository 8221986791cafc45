"""An item of `spec.controls`: one control, set otherwise than the profile does."""

import re
from collections.abc import Callable
from typing import Annotated, ClassVar, Final, TypeAlias

from pydantic import Field

from revet.core.model.catalog import ALLOWED, CONTROLS, PATCHABLE, SETTINGS
from revet.core.model.mode import Mode
from revet.core.model.schema import Model, Name, Text, rule
from revet.core.model.settings import Settings

Path = Annotated[str, Field(min_length=2, max_length=253, pattern=r"^(/[^/:]+)+$")]
Reads: TypeAlias = Callable[["Control"], bool]
Port = Annotated[int, Field(ge=1, le=65535)]

#: The settings as the model names them, and as people write them.
_NAMES: Final = {
    "allow": "allow",
    "writable_paths": "writablePaths",
    "max_expiration_seconds": "maxExpirationSeconds",
    "min_user_id": "minUserId",
    "ports": "ports",
}


def _listed(texts: tuple[str, ...]) -> str:
    return ", ".join(texts)


def _in_cel(texts: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{text}'" for text in texts) + "]"


def _any_given() -> str:
    fields = ("mode", "patch", *_NAMES.values())
    return " || ".join(f"has(self.{field})" for field in fields)


def _reads(name: str) -> Reads:
    """Make the rule of one setting; one for all could not say which of them is too much."""
    field = _NAMES[name]

    @rule(
        f"!has(self.{field}) || self.id in {_in_cel(SETTINGS[field])}",
        f'control "{{id}}" has no setting {field}; docs/controls.md lists those of each',
        field,
    )
    def reads(control: "Control") -> bool:
        return getattr(control, name) is None or control.id in SETTINGS[field]

    return reads


def _matches_pattern() -> str:
    """Write one choice among the patterns: each alone would be paid for in CEL's cost."""
    chosen = "''"
    for control, pattern in ALLOWED.items():
        chosen = f"self.id == '{control}' ? r'^({pattern})$' : {chosen}"
    return f"!has(self.allow) || self.allow.all(text, text.matches({chosen}))"


class Control(Model):
    """Sets one control otherwise than the profile does. What is left out stays the profile's."""

    id: Name
    """The control's id, such as run-as-non-root."""
    mode: Mode | None = None
    """What a finding leads to: Disabled (not looked for), Audit (counted), Warn (a warning to the
    client) or Enforce (denied). Never more than the policy's enforcement. Default: the profile's.
    """
    patch: bool | None = None
    """Whether Pods are patched where that is safe, before they are judged; only under Enforce.
    Default: the profile's.
    """
    allow: Annotated[tuple[Text, ...], Field(min_length=1, max_length=64)] | None = None
    """Values that the control lets pass besides those that it always does; docs/controls.md says
    what they are for each control that has this.
    """
    writable_paths: Annotated[tuple[Path, ...], Field(min_length=1, max_length=32)] | None = None
    """The paths where a patched container gets a writable emptyDir."""
    max_expiration_seconds: Annotated[int, Field(ge=600, le=2**31 - 1)] | None = None
    """The longest time that a token may be good for, in seconds."""
    min_user_id: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """The least user id that containers may run as."""
    ports: Annotated[tuple[Port, ...], Field(min_length=1, max_length=64)] | None = None
    """Port numbers that count besides those that always do."""

    @property
    def settings(self) -> Settings:
        """What it sets beside the mode."""
        return Settings(
            allow=frozenset(self.allow or ()),
            writable_paths=self.writable_paths or (),
            max_expiration_s=self.max_expiration_seconds,
            min_user_id=self.min_user_id,
            ports=frozenset(self.ports or ()),
        )

    @rule(
        f"self.id in {_in_cel(CONTROLS)}",
        'control "{id}" is not supported in this version, must be one of ' + _listed(CONTROLS),
        "id",
    )
    def is_known(self) -> bool:
        """Tell whether this version has the control."""
        return self.id in CONTROLS

    @rule(
        f"!has(self.patch) || !self.patch || self.id in {_in_cel(PATCHABLE)}",
        "true is possible only for " + _listed(PATCHABLE),
        "patch",
    )
    def can_patch(self) -> bool:
        """Tell whether there is a patch, where one is asked for."""
        return not self.patch or self.id in PATCHABLE

    @rule(
        "!has(self.patch) || !self.patch || !has(self.mode) || self.mode != 'Disabled'",
        "true needs a mode other than Disabled",
        "patch",
    )
    def looks_before_it_patches(self) -> bool:
        """Tell whether a patch that is asked for can ever happen."""
        return not self.patch or self.mode is not Mode.DISABLED

    @rule(
        _any_given(),
        "sets nothing, must have mode, patch or a setting of the control",
    )
    def sets_something(self) -> bool:
        """Tell whether the entry says anything."""
        return any(getattr(self, each) is not None for each in ("mode", "patch", *_NAMES))

    reads_allow: ClassVar[Reads] = _reads("allow")
    reads_writable_paths: ClassVar[Reads] = _reads("writable_paths")
    reads_max_expiration_seconds: ClassVar[Reads] = _reads("max_expiration_seconds")
    reads_min_user_id: ClassVar[Reads] = _reads("min_user_id")
    reads_ports: ClassVar[Reads] = _reads("ports")

    @rule(
        _matches_pattern(),
        'has a text of another form than control "{id}" knows; docs/controls.md shows them',
        "allow",
    )
    def allows_what_there_can_be(self) -> bool:
        """Tell whether every text of `allow` has the control's form."""
        # Where there is none the rule above speaks, as on the API server.
        pattern = ALLOWED.get(self.id)
        return pattern is None or all(re.fullmatch(pattern, each) for each in self.allow or ())
