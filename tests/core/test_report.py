"""Reports: failures only, each once, no more than there is room for, and no bigger than told."""

import json

import pytest

from revet.core.audit import Found, Record
from revet.core.model.catalog import CONTROLS
from revet.core.model.meta import Manifest
from revet.core.model.policy import parse_policy
from revet.core.render.report import FORMS, OPENREPORTS, SEVERITY, WGPOLICY, Form, render_report
from tests.support.manifests import policy

UNKNOWN = Found("dedicated-sa", "not checked: needs a role", would_deny=False, is_unknown=True)
KIBIBYTE = 1024


def _found(control: str, message: str = "is not set", *, would_deny: bool = True) -> Found:
    return Found(control, message, would_deny, is_unknown=False)


def _record(name: str, *found: Found, kind: str = "Deployment") -> Record:
    return Record("strict", f"uid-{name}", "apps/v1", f"{kind}/{name}", True, found)


def _render(*records: Record, form: Form = OPENREPORTS) -> Manifest | None:
    manifest = policy("strict", {"tier": "prod"})
    manifest["metadata"] |= {"uid": "u", "generation": 1}
    return render_report(form, parse_policy(json.dumps(manifest)), "shop", records)


def test_without_a_failure_there_is_none() -> None:
    assert _render() is None
    assert _render(_record("web"), _record("api", UNKNOWN)) is None


@pytest.mark.parametrize("form", FORMS)
def test_each_failure_of_a_workload_is_told_once(form: Form) -> None:
    late, early = _found(CONTROLS[-1]), _found(CONTROLS[0])
    audited = _found(CONTROLS[1], would_deny=False)
    made = _render(_record("web", late, audited), _record("web", early, late), form=form)
    assert made is not None
    assert [each["rule"] for each in made["results"]] == [
        CONTROLS[0],
        CONTROLS[-1],
        CONTROLS[1],
    ]
    assert made["summary"] == {"error": 0, "fail": 3}
    place = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "shop"}
    assert made["results"][0] == {
        **({} if form is OPENREPORTS else {"source": "revet"}),
        "policy": "strict",
        "rule": CONTROLS[0],
        "result": "fail",
        "severity": SEVERITY[CONTROLS[0]],
        "message": "is not set",
        "resources": [place],
    }
    assert ("source" in made, "configuration" in made) == ((form is OPENREPORTS,) * 2)


def test_what_could_not_be_judged_is_counted() -> None:
    made = _render(_record("web", _found("sysctls"), UNKNOWN), _record("api", UNKNOWN))
    assert made is not None
    assert made["summary"] == {"error": 2, "fail": 1}


def test_there_is_room_for_five_hundred_and_the_rest_is_counted() -> None:
    made = _render(*(_record(f"web-{each}", _found("sysctls")) for each in range(501)))
    assert made is not None
    assert len(made["results"]) == 500
    assert made["summary"]["fail"] == 501
    assert made["metadata"]["annotations"]["revet.dev/truncated"] == "1"


def test_a_result_has_half_a_kibibyte_however_long_its_message() -> None:
    name = "registry-proxy-with-a-rather-long-name-5d8f7c9b6"
    records = [_record(f"{name}-{each}", _found("sysctls", "x" * 5000)) for each in range(100)]
    made = _render(*records, form=WGPOLICY)
    assert made is not None
    assert len(json.dumps(made)) <= 1.5 * KIBIBYTE + 100 * KIBIBYTE / 2


def test_its_digest_is_of_what_it_says() -> None:
    def digest(*records: Record, form: Form = OPENREPORTS) -> str:
        made = _render(*records, form=form)
        assert made is not None
        said: str = made["metadata"]["annotations"]["revet.dev/digest"]
        return said

    one, other = _record("web", _found("sysctls")), _record("api", _found("sysctls"))
    assert digest(one, other) == digest(other, one)
    said = [digest(one), digest(other), digest(one, other), digest(one, form=WGPOLICY)]
    assert len(set(said)) == 4


def test_every_control_has_a_severity() -> None:
    assert set(SEVERITY) == set(CONTROLS)
    assert set(SEVERITY.values()) == {"high", "medium", "low"}
