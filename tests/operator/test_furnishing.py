"""The baselines of namespaces: what is written, what is left, and whose it is."""

import json
from dataclasses import replace
from typing import Final

import pytest

from revet.adapters.kube import KubeError
from revet.core.account import FIELD
from revet.core.bounds import LIMITS, QUOTA
from revet.core.model.meta import FIELD_MANAGER, Manifest
from revet.operator.context import Context
from revet.operator.furnishing import Furnishing
from revet.operator.holdings import ACCOUNT, KINDS, Holdings
from revet.operator.picture import Key
from tests.operator.furnished import LABELS, Desk
from tests.support.manifests import namespace

APPLIED: Final = [("apply", kind) for kind in (QUOTA, LIMITS, ACCOUNT)]


@pytest.fixture
async def desk(context: Context) -> Desk:
    return Desk(context)


async def test_all_is_written_once(desk: Desk) -> None:
    desk.know("strict")
    desk.see_account()
    await desk.keep()
    assert desk.objects.writes[:3] == APPLIED
    assert desk.furnishing.of("strict").standing == ["shop"]
    await desk.keep()
    assert desk.objects.writes == []


async def test_nothing_is_written_before_all_was_listed(desk: Desk) -> None:
    desk.know("strict")
    fresh = Furnishing(desk.context, Holdings(desk.context))
    desk.context.picture.see_namespace(
        {**namespace("shop", LABELS), "metadata": {"name": "shop", "uid": "u", "labels": LABELS}},
        gone=False,
    )
    await fresh.keep("shop")
    assert desk.objects.writes == []
    assert fresh.of("strict").standing == []


async def test_an_account_that_is_not_there_yet_is_waited_for(desk: Desk) -> None:
    desk.know("strict")
    await desk.keep()
    assert desk.furnishing.of("strict").standing == []
    desk.see_account()
    await desk.keep()
    assert desk.furnishing.of("strict").standing == ["shop"]


async def test_what_is_refused_keeps_nothing_else_from_being_written(desk: Desk) -> None:
    desk.know("strict")
    desk.see_account()
    desk.objects.refused = QUOTA
    with pytest.raises(KubeError, match="no right to"):
        await desk.keep()
    assert desk.objects.writes[:2] == APPLIED[1:]
    assert desk.furnishing.of("strict").standing == []


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {**LABELS, "revet.dev/break-glass": "INC-1"}},
        {"deletionTimestamp": "2026-01-02T03:04:05Z"},
    ],
)
async def test_where_hands_are_off_nothing_is_written_or_deleted(
    desk: Desk, metadata: Manifest
) -> None:
    made = desk.made(desk.know("strict"), QUOTA)
    desk.see_account()
    desk.see(QUOTA, made)
    desk.know("strict", resourceQuota=None)
    await desk.keep(**metadata)
    assert desk.objects.writes == []
    assert list(desk.furnishing.of("strict").spared) == ["shop"]


async def test_in_a_system_namespace_nothing_is_bounded(desk: Desk) -> None:
    system = frozenset({"shop"})
    settings = replace(desk.context.settings, system_namespaces=system)
    context = replace(desk.context, settings=settings)
    furnishing = Furnishing(context, desk.holdings)
    manifest = desk.know("strict")
    selector = {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}
    manifest["spec"]["namespaceSelector"] = selector
    manifest["metadata"]["resourceVersion"] = "2000"
    context.picture.see_policy(manifest, gone=False)
    desk.see_account()
    desk.context.picture.see_namespace(
        {**namespace("shop"), "metadata": {**namespace("shop")["metadata"], "uid": "u"}}, gone=False
    )
    await furnishing.keep("shop")
    assert desk.objects.writes == []
    [note] = furnishing.of("strict").notes
    assert note == "shop: a system namespace: it gets labels, and nothing else"


async def test_what_nobody_asks_for_goes_and_what_is_others_stays(desk: Desk) -> None:
    made = desk.made(desk.know("strict"), QUOTA)
    copied = {**made, "metadata": {**made["metadata"], "name": "copy", "ownerReferences": []}}
    desk.see(QUOTA, made)
    desk.see(QUOTA, copied)
    desk.know("strict", mode="Audit")
    await desk.keep()
    assert desk.objects.writes[:1] == [("delete", QUOTA)]
    assert len(desk.objects.writes) == 1
    assert list(desk.holdings.others(QUOTA, "shop")) == ["copy"]


