"""The files of tests/data/checks over HTTPS: the webhook says what the engine says."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from revet.core.checks import ALL
from tests.support.check_files import load_check_files
from tests.support.check_policies import labelled, policy_for
from tests.support.manifests import namespace
from tests.support.reviews import messages, paths
from tests.webhook.harness import Harness, serve

FILES = load_check_files()
POLICIES = {each["metadata"]["name"]: each for each in map(policy_for, FILES)}
[PATH] = paths(policy_for(FILES[0]))


@pytest.fixture
async def knowing(tmp_path: Path) -> AsyncIterator[Harness]:
    """Give a webhook with a policy for each check and version."""
    async with serve(tmp_path, ALL) as harness:
        policies = [json.dumps(each).encode() for each in POLICIES.values()]
        harness.knowledge.policies.replace(policies)
        harness.know(namespace("shop", {"fixtures": "here"}))
        yield harness


async def test_each_file_is_judged_as_it_says(knowing: Harness) -> None:
    wrong = []
    for file in FILES:
        response = await knowing.ask(PATH, labelled(file))
        found = _findings(messages(response)) if not response["allowed"] else []
        if found != [f"{file.check} {each}" for each in file.expected]:
            wrong.append((file.title, found))
    assert wrong == []
    assert len(FILES) > 200
    assert knowing.count("revet_fail_closed_total", reason="error") == 0


def _findings(text: str) -> list[str]:
    """Read the findings of a denial, as `control place: message`."""
    lines = text.splitlines()[2:-1]
    return [" ".join(line.split(maxsplit=1)) for line in lines if "  fix: " not in line]
