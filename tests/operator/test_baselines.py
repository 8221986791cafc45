"""The Pod Security labels of namespaces: where none are to be written, and why."""

import pytest

from revet.core.model.meta import BREAK_GLASS_LABEL, PAUSED_ANNOTATION
from revet.operator.baselines import Baselines
from revet.operator.context import Context
from tests.support.manifests import namespace, policy

LABELS = {"tier": "prod"}


def _policy(context: Context, name: str, version: int = 1, *, paused: bool = False) -> None:
    asked = {"mode": "Enforce", "podSecurity": {"warn": "restricted"}}
    manifest = policy(name, LABELS, namespaces=asked)
    manifest["metadata"] |= {"uid": name, "resourceVersion": f"{version}", "generation": 1}
    manifest["metadata"]["annotations"] = {PAUSED_ANNOTATION: "true"} if paused else {}
    context.picture.see_policy(manifest, gone=False)


async def _keep(context: Context, baselines: Baselines, name: str, **metadata: object) -> None:
    manifest = namespace(name, LABELS)
    manifest["metadata"] |= {"uid": name, "resourceVersion": "1", **metadata}
    context.picture.see_namespace(manifest, gone=False)
    await baselines.keep(name)


@pytest.fixture
def baselines(context: Context) -> Baselines:
    return Baselines(context)


async def test_where_none_are_to_be_written_the_reason_is_told(
    context: Context, baselines: Baselines
) -> None:
    _policy(context, "strict")
    await _keep(context, baselines, "a")
    await _keep(context, baselines, "going", deletionTimestamp="2026-01-02T03:04:05Z")
    await _keep(context, baselines, "open", labels={**LABELS, BREAK_GLASS_LABEL: "INC-1"})
    result = baselines.of("strict")
    assert result.labelled == ["a"]
    assert result.spared == {
        "going": "it is being deleted",
        "open": f"{BREAK_GLASS_LABEL} is set",
    }


async def test_another_policys_pause_holds_back_the_labels_of_all(
    context: Context, baselines: Baselines
) -> None:
    _policy(context, "strict")
    _policy(context, "other", paused=True)
    await _keep(context, baselines, "a")
    assert baselines.of("strict").spared == {"a": "the policy other is paused"}
    _policy(context, "other", 2)
    await baselines.keep("a")
    result = baselines.of("strict")
    assert (result.labelled, result.spared) == (["a"], {})


async def test_of_a_namespace_that_is_gone_nothing_is_told(
    context: Context, baselines: Baselines
) -> None:
    _policy(context, "strict")
    await _keep(context, baselines, "going", deletionTimestamp="2026-01-02T03:04:05Z")
    context.picture.namespaces.clear()
    await baselines.keep("going")
    assert baselines.of("strict").spared == {}
