"""What a plain YAML scalar means, as sigs.k8s.io/yaml has it: YAML 1.1 as go-yaml v2 reads it.

Apart from the reader since it is a table of rules, held against that library by
tests/data/yaml_scalars.yaml.
"""

import base64
import binascii
import math
import re
import struct
from typing import Final, TypeAlias

from revet.core.errors import ManifestError

Scalar: TypeAlias = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_NUMERIC: Final = frozenset("+-.0123456789")

# Go's strconv.ParseInt with base 0; underscores are gone by then.
_INTEGER: Final = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)"
    r"|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_BASES: Final = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
# What begins with a dot goes to strconv.ParseFloat as it is: there underscores part digits.
_DOTTED: Final = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
# go-yaml's own second try at binary numbers lets a sign follow the prefix.
_ODD_BINARY: Final = re.compile(r"0b([-+][01]+)")

_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1
_HIGHEST_UNSIGNED: Final = 2**64 - 1

_TAG: Final = "tag:yaml.org,2002:"


def resolve(text: str) -> Scalar:
    """Return what a plain scalar without a tag is."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    if text[0] == ".":
        return _finite(text.replace("_", ""), text) if _DOTTED.fullmatch(text) else text
    plain = text.replace("_", "")
    integer = _integer(plain)
    if integer is not None:
        return integer
    return _finite(plain, text) if _FLOAT.fullmatch(plain) else text


def _integer(text: str) -> int | None:
    odd = _ODD_BINARY.fullmatch(text)
    if odd:
        value = int(odd[1], 2)
        return value if _LOWEST <= value <= _HIGHEST else None
    found = _INTEGER.fullmatch(text)
    if found is None or found.lastgroup is None:
        return None
    digits = found[found.lastgroup].lstrip("0") or "0"
    if len(digits) > 64:  # noqa: PLR2004 -- no base needs more for what Go can hold
        return None
    value = int(found["sign"] + digits, _BASES[found.lastgroup])
    highest = _HIGHEST if found["sign"] else _HIGHEST_UNSIGNED  # Go's ParseUint takes no sign.
    return value if _LOWEST <= value <= highest else None


def _finite(number: str, text: str) -> float | str:
    """Return the number; one too large is a text, as in Go."""
    value = float(number)
    return value if math.isfinite(value) else text


def resolve_tagged(tag: str, text: str) -> Scalar:
    """Return what a scalar with a tag is.

    Raises:
        ManifestError: it is not what its tag says.

    """
    name = tag.removeprefix(_TAG)
    if name == tag or name not in {"bool", "int", "float", "null", "binary", "timestamp"}:
        return text  # !!str, and tags that Kubernetes has no meaning for.
    if name == "binary":
        return _decode_binary(text)
    found = resolve(text)
    if name == "float" and type(found) is int and found <= _HIGHEST:
        return float(found)
    wanted = {"bool": bool, "int": int, "float": float, "null": type(None)}.get(name)
    if type(found) is not wanted:
        raise ManifestError(f"cannot read {text!r} as !!{name}: leave the tag out")
    return found


def _decode_binary(text: str) -> str:
    try:
        return base64.b64decode(text.replace("\n", ""), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ManifestError("!!binary must be base64 of UTF-8 text: leave the tag out") from error


def as_json(value: Scalar) -> Scalar:
    """Return a scalar as it is in JSON: a number of 64 bits with a sign, else a float.

    Raises:
        ManifestError: JSON has no such number.

    """
    if type(value) is float:
        if not math.isfinite(value):
            raise ManifestError("JSON has no .inf and no .nan: write it in quotes")
        return int(value) if value.is_integer() and _LOWEST <= value < _HIGHEST else value
    if type(value) is int and value > _HIGHEST:
        return float(value)
    return value


def as_key(value: Scalar) -> str:
    """Return a scalar as the key of a JSON object.

    Raises:
        ManifestError: Kubernetes takes no such key.

    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() if value <= _HIGHEST:
            return str(value)
        case float():
            return _format_single(value)
        case _:
            raise ManifestError(f"a key must not be {_name(value)}: write it in quotes")


def _name(value: Scalar) -> str:
    return "null" if value is None else str(value)


def _format_single(value: float) -> str:
    """Write a float as Go's FormatFloat(value, 'g', -1, 32): in single precision, shortest."""
    try:
        single: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        single = math.copysign(math.inf, value)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else ".inf" if single > 0 else "-.inf"
    digits = next(
        each for each in range(9) if struct.pack("f", float(f"{single:.{each}e}")) == _raw(single)
    )
    text = f"{single:.{digits}e}"
    exponent = int(text.partition("e")[2])
    # Go leaves the exponent out from 1e-4 up to 1e6.
    return f"{single:.{max(digits - exponent, 0)}f}" if -4 <= exponent < 6 else text  # noqa: PLR2004


def _raw(single: float) -> bytes:
    return struct.pack("f", single)
