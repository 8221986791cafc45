"""The private names of `sigstore` that are used are there, and take what we give them."""

import ast
import inspect
from pathlib import Path

import pytest
from sigstore._internal.sct import verify_sct
from sigstore._internal.trust import Keyring, KeyringPurpose
from sigstore.models import TransparencyLogEntry, TrustedRoot
from sigstore.verify import Verifier

from revet.verify.public_good import read_bundled_root
from revet.verify.root import TrustRoot, read_root
from tests.support.sigstore.world import Sigstore

PACKAGE = Path(__file__).parents[2] / "core" / "revet" / "verify"


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (TransparencyLogEntry._verify, ["self", "keyring"]),
        (TrustedRoot.ct_keyring, ["self", "purpose"]),
        (Keyring.__init__, ["self", "public_keys"]),
        (Keyring.verify, ["self", "key_id", "signature", "data"]),
        (verify_sct, ["cert", "chain", "ct_keyring"]),
        (Verifier.verify_dsse, ["self", "bundle", "policy"]),
    ],
    ids=lambda each: getattr(each, "__qualname__", ""),
)
def test_a_function_takes_what_it_is_given(function: object, parameters: list[str]) -> None:
    assert callable(function)
    assert list(inspect.signature(function).parameters) == parameters


def test_the_fields_are_there(root: TrustRoot, sigstore: Sigstore) -> None:
    inner = root.library._inner
    log = inner.tlogs[0]
    assert log.log_id.key_id == sigstore.rekor.id
    assert log.public_key.valid_for is not None
    assert log.public_key.valid_for.start < sigstore.now
    assert inner.certificate_authorities[0].cert_chain.certificates[0].raw_bytes
    assert KeyringPurpose.VERIFY.value == "verify"


def test_the_public_good_root_comes_with_it() -> None:
    root = read_root(read_bundled_root())
    assert {log.base_url for log in root.library._inner.tlogs} >= {"https://rekor.sigstore.dev"}
    assert root.authorities
    assert root.verifier is root.verifier


def test_private_names_are_used_in_one_place() -> None:
    users = {
        path.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sigstore._")
    }
    assert users == {"library.py"}
