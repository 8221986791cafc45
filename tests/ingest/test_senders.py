"""The file of who may send: what is allowed in it, and how complaints are worded."""

from pathlib import Path

import pytest

from revet.adapters.address import SettingsError
from revet.core.model.policy_runtime import Source
from revet.ingest.senders import read_senders

HASH = "ab" * 32


def _read(folder: Path, text: str) -> None:
    path = folder / "senders.yaml"
    path.write_text(text)
    read_senders(path)


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "senders.yaml"
    path.write_text(
        f"senders:\n- {{name: a, tokenSha256: {HASH}, sources: [falco]}}\n"
        "- {name: b, commonName: b, node: n}\n- {name: c, serviceAccount: x/y, ownNode: true}\n"
    )
    senders = read_senders(path)
    found = senders.by_account("x/y")
    assert found is not None
    assert found.own_node
    assert senders.by_token("anything") is None
    certificate = {"subject": ((("commonName", "b"),),)}
    named = senders.by_certificate(certificate)
    assert named is not None
    assert (named.node, named.may_send(Source.FALCO)) == ("n", True)
    twice = {"subject": ((("commonName", "b"),), (("commonName", "c"),))}
    assert senders.by_certificate(twice) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "--senders"),
        ("senders: {}", "--senders"),
        ("senders: [{name: a, tokn: x}]", "tokn"),
        ("senders: [{name: a}]", "senders[0]: must have exactly one of"),
        ("senders: [{name: a, commonName: b, serviceAccount: c/d}]", "exactly one"),
        ("senders: [{name: a, tokenSha256: abc}]", "64 hexadecimal digits"),
        ("senders: [{name: a, serviceAccount: abc}]", "NAMESPACE/NAME"),
        ("senders: [{name: a, commonName: b, ownNode: true}]", "for a serviceAccount only"),
        ("senders: [{name: '', commonName: b}]", "name is empty"),
        ("senders: [{name: a, commonName: b, sources: [auditd]}]", "sources"),
    ],
)
def test_a_bad_file(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        _read(tmp_path, text)
    assert problem in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_senders(tmp_path / "none")
