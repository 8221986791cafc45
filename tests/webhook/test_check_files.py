"""The files of tests/data/checks over HTTPS: the webhook says what the engine says."""

import json
from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from pathlib import Path

import pytest

from revet.core.checks import ALL
from revet.core.entry import hash_selector
from revet.core.model.selector import LabelSelector
from tests.support.check_files import CheckFile, load_check_files
from tests.support.check_policies import labelled, labels_for, namespace_for, policy_for
from tests.support.manifests import namespace
from tests.support.reviews import messages
from tests.webhook.harness import Harness, serve

FILES = [file for file in load_check_files() if file.is_asked]
IN_NAMESPACES = [file for file in FILES if file.is_namespaced]
IN_NONE = [file for file in FILES if not file.is_namespaced]


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    async with serve(tmp_path, ALL) as harness:
        for file in FILES:
            harness.see(*file.beside)
        yield harness


async def test_each_file_is_judged_as_it_says(harness: Harness) -> None:
    _know(harness, IN_NAMESPACES)
    assert [each for file in IN_NAMESPACES if (each := await _ask(harness, file))] == []
    assert len(FILES) > 400
    assert harness.count("revet_fail_closed_total", reason="error") == 0


async def test_so_is_what_has_no_namespace(harness: Harness) -> None:
    assert len(IN_NONE) > 50
    for name, files in groupby(sorted(IN_NONE, key=_policy), _policy):
        some = list(files)
        _know(harness, some)
        assert [each for file in some if (each := await _ask(harness, file))] == [], name
    assert harness.lines("review-error") == []


def _policy(file: CheckFile) -> str:
    return str(policy_for(file)["metadata"]["name"])


def _know(harness: Harness, files: Sequence[CheckFile]) -> None:
    policies = {_policy(file): policy_for(file) for file in files}
    harness.knowledge.policies.replace([json.dumps(each).encode() for each in policies.values()])


async def _ask(harness: Harness, file: CheckFile) -> tuple[str, list[str]] | None:
    """Return what is found in a file where that is not what it says."""
    where, labels = namespace_for(file), labels_for(file) if file.is_namespaced else {}
    known = harness.knowledge.namespaces.labels.get(where, {})
    if where and not labels.items() <= known.items():
        harness.know(namespace(where, labels))
    selector = LabelSelector(match_labels=labels)
    path = f"/{'validate' if file.is_namespaced else 'cluster'}/{hash_selector(selector)}"
    response = await harness.ask(path, labelled(file), namespace=where)
    found = _findings(messages(response)) if not response["allowed"] else []
    wanted = [f"{file.check} {each}" for each in file.expected]
    return None if found == wanted else (file.title, found)


def _findings(text: str) -> list[str]:
    """Read the findings of a denial, as `control place: message`."""
    lines = text.splitlines()[2:-1]
    return [" ".join(line.split(maxsplit=1)) for line in lines if "  fix: " not in line]
