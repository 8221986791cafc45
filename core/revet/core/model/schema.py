"""What all models of the HardeningPolicy share: the base class, the rules and the scalar types.

A rule is written once, in CEL for the API server and in Python for everybody else; apart from the
models, so that the CRD generator reads the same rules that the base class checks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Annotated, Any, NamedTuple, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import (
    no_info_after_validator_function,
    no_info_wrap_validator_function,
)


class Rule(NamedTuple):
    """One thing that a schema cannot say. A message may name fields: `{id} is not known`."""

    cel: str
    message: str
    field: str = ""  # the alias of the field that is to blame; empty: the object itself

    def render(self) -> dict[str, str]:
        """Write the rule as an item of x-kubernetes-validations."""
        rendered = {"rule": self.cel, "message": self.message}
        if self.field:
            rendered["fieldPath"] = f".{self.field}"
        if any(name for _, name, _, _ in Formatter().parse(self.message)):
            rendered["messageExpression"] = self._render_message()
            del rendered["message"]
        return rendered

    def _render_message(self) -> str:
        parts: list[str] = []
        for text, name, _, _ in Formatter().parse(self.message):
            parts += ["'" + text.replace("'", r"\'") + "'"] if text else []
            parts += [f"self.{name}"] if name else []
        return " + ".join(parts)


M = TypeVar("M", bound="Model")
Holds = Callable[[M], bool]


def rule(cel: str, message: str, field: str = "") -> Callable[[Holds[M]], Holds[M]]:
    """Mark a method of a model as the Python half of a rule whose other half is `cel`."""

    def mark(holds: Holds[M]) -> Holds[M]:
        holds.rule = Rule(cel, message, field)  # type: ignore[attr-defined] # a function with an attribute has no type
        return holds

    return mark


def _add_rules(schema: dict[str, Any], model: type["Model"]) -> None:
    rules = [each.render() for each, _ in model.list_rules()]
    if rules:
        schema["x-kubernetes-validations"] = rules


class Model(BaseModel):
    """A part of the HardeningPolicy: frozen, strict, camelCase outside and snake_case inside."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        json_schema_extra=_add_rules,
        strict=True,
        use_attribute_docstrings=True,
        validate_by_alias=True,
        validate_by_name=True,
    )

    @classmethod
    def list_rules(cls) -> Iterator[tuple[Rule, Callable[[Any], bool]]]:
        """Give the rules of this model, each with its Python half, in the order written."""
        for base in reversed(cls.__mro__):
            for member in vars(base).values():
                found: Rule | None = getattr(member, "rule", None)
                if isinstance(found, Rule):
                    yield found, member

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = [
            problem(each.message.format_map(dict(self)), self, *filter(None, [each.field]))
            for each, holds in self.list_rules()
            if not holds(self)
        ]
        refuse(type(self).__name__, problems)
        return self


def problem(message: str, value: object, *place: str | int) -> InitErrorDetails:
    """Word one problem, at a place below the value that is being validated."""
    # As an argument, so that braces in the text stay what they are.
    error = PydanticCustomError("rule", "{text}", {"text": message})
    return InitErrorDetails(type=error, loc=place, input=value)


def refuse(title: str, problems: Sequence[InitErrorDetails]) -> None:
    """Raise all problems at once, if there are any."""
    if problems:
        raise ValidationError.from_exception_data(title, list(problems))


@dataclass(frozen=True)
class MapList:
    """Makes a tuple of models a list map: its items are told apart by one of their fields."""

    key: str

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_after_validator_function(self._refuse_twins, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        marks = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key]}
        return handler(schema) | marks

    def _refuse_twins(self, items: tuple[Model, ...]) -> tuple[Model, ...]:
        keys: list[object] = [getattr(item, self.key) for item in items]
        problems = [
            problem(f"{key!r} is there twice, must be unique", key, index, self.key)
            for index, key in enumerate(keys)
            if key in keys[:index]
        ]
        refuse("list map", problems)
        return items


@dataclass(frozen=True)
class Expects:
    """Says in one message what a field of several types expects."""

    text: str

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: object, check: ValidatorFunctionWrapHandler) -> object:
        try:
            return check(value)
        except ValidationError as error:
            raise PydanticCustomError("expects", "{text}", {"text": self.text}) from error


Duration = Annotated[
    str,
    Field(min_length=2, max_length=20, pattern=r"^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$"),
]
Name = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
Text = Annotated[str, Field(min_length=1, max_length=253)]