async def test_the_limits_of_a_paused_policy_hold_while_they_stand(desk: Desk) -> None:
    made = desk.made(desk.know("first"), LIMITS)
    desk.see(LIMITS, made)
    desk.know("first", paused=True)
    desk.know("later")
    desk.see_account()
    await desk.keep()
    assert desk.objects.writes == [APPLIED[0], APPLIED[2]]
    desk.copies[LIMITS].drop(
        json.dumps(
            {**made, "metadata": {**made["metadata"], "uid": "u", "resourceVersion": "9"}}
        ).encode()
    )
    await desk.keep()
    assert desk.objects.writes == [APPLIED[1]]


async def test_a_paused_policys_account_stays_quiet(desk: Desk) -> None:
    desk.know("strict", paused=True)
    fields = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {f"f:{FIELD}": {}}}
    desk.see_account(automount=False, managedFields=[fields])
    await desk.keep()
    assert desk.objects.writes == []
    desk.know("strict", mode="Audit", uid="strict-2")
    await desk.keep()
    assert desk.objects.writes == [("apply", ACCOUNT)]


async def test_what_was_true_is_put_back_by_a_patch(desk: Desk) -> None:
    desk.know("strict", mode="Audit")
    fields = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {f"f:{FIELD}": {}}}
    noted = {"revet.dev/automount-before": "true"}
    desk.see_account(automount=False, managedFields=[fields], annotations=noted)
    await desk.keep()
    path = "/metadata/annotations/revet.dev~1automount-before"
    assert desk.objects.writes == [(f"patch {path}", ACCOUNT), ("apply", ACCOUNT)]


async def test_what_others_say_no_to_is_theirs(desk: Desk) -> None:
    desk.know("strict", resourceQuota=None, limitRange=None)
    desk.see_account(automount=False)
    await desk.keep()
    assert desk.furnishing.of("strict").standing == ["shop"]
    desk.know("strict", mode="Audit")
    await desk.keep()
    assert desk.objects.writes == []


async def test_how_much_of_a_quota_is_used_is_no_reason_to_look(desk: Desk) -> None:
    made = desk.made(desk.know("strict"), QUOTA)
    desk.see(QUOTA, made)
    queue = desk.context.queue
    while queue._due:
        queue.done(await queue.get())
    desk.see(QUOTA, {**made, "status": {"used": {"pods": "3"}}}, version=2)
    assert not queue._due
    desk.see(QUOTA, {**made, "spec": {"hard": {"pods": "6"}}}, version=3)
    assert list(queue._due) == [Key("namespace", "shop")]


async def test_a_list_tells_what_was_deleted_meanwhile(desk: Desk) -> None:
    made = desk.made(desk.know("strict"), QUOTA)
    theirs = {"metadata": {"name": "tenant"}, "spec": {"hard": {"services": "1"}}}
    desk.see(QUOTA, made)
    desk.see(QUOTA, theirs)
    desk.see_account()
    for kind in KINDS:
        desk.copies[kind].replace([])
    assert desk.holdings.own(QUOTA, "shop") == []
    assert desk.holdings.others(QUOTA, "shop") == {}
    assert desk.holdings.account("shop") is None
    assert desk.context.picture.objects == {}


async def test_only_what_is_asked_for_or_left_is_watched(desk: Desk) -> None:
    made = desk.made(desk.know("strict"), QUOTA)
    desk.see(QUOTA, made)
    desk.know("strict", resourceQuota=None, serviceAccounts=None)
    desk.holdings.review()
    watches = desk.holdings._watches
    assert watches.wanted == {QUOTA, LIMITS}
    await desk.keep()
    desk.know("strict", mode="Audit")
    desk.holdings.review()
    assert watches.wanted == {LIMITS}
    await desk.keep()
    desk.holdings.review()
    assert watches.wanted == set()
