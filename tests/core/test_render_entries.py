"""What the operator asks of the webhook configurations: an owner, some entries only, two CAs."""

from base64 import b64decode
from collections.abc import Sequence

from revet.core.model.meta import Owner
from revet.core.render.webhook import Backend, webhook_configurations
from tests.support.policy_builder import compile_policy, override

SERVICE = Backend(ca_pem=b"CA\n")
EXCLUDED = ("revet-system", "calico-system")
ENFORCE = [compile_policy(enforcement="Enforce")]
OVERRIDES = [
    compile_policy(
        enforcementOverrides=[override("Enforce", team="payments"), override("Enforce", tier="dev")]
    )
]


def test_the_owner_ends_both_configurations() -> None:
    owner = Owner("rbac.authorization.k8s.io/v1", "ClusterRole", "revet-operator", "4f")
    owned = webhook_configurations(ENFORCE, SERVICE, EXCLUDED, owner)
    assert [each["metadata"]["ownerReferences"] for each in owned] == [[owner.reference]] * 2
    assert all(
        "ownerReferences" not in each["metadata"]
        for each in webhook_configurations(ENFORCE, SERVICE, EXCLUDED)
    )


def test_only_entries_that_may_be_written_yet_are() -> None:
    policies = OVERRIDES
    fails, mild = (
        [entry.path for _, entry in policies[0].entries if entry.fail is fail]
        for fail in (True, False)
    )
    assert len(fails) == 2

    def written(paths: Sequence[str]) -> list[tuple[str, str]]:
        configurations = webhook_configurations(policies, SERVICE, EXCLUDED, paths=paths)
        entries = [each for one in configurations for each in one["webhooks"]]
        return [(e["clientConfig"]["service"]["path"], e["failurePolicy"]) for e in entries]

    assert written([]) == []
    # One for what comes new, one for updates.
    assert written(mild) == [(mild[0], "Ignore")] * 2
    # The mutating twin comes and goes with those that judge.
    twin = fails[0].replace("/validate/", "/mutate/")
    assert written(fails[:1]) == [(fails[0], "Fail"), (fails[0], "Fail"), (twin, "Fail")]
    everything = webhook_configurations(policies, SERVICE, EXCLUDED, paths=[*fails, *mild])
    assert everything == webhook_configurations(policies, SERVICE, EXCLUDED)


def test_all_cas_of_a_bundle_are_trusted() -> None:
    bundle = b"-----BEGIN CERTIFICATE-----\nold\n-----BEGIN CERTIFICATE-----\nnew\n"
    for configuration in webhook_configurations(ENFORCE, Backend(bundle), EXCLUDED):
        for entry in configuration["webhooks"]:
            assert b64decode(entry["clientConfig"]["caBundle"]) == bundle
