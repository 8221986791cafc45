"""The largest that the operator writes, on a real API server: it is taken, and it works."""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from e2e import relabelling
from e2e.api import wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.crd import install_crd
from e2e.relabelling import HOLDER, PLAIN, REFUSED, patch
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.meta import FIELD_MANAGER
from revet.core.model.policy import parse_policy
from revet.core.render.guard import guards
from revet.core.render.webhook import Backend, webhook_configurations
from revet.operator.room import MOST_BYTES, find_crowded, find_crowded_keys, without
from revet.operator.standing import KINDS, VALIDATING
from tests.support.manifests import policy

Manifest = dict[str, Any]
_APPLY = ("apply", "--server-side", f"--field-manager={FIELD_MANAGER}", "--filename=-")


@pytest.fixture
def plane(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    install_crd(control_plane)
    yield control_plane
    kinds = f"{VALIDATING},validatingadmissionpolicy,validatingadmissionpolicybinding"
    control_plane.kubectl("delete", kinds, "--selector=app.kubernetes.io/managed-by=revet")


def _compiled(number: int) -> CompiledPolicy:
    raised = [
        {"namespaceSelector": {"matchLabels": {"team": f"t{each}"}}, "enforcement": "Enforce"}
        for each in range(32)
    ]
    made = policy(f"p{number}", {f"k{number}": "yes"}, enforcementOverrides=raised)
    return CompiledPolicy.of(parse_policy(json.dumps(made)))


def _render(ca_bytes: int) -> dict[str, Manifest]:
    backend = Backend(b"c" * ca_bytes, url="https://127.0.0.1:9")
    rendered = webhook_configurations(map(_compiled, range(25)), backend, ())
    return {each["kind"]: each for each in rendered}


def test_as_many_entries_as_there_is_room_for_are_taken(plane: ControlPlane) -> None:
    alone = _render(700)
    crowded = find_crowded(alone.values(), dict.fromkeys(KINDS, ()))
    assert crowded
    assert MOST_BYTES * 0.99 < len(json.dumps(without(alone, crowded)[VALIDATING])) < 1.1e6
    # While a new authority is trusted beside the old one each entry has two of them.
    for rendered in (alone, _render(1400)):
        largest = without(rendered, crowded)[VALIDATING]
        plane.kubectl(*_APPLY, input=json.dumps(largest))


def test_as_many_keys_as_there_is_room_for_are_guarded(plane: ControlPlane) -> None:
    # Short ones, so as many as can be: each is looked up.
    keys = {f"x{number:05}" for number in range(9000)} | {"tier"}
    keys -= find_crowded_keys(keys, ())
    assert 6000 < len(keys) < 9000
    plane.kubectl(*_APPLY, input="\n---\n".join(map(json.dumps, guards(keys))))
    name = plane.create_namespace({"tier": "prod"})
    users = relabelling.sign_in(plane)
    try:
        # Said by the expression itself: it costs no more than the API server allows it.
        values = map(str, count())
        plain, holder = users[PLAIN], users[HOLDER]
        wait_for(
            lambda: REFUSED in patch(plane, plain, name, {"tier": next(values)}, ""), "guarded"
        )
        assert patch(plane, holder, name, {"tier": "b"}, "") == ""
    finally:
        relabelling.sign_out(plane)
        plane.delete_namespace(name)
