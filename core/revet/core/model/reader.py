"""From JSON to wire types, as Go's encoding/json has it: null leaves the value that there was.

Apart, because all kinds share it. Nulls are rare: what fits as it stands is read in one go.
"""

from typing import Any, Final, Generic, TypeGuard, TypeVar

import msgspec
from msgspec.inspect import (
    BoolType,
    DictType,
    FloatType,
    IntType,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

T = TypeVar("T")

#: Longer lists are not searched for nulls; no object that makes sense has one.
_LONGEST: Final = 10_000
#: What Go has in a place where nothing was written.
_ZERO: Final[dict[type[Type], Any]] = {
    BoolType: False,
    DictType: {},
    FloatType: 0.0,
    IntType: 0,
    StrType: "",
    StructType: {},
    VarTupleType: [],
}


class Reader(Generic[T]):
    """Reads one wire type."""

    def __init__(self, wire: type[T]) -> None:
        """Set up for a type."""
        self._wire = wire
        self._type = type_info(wire)
        self._decoder = msgspec.json.Decoder(wire)

    def decode(self, data: bytes | msgspec.Raw) -> T:
        """Read JSON.

        Raises:
            msgspec.DecodeError: it does not fit; the message names the field.

        """
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError:
            if b"null" not in bytes(data):
                raise
            return self._fill_and_convert(msgspec.json.decode(data))

    def convert(self, value: Any) -> T:  # noqa: ANN401 -- JSON of any shape
        """Read JSON that is decoded already.

        Raises:
            msgspec.ValidationError: it does not fit; the message names the field.

        """
        try:
            return msgspec.convert(value, self._wire)
        except msgspec.ValidationError:
            return self._fill_and_convert(value)

    def _fill_and_convert(self, value: Any) -> T:  # noqa: ANN401 -- JSON of any shape
        filled = None if value is None else _fill(value, self._type)
        return msgspec.convert(filled, self._wire)


def _fill(value: Any, wire: Type) -> Any:  # noqa: ANN401 -- JSON of any shape
    """Put the zero value where null stands and none may."""
    match wire:
        case UnionType(types=types):
            if value is None and any(isinstance(each, NoneType) for each in types):
                return None
            some = [each for each in types if not isinstance(each, NoneType)]
            return _fill(value, some[0]) if len(some) == 1 else value
        case StructType() | DictType() if _is_object(value):
            return _fill_object(value, wire)
        case VarTupleType(item_type=item) if _is_list(value):
            return _fill_list(value, item)
        case _:
            return _ZERO.get(type(wire)) if value is None else value


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _fill_object(value: dict[str, Any], wire: StructType | DictType) -> dict[str, Any]:
    if isinstance(wire, DictType):
        return {key: _fill(each, wire.value_type) for key, each in value.items()}
    known = {each.encode_name: each.type for each in wire.fields}
    present = {key: each for key, each in value.items() if key in known and each is not None}
    return {key: _fill(each, known[key]) for key, each in present.items()}


def _fill_list(value: list[Any], item: Type) -> list[Any]:
    return value if len(value) > _LONGEST else [_fill(each, item) for each in value]
