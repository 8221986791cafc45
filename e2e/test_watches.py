"""What the operator has sent to it: each kind by one watch, however many parts read it."""

from collections import Counter
from typing import Final

from e2e.api import Api, wait_for
from e2e.release import Release
from e2e.standing import POLICIES
from e2e.webhook import policy

NAME: Final = "watched"
LABELS: Final = {"watched": "yes"}
#: What both the audit and NetworkPolicies are about; NetworkPolicies come a second time by label.
_READ_TWICE: Final = {
    "pods": 1,
    "services": 1,
    "ingresses": 1,
    "rolebindings": 1,
    "clusterrolebindings": 1,
    "networkpolicies": 2,
}


def _told(api: Api) -> dict[str, str]:
    status = api.send("GET", f"{POLICIES}/{NAME}").body.get("status", {})
    return {each["type"]: each["status"] for each in status.get("conditions", ())}


def _watches(release: Release) -> Counter[str]:
    """Return how many watches of each kind the API server has under way."""
    found: Counter[str] = Counter()
    for line in release.plane.kubectl("get", "--raw=/metrics").stdout.splitlines():
        if line.startswith("apiserver_longrunning_requests{") and 'verb="WATCH"' in line:
            resource = line.partition('resource="')[2].partition('"')[0]
            found[resource] += int(float(line.rpartition(" ")[2]))
    return found


def test_what_the_audit_reads_as_well_is_sent_once(release: Release) -> None:
    plane, api = release.plane, Api(release.plane)
    namespace = plane.create_namespace(LABELS)
    try:
        release.start_operator()
        plane.apply(policy(NAME, LABELS, network={"mode": "Enforce"}))
        wait_for(lambda: api.items("NetworkPolicy", namespace), "isolated")
        wait_for(lambda: _told(api).get("Compliant", "Unknown") != "Unknown", "audited")
        before = _watches(release)
        release.operator.stop()
        # They are those that are left when it has stopped.
        wait_for(lambda: _watches(release)["pods"] < before["pods"], "the end of its watches")
        after = _watches(release)
        assert {kind: before[kind] - after[kind] for kind in _READ_TWICE} == _READ_TWICE
    finally:
        release.stop()
        plane.kubectl("delete", "hardeningpolicy", NAME, "--ignore-not-found")
        plane.delete_namespace(namespace)
        api.close()
