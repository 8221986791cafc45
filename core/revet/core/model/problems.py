"""Words what pydantic found wrong: one line a problem, with its place and what is allowed."""

import re
from json import dumps

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from revet.core.model.document import fields_by_alias, list_models

Place = tuple[str | int, ...]
_LONGEST_VALUE = 80


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """Write one line for each problem of a document of that model."""
    errors = error.errors(include_url=False)
    return "\n".join(_describe(each, model) for each in errors if not _is_echo(each))


def _is_echo(error: ErrorDetails) -> bool:
    """Tell whether a list is called too short only because its items were refused already."""
    least: int = error.get("ctx", {}).get("min_length", 0)
    return error["type"] == "too_short" and len(error["input"]) >= least


def _describe(error: ErrorDetails, model: type[BaseModel]) -> str:
    place, text = _write_place(error["loc"]), _word(error, model)
    # A refusal by name starts with its place, as the API server's message does.
    return text if place and text.startswith(place) else f"{place or model.__name__}: {text}"


def _word(error: ErrorDetails, model: type[BaseModel]) -> str:
    context, message = error.get("ctx", {}), error["msg"]
    refusal = f"{_show(error['input'])} is not allowed, must "
    match error["type"]:
        case "rule":
            return message
        case "json_invalid":
            return f"is not JSON: {context['error']}"
        case "missing":
            return "is required"
        case "extra_forbidden":
            fields = fields_by_alias(_find_model(model, error["loc"][:-1]))
            return "unknown field, must be one of " + ", ".join(fields)
        case "expects":
            return f"{refusal}be {message}"
        case "enum" | "literal_error":
            # "'Audit' or 'Warn'" for one, "<Mode.AUDIT: 'Audit'> or ..." for the other
            return f"{refusal}be one of " + ", ".join(re.findall("'([^']*)'", context["expected"]))
        case "string_pattern_mismatch":
            return f"{refusal}match {context['pattern']}"
        case _:
            return refusal + message.partition(" should ")[2]


def _show(value: object) -> str:
    text = f"'{value}'" if isinstance(value, str) else dumps(value, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _write_place(loc: Place) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    return "".join(steps).removeprefix(".")


def _find_model(model: type[BaseModel], loc: Place) -> type[BaseModel]:
    """Find the model of the object at a place."""
    for step in loc:
        if isinstance(step, str):
            model = next(list_models(fields_by_alias(model)[step].annotation))
    return model
