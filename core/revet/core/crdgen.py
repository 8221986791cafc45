"""Makes the HardeningPolicy's CustomResourceDefinition from its model.

Pydantic speaks JSON Schema; a CRD wants a structural OpenAPI v3 schema: no references, no unions,
no `const`. What cannot be said that way is an error here, not a surprise on the API server.
"""

from copy import deepcopy
from typing import Any

from pydantic import JsonValue

from revet.core.model.catalog import UNSUPPORTED
from revet.core.model.policy import GROUP, KIND, VERSION, HardeningPolicy
from revet.core.model.unsupported import word_refusal

Schema = dict[str, Any]

_KEPT = {
    "additionalProperties",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "nullable",
    "pattern",
    "properties",
    "required",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}
_ANY_TYPE = {"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"}


def hardening_policy_crd() -> Schema:
    """Make the CustomResourceDefinition, as a new object."""
    plural = f"{KIND.lower().removesuffix('y')}ies"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": plural,
                "singular": KIND.lower(),
                "shortNames": ["hp"],
            },
            "scope": "Cluster",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": _root_schema()},
                }
            ],
        },
    }


def make_structural(schema: Schema) -> Schema:
    """Turn a JSON Schema, as pydantic writes it, into a structural OpenAPI v3 schema.

    Raises:
        ValueError: the schema says something that a structural one cannot.

    """
    return _convert(schema, schema.get("$defs", {}), "")


def _columns() -> list[Schema]:
    columns = (
        ("Profile", "string", ".spec.profile"),
        ("Enforcement", "string", ".spec.enforcement"),
        ("Namespaces", "integer", ".status.counts.namespaces"),
        ("Non-Compliant", "integer", ".status.counts.nonCompliant"),
        ("Runtime", "string", ".status.runtime"),
        ("Age", "date", ".metadata.creationTimestamp"),
    )
    return [{"name": name, "type": kind, "jsonPath": path} for name, kind, path in columns]


def _root_schema() -> Schema:
    root = make_structural(HardeningPolicy.model_json_schema())
    # The API server itself checks these three, and allows little to be said of them.
    root["properties"] |= {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    root["required"] = ["spec"]
    for path in UNSUPPORTED:
        _refuse(root, path)
    return root


def _refuse(root: Schema, path: str) -> None:
    """Refuse a field by a rule of the object that it is in."""
    *parents, field = path.split(".")
    owner = root
    for step in parents:
        owner = owner["properties"][step.removesuffix("[]")]
        owner = owner["items"] if step.endswith("[]") else owner
    # A default would set the field in each object, which would then be refused.
    refused = owner["properties"][field]
    refused.pop("default", None)
    # What is said of its default does not hold yet.
    refused["description"] += " Not supported in this version."
    owner.setdefault("x-kubernetes-validations", []).append(
        {
            "rule": f"!has(self.{field})",
            "message": word_refusal(path),
            "fieldPath": f".{field}",
            "reason": "FieldValueForbidden",
        }
    )


def _convert(schema: Schema, definitions: Schema, place: str) -> Schema:
    found = _inline(schema, definitions)
    for key in ("title", "$defs"):
        found.pop(key, None)
    if found.get("additionalProperties") is False:  # unknown fields are pruned all the same
        del found["additionalProperties"]
    if found.keys() & _ANY_TYPE:  # these say it for the union
        found.pop("anyOf", None)
    if "const" in found:
        found["enum"] = [found.pop("const")]
    if "description" in found:
        found["description"] = " ".join(found["description"].split())
    _trim_default(found)
    unknown = found.keys() - _KEPT
    if unknown:
        raise ValueError(f"{place or 'the schema'}: {', '.join(sorted(unknown))} is not structural")
    for key in ("items", "additionalProperties"):
        if key in found:
            found[key] = _convert(found[key], definitions, f"{place}[]")
    if "properties" in found:
        found["properties"] = {
            name: _convert(each, definitions, f"{place}.{name}")
            for name, each in found["properties"].items()
        }
    return {key: found[key] for key in sorted(found)}


def _inline(schema: Schema, definitions: Schema) -> Schema:
    """Replace a reference, or a union with null, by what it stands for. The field's words win."""
    found = deepcopy(schema)
    members = [each for each in found.get("anyOf", ()) if each != {"type": "null"}]
    if len(members) == 1:
        del found["anyOf"]
        found = members[0] | found
    if "$ref" in found:
        name = found.pop("$ref").removeprefix("#/$defs/")
        found = _inline(definitions[name], definitions) | found
    return found


def _trim_default(schema: Schema) -> None:
    """Leave only a default that changes something: an empty list is what its absence means.

    What an object's own fields default to is said there, once.
    """
    default = _trim(schema.pop("default", None))
    if isinstance(default, dict) and "properties" in schema:
        fields: Schema = schema["properties"]
        differing = {
            name: value for name, value in default.items() if fields[name].get("default") != value
        }
        schema["default"] = differing
    elif default not in (None, [], {}):
        schema["default"] = default


def _trim(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return value
    trimmed = {key: _trim(each) for key, each in value.items()}
    return {key: each for key, each in trimmed.items() if each not in (None, [], {})}
