"""Every check finds in tests/data/checks what the files say, and nothing else."""

from pathlib import Path

import pytest

from revet.core import checks
from revet.core.check import Check, Finding
from revet.core.checks import ALL, BY_ID
from revet.core.item import Item
from revet.core.message import place
from revet.core.model.version import KubeVersion
from tests.support.check_files import ROOT, CheckFile, load_check_files
from tests.support.check_policies import settings_for

FILES = load_check_files()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.title)
def test_a_check_finds_what_the_file_says(file: CheckFile) -> None:
    findings = _find(file)
    prefix = file.subject.prefix
    assert [
        f"{place(prefix, each.pointer, each.container)}: {each.message}" for each in findings
    ] == file.expected
    assert {each.control for each in findings} <= {file.check}


def _find(file: CheckFile) -> list[Finding]:
    check, settings, subject = BY_ID[file.check], settings_for(file), file.subject
    if isinstance(subject, Item):
        rules = [rule.bind(settings) for rule in check.items if subject.kind in rule.kinds]
        assert rules
        return [finding for rule in rules for finding in rule(subject.within(file.around))]
    revision = check.revision(KubeVersion.parse(file.version))
    return [] if revision is None else list(revision.bind(settings)(subject.pod(file.around)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.title)
def test_a_file_says_what_its_folder_says(file: CheckFile) -> None:
    assert file.verdict == ("fail" if file.expected else "pass")


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
@pytest.mark.parametrize("verdict", ["pass", "fail"])
def test_every_check_has_files(check: Check, verdict: str) -> None:
    assert [file for file in FILES if (file.check, file.verdict) == (check.id, verdict)]


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_every_kind_that_a_check_judges_has_files(check: Check) -> None:
    judged = {kind for rule in check.items for kind in rule.kinds}
    here = {file.subject.kind for file in FILES if file.check == check.id and not file.holds_pod}
    assert here == judged


def test_every_folder_is_of_a_check() -> None:
    assert {folder.name for folder in ROOT.iterdir()} == set(BY_ID)
    assert len(FILES) == sum(1 for path in ROOT.rglob("*") if path.is_file())


def test_every_module_of_checks_is_in_the_catalog() -> None:
    folder = Path(checks.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {check.id.replace("-", "_") for check in ALL} == modules


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_each_revision_has_a_file_on_both_sides_of_its_boundary(
    check: Check,
) -> None:
    versions = {KubeVersion.parse(file.version) for file in FILES if file.check == check.id}
    for revision in check.revisions:
        since = revision.since
        assert since in versions
        assert since.minor == 0 or KubeVersion(1, since.minor - 1) in versions
