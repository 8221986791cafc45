"""References to objects in Revet's own namespace; apart, since several parts use them."""

from typing import Annotated

from pydantic import Field

from revet.core.model.schema import Model

ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"),
]
DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]


class ObjectRef(Model):
    """Names an object in Revet's own namespace."""

    name: ObjectName
    """The object's name."""


class KeyRef(Model):
    """Names one entry of a ConfigMap or Secret in Revet's own namespace."""

    name: ObjectName
    """The object's name."""
    key: DataKey
    """The entry's key."""


class ConfigMapSource(Model):
    """Public data that is kept in a ConfigMap."""

    config_map_ref: KeyRef
    """The ConfigMap's entry, in Revet's own namespace."""
