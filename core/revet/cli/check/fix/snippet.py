"""JSON values as the text that is inserted: YAML in block or flow style, or JSON."""

import json
from typing import Any, Final, cast

import yaml

from revet.core.check import Json

_WIDE: Final = 1 << 20
_SEQUENCE: Final = "tag:yaml.org,2002:seq"


class _Dumper(yaml.SafeDumper):
    """Writes lists of plain values in one line, and all else in block style."""

    indents_sequences = False

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 -- PyYAML's own
        super().increase_indent(flow, indentless and not self.indents_sequences)


class _IndentingDumper(_Dumper):
    indents_sequences = True


def _represent_list(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    is_plain = not any(isinstance(each, dict | list) for each in value)
    return cast("yaml.Node", dumper.represent_sequence(_SEQUENCE, value, flow_style=is_plain))


_Dumper.add_representer(list, _represent_list)
_IndentingDumper.add_representer(list, _represent_list)


def write_block(value: Json, *, indent: int, indents_sequences: bool) -> list[str]:
    """Return the lines of a value in block style."""
    text = yaml.dump(
        value,
        Dumper=_IndentingDumper if indents_sequences else _Dumper,
        default_flow_style=False,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDE,
        indent=indent,
    )
    return str(text).splitlines()


def write_flow(value: Json, *, is_json: bool, indent: int | None = None) -> str:
    """Return a value in one line, or in JSON, with `indent`, in several."""
    if is_json:
        return json.dumps(value, ensure_ascii=False, indent=indent)
    text = yaml.safe_dump(
        [value], default_flow_style=True, sort_keys=False, allow_unicode=True, width=_WIDE
    )
    return str(text).strip()[1:-1]
