"""Reports on a real API server: taken by the CRDs of both APIs, and gone when they should be."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from e2e.api import Api, wait_for
from e2e.live import condition
from e2e.release import Release
from e2e.reports import REPORTS_CRD, older_crd
from e2e.webhook import policy
from revet.core.render.report import OPENREPORTS, WGPOLICY, Form
from tests.support.manifests import Manifest, good_pod, pod

NAME: Final = "reported"
LABELS: Final = {"reported": "yes"}
_PLURALS: Final = {OPENREPORTS: "reports", WGPOLICY: "policyreports"}


@pytest.fixture
def namespace(release: Release) -> Iterator[str]:
    """Give a namespace with a good pod and bad ones, and a policy that selects it."""
    plane = release.plane
    name = plane.create_namespace(LABELS)
    api = Api(plane)
    for each in (good_pod(), pod("bad"), pod("worse", hostPID=True), _odd()):
        assert api.create(each, name).is_success
    api.close()
    plane.apply(policy(NAME, LABELS))
    yield name
    release.operator.stop()
    plane.kubectl("delete", "hardeningpolicy", NAME)
    plane.delete_namespace(name)


@pytest.fixture(params=[OPENREPORTS, WGPOLICY], ids=["openreports.io", "wgpolicyk8s.io"])
def form(release: Release, request: pytest.FixtureRequest) -> Iterator[Form]:
    """Give an API of reports that is served."""
    plane = release.plane
    chosen: Form = request.param
    crd = REPORTS_CRD.read_text() if chosen is OPENREPORTS else json.dumps(older_crd())
    name = f"{_PLURALS[chosen]}.{chosen.api_version.partition('/')[0]}"
    plane.apply(crd)
    plane.kubectl("wait", f"crd/{name}", "--for=condition=Established", "--timeout=30s")
    yield chosen
    release.operator.stop()
    plane.kubectl("delete", "crd", name)


def _odd() -> Manifest:
    """Return a pod of which a finding quotes what YAML can't have as it is."""
    made = pod("odd")
    added = ["X\U0001f600\x80\x85\u2028"]
    made["spec"]["containers"][0]["securityContext"] = {"capabilities": {"add": added}}
    return made


def _reports(release: Release, form: Form, namespace: str) -> list[dict[str, Any]]:
    what = f"{_PLURALS[form]}.{form.api_version.partition('/')[0]}"
    get = ("get", what, f"--namespace={namespace}", "--output=json")
    found: list[dict[str, Any]] = json.loads(release.plane.kubectl(*get).stdout)["items"]
    return found


def test_what_breaks_a_policy_is_reported(release: Release, form: Form, namespace: str) -> None:
    release.start_operator()
    wait_for(lambda: _reports(release, form, namespace), "a report", 60)
    [report] = _reports(release, form, namespace)
    assert report["kind"] == form.kind
    results = report["results"]
    root, host = (_broken_by(results, each) for each in ("run-as-non-root", "host-namespaces"))
    assert (root, host) == ({"bad", "worse", "odd"}, {"worse"})
    assert any("\U0001f600" in each["message"] for each in results)
    assert {each["result"] for each in results} == {"fail"}
    # Nothing that we wrote was pruned by the schema.
    assert len(results) == report["summary"]["fail"]
    assert all({"policy", "severity", "message"} <= each.keys() for each in results)
    said = report if form is OPENREPORTS else results[0]
    assert said["source"] == "revet"
    assert release.operator.metric("revet_findings", policy=NAME) >= len(results)
    assert release.operator.metric("revet_reports_served") == 1
    wait_for(lambda: condition(release.plane, NAME, "Compliant")[:2] == ("False", "Findings"), "it")
    _see_that_it_goes(release, form, namespace)


def _broken_by(results: list[dict[str, Any]], control: str) -> set[str]:
    return {each["resources"][0]["name"] for each in results if each["rule"] == control}


def _see_that_it_goes(release: Release, form: Form, namespace: str) -> None:
    """Select it no more, and wait for the minute that a report stays as it was written."""
    release.plane.kubectl("label", "namespace", namespace, f"{next(iter(LABELS))}-")
    wait_for(lambda: not _reports(release, form, namespace), "no report", 90)


def test_without_an_api_the_status_tells(release: Release, namespace: str) -> None:
    release.start_operator()
    wait_for(lambda: condition(release.plane, NAME, "Compliant")[0] == "False", "counted", 60)
    assert release.operator.metric("revet_reports_served") == 0
    assert release.operator.metric("revet_findings", policy=NAME) > 0
    failed = [line for line in release.operator.logged_since_start() if line["event"] == "failed"]
    assert failed == []
    assert namespace
