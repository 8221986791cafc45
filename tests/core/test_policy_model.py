"""The HardeningPolicy's model: what it takes, and what it says of what it refuses."""

import json
import re
import sys
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from revet.core.compiled_policy import changes
from revet.core.engine import Change
from revet.core.errors import Error, PolicyError
from revet.core.model.catalog import CONTROLS, PATCHABLE, SETTINGS, UNSUPPORTED
from revet.core.model.mode import Mode
from revet.core.model.policy import (
    EnforcementOverride,
    HardeningPolicy,
    HardeningPolicySpec,
    Profile,
    parse_policy,
)
from revet.core.model.policy_control import Control
from revet.core.model.policy_network import Network
from revet.core.model.schema import Model
from revet.core.model.selector import LabelSelector
from revet.core.model.settings import DEFAULT_SETTINGS, Settings
from revet.core.model.unsupported import find_given
from tests.support.images import IMAGES
from tests.support.policies import PolicyFile, load_policies
from tests.support.policy_builder import build_policy

GOOD = load_policies("good")
BAD = load_policies("bad")
_MINIMAL: dict[str, Any] = {
    "apiVersion": "revet.dev/v1alpha1",
    "kind": "HardeningPolicy",
    "metadata": {"name": "production"},
    "spec": {"namespaceSelector": {}, "profile": "baseline"},
}


def _refusal(document: object) -> str:
    with pytest.raises(PolicyError) as caught:
        parse_policy(json.dumps(document))
    return str(caught.value)


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.name)
def test_a_good_policy_is_read(file: PolicyFile) -> None:
    policy = parse_policy(file.text)
    assert policy.metadata.name == json.loads(file.text)["metadata"]["name"]
    assert parse_policy(policy.model_dump_json(by_alias=True, exclude_unset=True)) == policy


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.name)
def test_a_bad_policy_is_refused_by_place_and_reason(file: PolicyFile) -> None:
    assert _refusal(json.loads(file.text)).splitlines() == list(file.model)


def test_what_is_left_out_has_its_default() -> None:
    assert parse_policy(json.dumps(_MINIMAL)).spec == HardeningPolicySpec(
        namespace_selector=LabelSelector(),
        pod_selector=LabelSelector(),
        profile=Profile.BASELINE,
        standard_version="latest",
        enforcement=Mode.AUDIT,
        enforcement_overrides=(),
        templates=Mode.ENFORCE,
        controls=(),
    )


def test_everything_supported_is_read_as_written() -> None:
    text = next(file.text for file in GOOD if file.name == "everything-supported")
    policy = parse_policy(text)
    assert policy.metadata.annotations == {"revet.dev/paused": "true"}
    assert policy.spec == HardeningPolicySpec(
        namespace_selector=LabelSelector(match_labels={"tier": "prod"}),
        pod_selector=LabelSelector(match_labels={"app": "web"}),
        profile=Profile.RESTRICTED,
        standard_version="v1.36",
        enforcement=Mode.AUDIT,
        enforcement_overrides=(
            EnforcementOverride(
                namespace_selector=LabelSelector(match_labels={"team": "payments"}),
                enforcement=Mode.ENFORCE,
            ),
            EnforcementOverride(
                namespace_selector=LabelSelector(match_labels={"team": "shop"}),
                enforcement=Mode.WARN,
            ),
        ),
        templates=Mode.WARN,
        controls=(
            Control(id="sysctls", mode=Mode.DISABLED),
            Control(id="seccomp-required", patch=True),
            Control(
                id="drop-all-capabilities",
                mode=Mode.ENFORCE,
                patch=False,
                allow=("SYS_TIME", "KILL"),
            ),
            Control(id="apparmor", mode=Mode.AUDIT, patch=False),
        ),
        images=IMAGES,
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"kind": "Policy"},
            "kind: 'Policy' is not allowed, must be one of HardeningPolicy",
        ),
        (
            {"apiVersion": "revet.dev/v1"},
            "apiVersion: 'revet.dev/v1' is not allowed, must be one of revet.dev/v1alpha1",
        ),
        ({"metadata": {}}, "metadata.name: is required"),
        ({"spec": 3}, "spec: 3 is not allowed, must be an object"),
        (
            {"data": {}},
            "data: unknown field, must be one of apiVersion, kind, metadata, spec, status",
        ),
        (
            {"spec": {"namespaceSelector": {}, "profile": "x" * 200}},
            f"spec.profile: '{'x' * 79}… is not allowed, must be one of baseline, restricted, high",
        ),
    ],
)
def test_the_frame_is_checked_too(change: dict[str, object], message: str) -> None:
    assert _refusal(_MINIMAL | change) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "HardeningPolicy: is not JSON: EOF while parsing an object at line 1 column 1"),
        ("[]", "HardeningPolicy: [] is not allowed, must be an object"),
        (b"\xff", "HardeningPolicy: is not JSON: expected value at line 1 column 1"),
    ],
)
def test_what_is_no_document_is_refused(text: bytes | str, message: str) -> None:
    with pytest.raises(Error) as caught:
        parse_policy(text)
    assert str(caught.value) == message


def test_further_metadata_and_a_newer_status_are_let_pass() -> None:
    metadata: dict[str, object] = {
        "name": "production",
        "managedFields": [{}],
        "creationTimestamp": None,
    }
    policy = parse_policy(
        json.dumps(_MINIMAL | {"metadata": metadata, "status": {"runtime": "quiet", "new": 1}})
    )
    assert policy.status is not None
    assert policy.status.runtime == "quiet"


