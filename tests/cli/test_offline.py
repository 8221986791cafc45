"""What a manifest says for the cluster proves nothing, and what the API server takes is taken."""

from typing import Final

from tests.cli.conftest import Ask

PLACED: Final = """
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: shop}
spec: {nodeName: master-1, containers: [{name: a, image: "a:1"}]}
status: {conditions: [{type: PodScheduled, status: "True"}]}
"""
SUPERUSER: Final = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: superuser, namespace: shop}
rules: [{verbs: ["*"], apiGroups: ["*"], resources: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: a, namespace: other}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: superuser}
subjects: [{kind: User, name: jane}]
"""
COLLECTOR: Final = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: collector}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {collect: "yes"}}]}
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: part, labels: {collect: "yes"}}
rules: [{verbs: [list], apiGroups: [""], resources: [secrets]}]
"""
FORGOTTEN: Final = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: a, namespace: shop, annotations: }
spec:
  template:
    metadata: {labels: {app: a}, annotations: {checksum: }}
    spec: {hostNetwork: true, containers: [{name: a, image: "a:1"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  podSelector:
  ingress: [{}]
"""
OF_A_TEAM: Final = """
apiVersion: revet.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: teams}
spec:
  namespaceSelector: {matchExpressions: [{key: team, operator: Exists}]}
  profile: baseline
---"""


def test_a_status_in_a_file_is_nobodys(ask: Ask) -> None:
    found = [each for each in ask(PLACED).findings if each.control == "control-plane-placement"]
    assert [each.pointer for each in found] == ["/spec/nodeName"]


def test_a_namespace_that_can_not_be_hides_nothing(ask: Ask) -> None:
    report = ask(SUPERUSER)
    assert [each.namespace for each in report.objects] == ["", ""]
    found = [each.message for each in report.findings if each.control == "rbac-cluster-admin"]
    assert found == [
        "allows everything on everything, as cluster-admin does",
        "User jane gets ClusterRole superuser, which allows everything, must get a role of its own",
    ]


def test_a_role_is_judged_by_what_it_takes_in_and_the_rest_is_not_checked(ask: Ask) -> None:
    report = ask(COLLECTOR)
    found = [each for each in report.findings if each.control == "rbac-secrets-read"]
    assert [(each.pointer, each.message) for each in found] == [
        ("/aggregationRule", "takes in ClusterRole part: allows list on secrets"),
        ("/rules/0", "allows list on secrets"),
    ]
    reasons = [each.reason for each in report.left_out]
    assert "by rbac-exec: needs every ClusterRole that its aggregationRule selects" in reasons
    assert not any("by rbac-secrets-read" in each for each in reasons)


def test_what_was_forgotten_is_read_as_the_api_server_reads_it(ask: Ask) -> None:
    report = ask(OF_A_TEAM + FORGOTTEN)
    assert report.problems == ()
    controls = {each.control for each in report.findings}
    assert {"host-namespaces", "netpol-too-wide"} <= controls
