"""The field of the ServiceAccount `default`: whose it is, and how it goes away again."""

from typing import Any, Final

import pytest

from revet.core import account
from revet.core.account import FIELD, Account
from revet.core.model.meta import AUTOMOUNT_ANNOTATION, FIELD_MANAGER, Manifest

APPLIED: Final = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {f"f:{FIELD}": {}}}


def _read(automount: bool | None, *entries: Manifest, noted: str = "") -> Account:  # noqa: FBT001 -- the field
    metadata: Manifest = {"namespace": "shop", "name": "default", "uid": "u"}
    metadata |= {"managedFields": list(entries), "resourceVersion": "1"}
    metadata |= {"annotations": {AUTOMOUNT_ANNOTATION: noted}} if noted else {}
    said = {} if automount is None else {FIELD: automount}
    return Account.of({"metadata": metadata, **said})


@pytest.mark.parametrize(
    ("entry", "ours"),
    [
        (APPLIED, True),
        # What we put back by a patch is nobody's of ours.
        ({**APPLIED, "operation": "Update"}, False),
        ({**APPLIED, "manager": "kubectl"}, False),
        ({**APPLIED, "fieldsV1": {"f:secrets": {}}}, False),
        ({"manager": FIELD_MANAGER, "operation": "Apply"}, False),
    ],
)
def test_it_is_ours_where_we_applied_it(entry: Manifest, *, ours: bool) -> None:
    assert _read(False, {"manager": "x"}, entry).is_ours is ours


def test_an_apply_has_one_field() -> None:
    written = account.written(_read(None))
    assert written == account.desired("shop", "u")
    assert written[FIELD] is False
    assert set(written["metadata"]) == {"name", "namespace", "uid"}


@pytest.mark.parametrize(
    "live", [_read(True), _read(True, noted="true"), _read(None, noted="true")]
)
def test_what_was_true_is_remembered(live: Account) -> None:
    noted = account.written(live)["metadata"]["annotations"]
    assert noted == {AUTOMOUNT_ANNOTATION: "true"}


FORGET: Final = {"op": "remove", "path": "/metadata/annotations/revet.dev~1automount-before"}


@pytest.mark.parametrize(
    ("live", "operations"),
    [
        (_read(False, APPLIED), []),
        (
            _read(False, APPLIED, noted="true"),
            [{"op": "add", "path": f"/{FIELD}", "value": True}, FORGET],
        ),
        # What others have written since is theirs.
        (_read(False, noted="true"), [FORGET]),
        # Nor is anybody's own annotation followed.
        (_read(False, APPLIED, noted="no"), []),
    ],
)
def test_what_was_true_is_put_back(live: Account, operations: list[dict[str, Any]]) -> None:
    test = {"op": "test", "path": "/metadata/uid", "value": "u"}
    assert account.put_back(live) == ([test, *operations] if operations else [])
    assert FIELD not in account.released(live)
    assert live.has_traces
