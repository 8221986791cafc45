"""Pod Security labels under a policy whose controls have settings: never stricter than those."""

from typing import Any

import pytest

from revet.core.model.mode import Mode
from revet.core.render.baseline import pod_security
from tests.support.policy_builder import build_policy

LABEL = "pod-security.kubernetes.io/enforce"
ALLOWS = {"controls": [{"id": "drop-all-capabilities", "allow": ["SYS_TIME"]}]}


@pytest.mark.parametrize(
    ("asked", "spec", "missing"),
    [
        # What it allows besides, the plugin would refuse, at both levels.
        ("restricted", ALLOWS, "drop-all-capabilities"),
        ("baseline", ALLOWS, "capabilities-baseline"),
        ("privileged", ALLOWS, ""),
        # Settings of what Pod Security does not judge change nothing.
        ("restricted", {"controls": [{"id": "high-uid", "minUserId": 20000}]}, ""),
        ("restricted", {"images": {"registries": ["registry.example/"]}}, ""),
    ],
)
def test_the_plugin_refuses_nothing_that_the_settings_allow(
    asked: str, spec: dict[str, Any], missing: str
) -> None:
    namespaces = {"mode": "Enforce", "podSecurity": {"enforce": asked}}
    policy = build_policy(enforcement="Enforce", namespaces=namespaces, **spec)
    baseline = pod_security([(policy, Mode.ENFORCE)], {}, {})
    assert baseline.labels.get(LABEL) == (None if missing else asked)
    reason = f"enforce is not written: not fully enforced: {missing}"
    assert baseline.reasons == ({policy.metadata.name: reason} if missing else {})
