"""The files of tests/data/checks on the command line: it says what the engine says."""

import json

import pytest

from tests.cli.conftest import Ask
from tests.support.check_files import CheckFile, load_check_files
from tests.support.check_policies import labelled, labels_for, namespace_for, policy_for


@pytest.mark.parametrize("file", load_check_files(), ids=lambda file: file.title)
def test_each_file_is_judged_as_it_says(ask: Ask, file: CheckFile) -> None:
    # JSON is YAML, and both documents may be in one file.
    documents = (policy_for(file), labelled(file), *file.beside)
    text = "\n---\n".join(map(json.dumps, documents))
    report = ask(text, namespace=namespace_for(file) or None, namespace_labels=labels_for(file))
    assert report.problems == ()
    assert len(report.objects) >= bool(file.expected)
    found = [f"{each.place}: {each.message}" for each in report.findings]
    assert {each.control for each in report.findings} <= {file.check}
    unknown = [each.reason for each in report.left_out if f"by {file.check}: " in each.reason]
    if file.is_told_offline:
        assert (found, unknown) == (file.expected, [])
    else:
        # It might be a pass: what the file does not show may be in the cluster.
        assert file.expected
        assert found == []
        assert unknown
