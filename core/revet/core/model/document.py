"""Walks a document along the models that it is read into; apart, for reading and for messages."""

from collections.abc import Iterator
from typing import cast, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def drop_nulls(value: object, model: type[BaseModel]) -> object:
    """Leave out the fields that are null, as the API server does; entries of maps are kept."""
    if isinstance(value, list):
        return [drop_nulls(each, model) for each in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    fields = fields_by_alias(model)
    given = cast("dict[str, object]", value).items()
    return {
        key: _drop_below(each, fields.get(key))
        for key, each in given
        if each is not None or key not in fields
    }


def fields_by_alias(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Give the fields by the names that they have in a document."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def list_models(annotation: object) -> Iterator[type[BaseModel]]:
    """Find the models in a type such as `tuple[Control, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from list_models(each)


def _drop_below(value: object, field: FieldInfo | None) -> object:
    model = next(list_models(field.annotation), None) if field else None
    return drop_nulls(value, model) if model else value