def test_a_policy_cannot_be_changed() -> None:
    policy = parse_policy(json.dumps(_MINIMAL))
    with pytest.raises(ValidationError, match="frozen"):
        policy.spec.profile = Profile.HIGH  # type: ignore[misc] # the point of the test


def test_rules_hold_for_what_code_builds() -> None:
    with pytest.raises(ValidationError, match="sets nothing"):
        Control(id="sysctls", mode=None)
    assert Control(id="sysctls", mode=Mode.WARN, patch=None).patch is None


def test_every_control_and_every_setting_has_its_place_in_a_good_policy() -> None:
    """So that a real API server is asked about each of them, by e2e."""
    controls, settings = (
        parse_policy(next(file.text for file in GOOD if file.name == name)).spec.controls
        for name in ("every-control", "every-setting")
    )
    assert tuple(each.id for each in controls) == CONTROLS
    assert {each.id for each in controls if each.patch} == set(PATCHABLE)
    given = {(name, each.id) for each in settings for name in each.model_fields_set - {"id"}}
    assert given == {(_snake(field), each) for field, ids in SETTINGS.items() for each in ids}


def _snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ({"id": "drop-all-capabilities", "allow": ["B", "A"]}, Settings(allow=frozenset("AB"))),
        (
            {"id": "read-only-rootfs", "writablePaths": ["/b", "/a"]},
            Settings(writable_paths=("/b", "/a")),
        ),
        (
            {"id": "projected-token-ttl", "maxExpirationSeconds": 900},
            Settings(max_expiration_s=900),
        ),
        ({"id": "high-uid", "minUserId": 20000}, Settings(min_user_id=20000)),
        ({"id": "database-exposure", "ports": [9, 9]}, Settings(ports=frozenset({9}))),
        ({"id": "sysctls", "mode": "Warn"}, DEFAULT_SETTINGS),
    ],
)
def test_settings_reach_the_checks(control: dict[str, Any], expected: Settings) -> None:
    spec = build_policy(controls=[control]).spec
    assert spec.controls[0].settings == expected
    assert changes(spec)[control["id"]].settings == expected


def test_the_registries_are_a_setting_of_their_control() -> None:
    images = {"registries": ["registry.example/"]}
    expected = Settings(registries=("registry.example/",))
    assert changes(build_policy(images=images).spec) == {
        "image-registry": Change(settings=expected)
    }
    controls = [{"id": "image-registry", "mode": "Warn"}]
    assert changes(build_policy(images=images, controls=controls).spec) == {
        "image-registry": Change(Mode.WARN, settings=expected)
    }
    assert changes(build_policy().spec) == {}


def test_modes_are_ordered_by_rank() -> None:
    assert sorted(Mode, key=lambda mode: mode.rank) == [
        Mode.DISABLED,
        Mode.AUDIT,
        Mode.WARN,
        Mode.ENFORCE,
    ]


def test_the_catalog_is_consistent() -> None:
    assert len(CONTROLS) == len(set(CONTROLS))
    assert set(PATCHABLE) < set(CONTROLS)


@pytest.mark.parametrize("path", UNSUPPORTED)
def test_each_refusal_has_a_bad_policy(path: str) -> None:
    message = f"{path.replace('[]', '')} is not supported in this version"
    assert any(message in line for file in BAD for line in file.model)


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("spec.network", [("network",)]),
        ("spec.network.mode", []),  # has its default, but was not given
        ("spec.network.canary", [("network", "canary")]),
        ("spec.network.databases[].ports", []),
        (
            "spec.network.flows[].to",
            [("network", "flows", 0, "to"), ("network", "flows", 1, "to")],
        ),
        ("spec.runtime", []),
        ("spec.runtime.rules[].name", []),
    ],
)
def test_a_part_of_a_part_can_be_refused(path: str, places: list[tuple[str | int, ...]]) -> None:
    """So that a part is built, and lifted, piece by piece."""
    flow = {"from": {}, "to": {}, "ports": [{"port": 80}]}
    document = {"canary": "Disabled", "flows": [flow | {"name": "a"}, flow | {"name": "b"}]}
    network = Network.model_validate_json(json.dumps(document))
    spec = HardeningPolicySpec.model_construct(
        namespace_selector=LabelSelector(), profile=Profile.HIGH, network=network
    )
    assert [problem.get("loc") for problem in find_given(spec, path)] == places


def _models(model: type[BaseModel]) -> set[type[BaseModel]]:
    return {model}.union(*(_models(each) for each in model.__subclasses__()))


def test_each_rule_is_broken_by_a_bad_policy() -> None:
    said = "\n".join(line for file in BAD for line in file.model)
    rules = {
        "[^{}]+".join(map(re.escape, re.split(r"\{\w+\}", rule.message)))
        for model in _models(Model)
        if issubclass(model, Model)
        for rule, _ in model.list_rules()
    }
    assert len(rules) > 10
    assert {message for message in rules if not re.search(message, said)} == set()


def test_each_field_is_documented() -> None:
    assert sys.flags.optimize < 2, "docstrings are stripped, nothing can be said"
    bare = {
        f"{model.__name__}.{name}"
        for model in _models(Model)
        if model.__module__.startswith("revet.")
        for name, info in model.model_fields.items()
        if not info.description
    }
    assert bare == set()
    assert "spec" in HardeningPolicy.model_fields
