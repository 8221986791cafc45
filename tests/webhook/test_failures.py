"""An exception inside: answered as the door asks, told in the log, counted, and survived."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.support.manifests import good_pod, pod, policy
from tests.support.reviews import compiled, messages, paths
from tests.webhook.harness import Harness

STRICT = policy("strict", {"tier": "prod"}, enforcement="Enforce")
MILD = policy("mild", {"tier": "prod"})
[PATH], [AUDIT] = paths(STRICT), paths(MILD)


class _SecretError(RuntimeError):
    """What goes wrong inside; its text is nothing for users."""


def _break(labels: Mapping[str, str]) -> bool:
    if "break" in labels:
        raise _SecretError("a fault of our own")
    return True


@pytest.fixture(autouse=True)
def _policy(webhook: Harness) -> None:
    """Serve a policy that can't be evaluated for pods with the label `break`."""
    webhook.know(STRICT, MILD)
    webhook.knowledge.policies.compiled["strict"] = replace(compiled(STRICT), selects_pod=_break)


def _unlucky() -> dict[str, object]:
    unlucky = good_pod("unlucky")
    unlucky["metadata"]["labels"] = {"break": "now"}
    return unlucky


@pytest.mark.parametrize("door", ["validate", "mutate"])
async def test_on_a_fail_entry_it_is_a_denial(webhook: Harness, door: str) -> None:
    path = PATH.replace("validate", door)
    response = await webhook.ask(path, _unlucky(), uid="u-9")
    assert response["uid"] == "u-9"
    assert response["allowed"] is False
    assert response["status"]["reason"] == "Forbidden"
    assert messages(response) == (
        "Pod shop/unlucky could not be judged: an error inside of Revet; "
        "the webhook's log tells more under uid u-9"
    )
    assert webhook.count("revet_fail_closed_total", reason="error") == 1
    labels = {"door": door, "kind": "Pod", "verdict": "failed"}
    assert webhook.count("revet_admission_reviews_total", **labels) == 1


async def test_on_an_ignore_entry_it_is_allowed_with_a_warning(webhook: Harness) -> None:
    response = await webhook.ask(AUDIT, _unlucky())
    assert response["allowed"] is True
    assert "could not be judged" in response["warnings"][0]
    assert "could not be judged" in response["auditAnnotations"]["unjudged"]
    assert webhook.count("revet_fail_closed_total", reason="error") == 0


async def test_the_log_tells_all_under_the_uid(webhook: Harness) -> None:
    await webhook.ask(PATH, _unlucky(), uid="u-9")
    [line] = webhook.lines("review-error")
    assert line["uid"] == "u-9"
    assert line["error"] == "_SecretError: a fault of our own"
    assert "in _break\n" in line["trace"]
    assert [each["verdict"] for each in webhook.lines()] == ["failed"]


async def test_the_next_review_is_answered(webhook: Harness) -> None:
    for _ in range(3):
        await webhook.ask(PATH, _unlucky())
    assert (await webhook.ask(PATH, good_pod()))["allowed"] is True
    assert "4 findings" in messages(await webhook.ask(PATH, pod()))
