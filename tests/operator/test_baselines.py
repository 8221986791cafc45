"""The Pod Security labels of namespaces: where none are to be written, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from revet.adapters.kube import KubeError
from revet.core.model.meta import BREAK_GLASS_LABEL, FIELD_MANAGER, PAUSED_ANNOTATION, Manifest
from revet.core.render.baseline import PREFIX
from revet.operator.baselines import Baselines
from revet.operator.context import Context
from tests.operator.test_writer import Written
from tests.support.manifests import namespace, policy

LABELS = {"tier": "prod"}


WARN = f"{PREFIX}warn"


class Applied(Written):
    """A namespace under server-side apply: what we wrote and write no more goes; no patch goes."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._picture = context.picture
        self._ours: dict[str, str] = {}

    async def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Answer with the namespace as it stands then."""
        said = manifest["metadata"]
        live = self._picture.namespaces[said["name"]].labels
        labels = {key: live[key] for key in live if key not in self._ours} | said["labels"]
        self._ours = said["labels"]
        fields: Manifest = {"f:metadata": {"f:labels": {f"f:{key}": {} for key in self._ours}}}
        managers = [{"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields}]
        metadata = {**said, "labels": labels, "managedFields": managers}
        return await super().apply({**manifest, "metadata": metadata}, subresource)

    async def patch(
        self, manifest: Manifest, operations: Sequence[Mapping[str, Any]], subresource: str = ""
    ) -> Manifest:
        """Refuse."""
        assert operations
        raise KubeError(f"no patch of {manifest['metadata']['name']}{subresource}", 403)


def _policy(
    context: Context,
    name: str,
    version: int = 1,
    *,
    paused: bool = False,
    **asked: object,
) -> None:
    asked = {"mode": "Enforce", "podSecurity": {"warn": "restricted"}} | asked
    manifest = policy(name, LABELS, namespaces=asked)
    manifest["metadata"] |= {"uid": name, "resourceVersion": f"{version}", "generation": 1}
    manifest["metadata"]["annotations"] = {PAUSED_ANNOTATION: "true"} if paused else {}
    context.picture.see_policy(manifest, gone=False)


async def _keep(context: Context, baselines: Baselines, name: str, **metadata: object) -> None:
    manifest = namespace(name, LABELS)
    manifest["metadata"] |= {"uid": name, "resourceVersion": "1", **metadata}
    context.picture.see_namespace(manifest, gone=False)
    await baselines.keep(name)


def _standing(context: Context) -> dict[str, str]:
    labels = context.picture.namespaces["a"].labels
    return {key: value for key, value in labels.items() if key.startswith(PREFIX)}


@pytest.fixture
def baselines(context: Context) -> Baselines:
    return Baselines(replace(context, objects=Applied(context)))


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


async def test_a_pause_leaves_the_labels_as_they_are(
    context: Context, baselines: Baselines
) -> None:
    _policy(context, "strict")
    await _keep(context, baselines, "a")
    _policy(context, "strict", 2, paused=True)
    await baselines.keep("a")
    assert baselines.of("strict").spared == {"a": "the policy strict is paused"}
    assert _standing(context) == {WARN: "restricted", f"{WARN}-version": "latest"}
    _policy(context, "strict", 3)
    await baselines.keep("a")
    result = baselines.of("strict")
    assert (result.labelled, result.spared) == (["a"], {})


async def test_a_paused_policy_that_asks_for_nothing_is_in_nobodys_way(
    context: Context, baselines: Baselines
) -> None:
    _policy(context, "strict")
    _policy(context, "other", paused=True, mode="Audit")
    await _keep(context, baselines, "a")
    assert _standing(context) == {WARN: "restricted", f"{WARN}-version": "latest"}


async def test_beside_a_pause_labels_are_raised_and_never_lowered(
    context: Context, baselines: Baselines
) -> None:
    _policy(context, "strict")
    await _keep(context, baselines, "a")
    _policy(context, "strict", 2, paused=True)
    _policy(context, "mild", podSecurity={"warn": "baseline"})
    await baselines.keep("a")
    assert _standing(context)[WARN] == "restricted"
    # Where somebody lowers what the paused one wrote, what the other asks for is what holds.
    await _keep(context, baselines, "a", resourceVersion="1000", labels=LABELS)
    assert _standing(context)[WARN] == "baseline"
    assert baselines.of("mild").labelled == ["a"]
    assert context.picture.namespaces["a"].before == {WARN: None, f"{WARN}-version": None}


async def test_what_cannot_be_put_back_keeps_nothing_from_being_written(
    context: Context, baselines: Baselines
) -> None:
    _policy(context, "strict")
    await _keep(context, baselines, "a")
    _policy(context, "strict", 2, podSecurity={"audit": "restricted"})
    with pytest.raises(KubeError, match="no patch of a"):
        await baselines.keep("a")
    # What is not back is remembered, to be put back once that is possible.
    audit = f"{PREFIX}audit"
    asked = {audit: "restricted", f"{audit}-version": "latest"}
    left = {WARN: "restricted", f"{WARN}-version": "latest"}
    assert _standing(context) == asked | left
    assert context.picture.namespaces["a"].before == dict.fromkeys(asked | left)


async def test_of_a_namespace_that_is_gone_nothing_is_told(
    context: Context, baselines: Baselines
) -> None:
    _policy(context, "strict")
    await _keep(context, baselines, "going", deletionTimestamp="2026-01-02T03:04:05Z")
    context.picture.namespaces.clear()
    await baselines.keep("going")
    assert baselines.of("strict").spared == {}
