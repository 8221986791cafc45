"""What the operator asks of the webhook configurations: an owner, two CAs."""

from base64 import b64decode

from revet.core.model.meta import Owner
from revet.core.render.webhook import Backend, webhook_configurations
from tests.support.policy_builder import compile_policy

SERVICE = Backend(ca_pem=b"CA\n")
EXCLUDED = ("revet-system", "calico-system")
ENFORCE = [compile_policy(enforcement="Enforce")]


def test_the_owner_ends_both_configurations() -> None:
    owner = Owner("rbac.authorization.k8s.io/v1", "ClusterRole", "revet-operator", "4f")
    owned = webhook_configurations(ENFORCE, SERVICE, EXCLUDED, owner)
    assert [each["metadata"]["ownerReferences"] for each in owned] == [[owner.reference]] * 2
    assert all(
        "ownerReferences" not in each["metadata"]
        for each in webhook_configurations(ENFORCE, SERVICE, EXCLUDED)
    )


def test_all_cas_of_a_bundle_are_trusted() -> None:
    bundle = b"-----BEGIN CERTIFICATE-----\nold\n-----BEGIN CERTIFICATE-----\nnew\n"
    for configuration in webhook_configurations(ENFORCE, Backend(bundle), EXCLUDED):
        for entry in configuration["webhooks"]:
            assert b64decode(entry["clientConfig"]["caBundle"]) == bundle
