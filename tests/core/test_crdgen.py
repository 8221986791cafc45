"""The generated CRD: structural, bounded, small, and what is committed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import BaseModel, Field

from revet.core import crdgen
from revet.core.crdgen import hardening_policy_crd, make_structural
from revet.core.model.catalog import UNSUPPORTED

_FILE = Path(__file__).parents[2] / "crds" / "revet.dev_hardeningpolicies.yaml"
_LARGEST = 200_000  # kubectl apply keeps it in an annotation of at most 262,144 bytes
Schema = dict[str, Any]

CRD = hardening_policy_crd()
ROOT: Schema = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def _walk(schema: Schema, place: str = "") -> Iterator[tuple[str, Schema]]:
    yield place, schema
    for name, each in schema.get("properties", {}).items():
        yield from _walk(each, f"{place}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from _walk(schema[key], f"{place}[]")


ALL = dict(_walk(ROOT))
OURS = {place: each for place, each in ALL.items() if place.startswith((".spec", ".status"))}


def _faults(is_good: Any) -> list[str]:  # noqa: ANN401 # any test of a schema
    return [place for place, each in OURS.items() if not is_good(each)]


def test_the_committed_file_is_what_the_model_says() -> None:
    assert yaml.safe_load(_FILE.read_text(encoding="utf-8")) == CRD


def test_it_is_small() -> None:
    assert len(json.dumps(CRD)) < _LARGEST
    assert len(_FILE.read_bytes()) < _LARGEST


def test_each_call_makes_a_new_one_without_shared_parts() -> None:
    assert hardening_policy_crd() == CRD
    assert hardening_policy_crd()["spec"] is not CRD["spec"]
    assert "&id" not in yaml.safe_dump(CRD)


def test_it_has_what_a_schema_needs() -> None:
    assert len(OURS) > 300
    for word in ("$ref", "$defs", "anyOf", "const", "title", "uniqueItems", "exclusiveMinimum"):
        assert not any(word in each for each in ALL.values()), word


def test_each_list_is_bounded() -> None:
    assert _faults(lambda each: each.get("type") != "array" or "maxItems" in each) == []


def test_each_map_is_bounded() -> None:
    assert _faults(lambda each: "additionalProperties" not in each or "maxProperties" in each) == []


def test_each_text_is_bounded() -> None:
    bounds = {"maxLength", "enum", "format"}
    assert _faults(lambda each: each.get("type") != "string" or bounds & each.keys()) == []


def test_each_value_has_one_type() -> None:
    free = {"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"}
    assert _faults(lambda each: ("type" in each) != bool(free & each.keys())) == []


def test_each_field_is_described() -> None:
    def describes(each: Schema) -> bool:
        return all("description" in field for field in each.get("properties", {}).values())

    assert _faults(describes) == []


def test_objects_are_closed_or_maps() -> None:
    assert _faults(lambda each: not {"properties", "additionalProperties"} <= each.keys()) == []


def test_lists_with_keys_are_maps() -> None:
    keys = {
        place: each["x-kubernetes-list-map-keys"]
        for place, each in OURS.items()
        if each.get("x-kubernetes-list-type") == "map"
    }
    assert keys[".spec.controls"] == ["id"]
    assert keys[".status.conditions"] == ["type"]
    for place, names in keys.items():
        assert set(names) <= set(OURS[f"{place}[]"]["required"]), place


def test_the_defaults_are_the_designed_ones() -> None:
    spec = ROOT["properties"]["spec"]
    defaults = {
        name: each["default"] for name, each in spec["properties"].items() if "default" in each
    }
    assert defaults == {
        "podSelector": {},
        "standardVersion": "latest",
        "enforcement": "Audit",
        "templates": "Enforce",
    }
    assert spec["required"] == ["namespaceSelector", "profile"]


@pytest.mark.parametrize("path", UNSUPPORTED)
def test_what_is_not_built_is_refused_and_has_no_default(path: str) -> None:
    owner, _, field = f".{path}".rpartition(".")
    assert "default" not in ALL[f"{owner}.{field}"]
    assert {
        "rule": f"!has(self.{field})",
        "message": f"{path.replace('[]', '')} is not supported in this version",
        "fieldPath": f".{field}",
        "reason": "FieldValueForbidden",
    } in ALL[owner]["x-kubernetes-validations"]


def test_a_part_of_a_part_can_be_refused() -> None:
    """So that a part is built, and lifted, piece by piece."""
    root = hardening_policy_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    before = dict(_walk(root))
    assert before[".spec.network.allow"]["default"] == {}
    assert before[".spec.network.allow.dns"]["default"] is True
    crdgen._refuse(root, "spec.network.allow.dns")
    crdgen._refuse(root, "spec.network.flows[].ports")
    after = dict(_walk(root))
    assert "default" not in after[".spec.network.allow.dns"]
    assert after[".spec.network.allow.dns"]["description"].endswith(
        "Not supported in this version."
    )
    for owner, field in ((".spec.network.allow", "dns"), (".spec.network.flows[]", "ports")):
        rules = after[owner]["x-kubernetes-validations"]
        assert rules[-1]["rule"] == f"!has(self.{field})"


def test_ports_and_quantities_are_numbers_or_texts() -> None:
    port = OURS[".spec.network.flows[].ports[].port"]
    assert port["x-kubernetes-int-or-string"] is True
    assert (port["minimum"], port["maximum"], port["maxLength"]) == (1, 65535, 15)
    assert OURS[".spec.namespaces.resourceQuota.hard[]"]["x-kubernetes-int-or-string"] is True


def test_names_and_columns() -> None:
    assert CRD["metadata"]["name"] == "hardeningpolicies.revet.dev"
    assert CRD["spec"]["scope"] == "Cluster"
    assert CRD["spec"]["names"]["shortNames"] == ["hp"]
    version = CRD["spec"]["versions"][0]
    assert version["subresources"] == {"status": {}}
    for column in version["additionalPrinterColumns"][:-1]:
        assert column["jsonPath"] in OURS, column
        assert OURS[column["jsonPath"]]["type"] == column["type"]


class _Inner(BaseModel):
    number: int = Field(ge=1, le=9)


class _Outer(BaseModel):
    one: Literal["x"]
    inner: _Inner | None = None
    """Not taken for a description: only our own models read docstrings."""
    words: tuple[str, ...] = ()


def test_a_json_schema_becomes_structural() -> None:
    assert make_structural(_Outer.model_json_schema()) == {
        "type": "object",
        "required": ["one"],
        "properties": {
            "one": {"type": "string", "enum": ["x"]},
            "inner": {
                "type": "object",
                "required": ["number"],
                "properties": {"number": {"type": "integer", "minimum": 1, "maximum": 9}},
            },
            "words": {"type": "array", "items": {"type": "string"}},
        },
    }


class _Exclusive(BaseModel):
    number: int = Field(gt=0)


class _Union(BaseModel):
    either: list[int | str]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_Exclusive, r"^\.number: exclusiveMinimum is not structural$"),
        (_Union, r"^\.either\[\]: anyOf is not structural$"),
    ],
)
def test_what_a_crd_cannot_say_is_an_error(model: type[BaseModel], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_structural(model.model_json_schema())
