"""Finds the parts of a policy that this version refuses by name, on the model's side."""

from collections.abc import Iterator
from typing import cast

from pydantic_core import InitErrorDetails

from revet.core.model.schema import Model, problem


def word_refusal(path: str) -> str:
    """Say that a field is refused: the same text here and in the CRD."""
    return f"{path.replace('[]', '')} is not supported in this version"


def find_given(spec: Model, path: str) -> Iterator[InitErrorDetails]:
    """Find each place where a document sets the field, such as `spec.controls[].allow`."""
    for place in _places(spec, path.split(".")[1:]):
        yield problem(word_refusal(path), None, *place)


def _places(value: object, steps: list[str]) -> Iterator[tuple[str | int, ...]]:
    """Walk along the steps; what has only its default was not given."""
    if not steps:
        yield ()
        return
    if not isinstance(value, Model):
        return
    alias = steps[0].removesuffix("[]")
    name = next(name for name, info in type(value).model_fields.items() if info.alias == alias)
    found: object = getattr(value, name)
    if name not in value.model_fields_set or found is None:
        return
    if not steps[0].endswith("[]"):
        yield from ((alias, *rest) for rest in _places(found, steps[1:]))
        return
    for index, item in enumerate(cast("tuple[object, ...]", found)):
        yield from ((alias, index, *rest) for rest in _places(item, steps[1:]))
