"""What a patch takes away, and what only a patched pod shows: one answer, whoever asks."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import pytest
import yaml

from revet.cli.check.findings import weigh
from revet.core.admission import Request, judge, patch
from revet.core.audit import inspect
from revet.core.check import (
    Assignment,
    Check,
    CheckPod,
    Default,
    Finding,
    Fix,
    Profiles,
    Revision,
)
from revet.core.checks import ALL
from revet.core.compiled_policy import Applied, apply
from revet.core.decide import Verdict
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion
from revet.core.surroundings import UNSEEN
from tests.support.check_files import ROOT, read_manifest
from tests.support.manifests import good_pod
from tests.support.own_checks import pod_check
from tests.support.policy_builder import compile_policy
from tests.support.rfc6902 import apply_patch

Manifest = dict[str, Any]
Places = set[tuple[str, str]]
Ask = Callable[[Manifest, tuple[Applied, ...]], Places]

# Its first container is good, its second says what no patch changes, its third says nothing.
FILE: Final = ROOT / "no-privilege-escalation" / "fail" / "each-container-by-itself.yaml"
FIELD: Final = "/spec/containers/{}/securityContext/allowPrivilegeEscalation"


def _applied(catalog: tuple[Check, ...]) -> tuple[Applied, ...]:
    policy = compile_policy(enforcement="Enforce", catalog=catalog)
    return apply([policy], "shop", {"tier": "prod"}, frozenset())


def _webhook(manifest: Manifest, applied: tuple[Applied, ...]) -> Places:
    """Patch, then refuse, as the API server calls."""
    data = json.dumps(manifest).encode()
    patched = apply_patch(manifest, patch(Request(read_manifest(manifest), None, data), applied))
    data = json.dumps(patched).encode()
    decision = judge(Request(read_manifest(patched), None, data), applied)
    return _refused(each for each in decision.verdicts if each.mode is Mode.ENFORCE)


def _audit(manifest: Manifest, applied: tuple[Applied, ...]) -> Places:
    decision = inspect(read_manifest(manifest), json.dumps(manifest).encode(), applied)
    return _refused(each for each in decision.verdicts if each.would_deny)


def _cli(manifest: Manifest, applied: tuple[Applied, ...]) -> Places:
    data = json.dumps(manifest).encode()
    weighed = weigh(read_manifest(manifest), data, applied, UNSEEN, is_live=False)
    standing = (verdict for verdict, is_patched in weighed if not is_patched)
    return _refused(each for each in standing if each.mode is Mode.ENFORCE)


def _refused(verdicts: Iterable[Verdict]) -> Places:
    found = [each.finding for each in verdicts if not each.is_unknown]
    return {(each.control, each.pointer) for each in found}


ASKERS: Final = pytest.mark.parametrize("ask", [_webhook, _audit, _cli])


@ASKERS
def test_a_patch_of_one_container_takes_away_its_finding_alone(ask: Ask) -> None:
    manifest = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    found = {each for each in ask(manifest, _applied(ALL)) if each[0] == "no-privilege-escalation"}
    assert found == {("no-privilege-escalation", FIELD.format(1))}


def test_all_that_is_refused_of_a_pod_is_the_same() -> None:
    manifest = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    refused = [ask(manifest, _applied(ALL)) for ask in (_webhook, _audit, _cli)]
    assert refused[0] == refused[1] == refused[2]
    assert len({control for control, _ in refused[0]}) > 1


def _zone(pod: Pod) -> Iterator[Finding]:
    """Ask for a label, and set it where there is none."""
    if "zone" not in pod.labels:
        place = "/metadata/labels/zone"
        yield Finding("zone", place, "zone is not set", None, Fix("", (Assignment(place, "a"),)))


def _no_zone_a(pod: Pod) -> Iterator[Finding]:
    """Refuse what the other sets."""
    if pod.labels.get("zone") == "a":
        yield Finding("no-zone-a", "/metadata/labels/zone", "zone is a, must be another")


def _own(name: str, default: Default, rule: CheckPod) -> Check:
    profiles = Profiles(default, default, default)
    revisions = (Revision(KubeVersion(1, 0), rule),)
    return replace(pod_check(name), profiles=profiles, revisions=revisions, patchable=True)


@ASKERS
def test_what_only_the_patched_pod_shows_is_refused(ask: Ask) -> None:
    catalog = (
        _own("zone", Default.ENFORCE_PATCH, _zone),
        _own("no-zone-a", Default.ENFORCE, _no_zone_a),
    )
    assert ask(good_pod(), _applied(catalog)) == {("no-zone-a", "/metadata/labels/zone")}
