"""Putting back what stood on a namespace before our Pod Security labels."""

import json
from typing import Any

import pytest

from revet.core.model.meta import FIELD_MANAGER, POD_SECURITY_ANNOTATION
from revet.core.restoration import forget, put_back, read_before, restoration

ENFORCE = "pod-security.kubernetes.io/enforce"
WARN = "pod-security.kubernetes.io/warn"
AT_ENFORCE = "/metadata/labels/pod-security.kubernetes.io~1enforce"
AT_WARN = "/metadata/labels/pod-security.kubernetes.io~1warn"


def _namespace(labels: dict[str, str], annotation: str, ours: tuple[str, ...]) -> dict[str, Any]:
    fields: dict[str, Any] = {"f:metadata": {"f:labels": {f"f:{key}": {} for key in ours}}}
    return {
        "metadata": {
            "name": "shop",
            "resourceVersion": "7",
            "labels": labels,
            "annotations": {POD_SECURITY_ANNOTATION: annotation},
            "managedFields": [{"manager": FIELD_MANAGER, "fieldsV1": fields}],
        }
    }


def test_only_labels_of_pod_security_are_read() -> None:
    said = {ENFORCE: "baseline", WARN: None, "tier": "prod", "revet.dev/break-glass": None}
    assert read_before(_namespace({}, json.dumps(said), ())) == {ENFORCE: "baseline", WARN: None}
    assert read_before({"metadata": {"name": "shop"}}) == {}


@pytest.mark.parametrize(
    ("key", "value", "is_read"),
    [
        (ENFORCE, "privileged", True),
        (ENFORCE, "Privileged", False),
        (ENFORCE, "no!", False),
        (f"{ENFORCE}-version", "latest", True),
        (f"{ENFORCE}-version", "v1.36", True),
        (f"{ENFORCE}-version", "v1.036", False),
        (f"{ENFORCE}-version", "restricted", False),
    ],
)
def test_what_no_namespace_ever_had_is_not_put_back(key: str, value: str, *, is_read: bool) -> None:
    before = read_before(_namespace({}, json.dumps({key: value}), (key,)))
    assert before == ({key: value} if is_read else {})


_LONG = json.dumps({ENFORCE: "baseline", "more": "x" * 5000})


@pytest.mark.parametrize(
    "annotation",
    ["", "{", "[]", "1", json.dumps({ENFORCE: 1}), "[" * 4000, "[" * 200_000, _LONG],
    ids=["nothing", "half", "list", "number", "no text", "nested", "nested far", "long"],
)
def test_what_nobody_can_read_says_nothing(annotation: str) -> None:
    namespace = _namespace({ENFORCE: "restricted"}, annotation, (ENFORCE,))
    assert read_before(namespace) == {}
    assert restoration(namespace) == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        forget(),
    ]


def test_what_stood_there_comes_back_and_the_annotation_goes() -> None:
    before = json.dumps({ENFORCE: "baseline", WARN: None, "tier": None})
    labels = {ENFORCE: "restricted", WARN: "restricted", "tier": "prod"}
    assert restoration(_namespace(labels, before, (ENFORCE, WARN))) == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": AT_ENFORCE, "value": "baseline"},
        {"op": "remove", "path": AT_WARN},
        {"op": "remove", "path": "/metadata/annotations/revet.dev~1pod-security-before"},
    ]


def test_what_others_have_written_since_stays() -> None:
    before = json.dumps({ENFORCE: "baseline", WARN: None})
    labels = {ENFORCE: "privileged", WARN: "restricted"}
    operations = restoration(_namespace(labels, before, (WARN,)))
    assert [each["path"] for each in operations[1:-1]] == [AT_WARN]


def test_a_label_that_is_gone_needs_no_removal() -> None:
    assert put_back({}, {ENFORCE: None, WARN: "audit"}) == [
        {"op": "add", "path": AT_WARN, "value": "audit"}
    ]
