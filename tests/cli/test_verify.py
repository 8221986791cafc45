"""`revet verify`: policies and what they name from files, an image from a registry, an answer."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from e2e.cluster.certificates import Authority
from revet.cli.main import app
from tests.support.registry import (
    EMPTY_CONFIG,
    OCI_MANIFEST,
    FakeRegistry,
    digest_of,
    image,
    serving_beside,
)
from tests.support.sigstore.authority import ISSUER, SUBJECT, new_key
from tests.support.sigstore.world import (
    BUNDLE,
    How,
    Sigstore,
    public_pem,
    statement,
)

KEY: Final = new_key()
BOM: Final = "https://cyclonedx.org/bom"
UNLOGGED: Final = How(is_logged=False)


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Give who signs for the registry."""
    return Authority("registries")


@pytest.fixture(scope="module")
def sigstore() -> Sigstore:
    """Give a private instance."""
    return Sigstore(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def registry(authority: Authority) -> Iterator[FakeRegistry]:
    """Give a registry with one image, that only `me` may read."""
    with serving_beside(FakeRegistry(users={"me": "s3cret"}), authority) as served:
        served.push("web", image("web"), "1")
        yield served


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))


def _attach(registry: FakeRegistry, document: dict[str, Any]) -> None:
    raw = json.dumps(document).encode()
    subject = {"mediaType": OCI_MANIFEST, "size": 1, "digest": _digest(registry)}
    layer = {"mediaType": BUNDLE, "digest": registry.push_blob("web", raw), "size": len(raw)}
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": EMPTY_CONFIG,
        "layers": [layer],
        "subject": subject,
    }
    registry.push("web", json.dumps(manifest).encode())


def _digest(registry: FakeRegistry) -> str:
    body, _ = registry.manifests["web", "1"]
    return digest_of(body)


def _write(
    registry: FakeRegistry,
    authority: Authority,
    *objects: dict[str, Any],
    **rule: Any,  # noqa: ANN401
) -> None:
    """Write a policy with all that it names into files."""
    login = base64.b64encode(b"me:s3cret").decode()
    config = {"auths": {registry.host: {"auth": login}}}
    images = {
        "hosts": [
            {
                "host": registry.host,
                "caRef": {"configMapRef": {"name": "ca", "key": "ca.crt"}},
                "pullSecretRef": {"name": "login"},
            }
        ],
        "verify": [{"name": "ci", "images": [f"{registry.host}/*"], **rule}],
    }
    policy = {
        "apiVersion": "revet.dev/v1alpha1",
        "kind": "HardeningPolicy",
        "metadata": {"name": "production"},
        "spec": {"namespaceSelector": {}, "profile": "baseline", "images": images},
    }
    held = [
        _held("ConfigMap", "ca", {"ca.crt": authority.ca_pem.decode()}),
        _held("Secret", "login", {".dockerconfigjson": json.dumps(config)}),
        *objects,
    ]
    Path("policy.yaml").write_text(json.dumps(policy), encoding="utf-8")
    Path("held.yaml").write_text("\n---\n".join(map(json.dumps, held)), encoding="utf-8")


def _held(kind: str, name: str, data: dict[str, str]) -> dict[str, Any]:
    field = "data" if kind == "ConfigMap" else "stringData"
    metadata = {"name": name, "namespace": "revet-system"}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, field: data}


def _run(registry: FakeRegistry, *more: str, name: str = "web:1") -> tuple[int, str, str]:
    command = ["verify", f"{registry.host}/{name}", "-p", "policy.yaml", "-p", "held.yaml", *more]
    result = CliRunner().invoke(app, command)
    return result.exit_code, result.stdout, result.stderr


def _by_key() -> list[dict[str, Any]]:
    return [{"key": {"secretRef": {"name": "cosign", "key": "cosign.pub"}}}]


def _key_secret() -> dict[str, Any]:
    return _held("Secret", "cosign", {"cosign.pub": public_pem(KEY)})


def test_a_signature_by_a_key(
    registry: FakeRegistry, authority: Authority, sigstore: Sigstore
) -> None:
    _attach(registry, sigstore.keyed(statement(_digest(registry)), KEY, UNLOGGED))
    _write(registry, authority, _key_secret(), anyOf=_by_key(), transparencyLog="Ignored")
    code, out, err = _run(registry)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:2] == [f"{registry.host}/web:1", f"  is {_digest(registry)}"]
    assert lines[3] == 'policy production, rule "ci"'
    assert lines[4].startswith("  signature  verified  referrer sha256:")
    assert lines[-1] == "verified"


def test_an_image_that_nobody_signed(registry: FakeRegistry, authority: Authority) -> None:
    _write(registry, authority, _key_secret(), anyOf=_by_key(), transparencyLog="Ignored")
    code, out, _ = _run(registry)
    assert code == 1
    assert 'signature  rejected  no signature by "ci" (key cosign)' in out
    assert out.splitlines()[-1] == "rejected"


def test_what_was_looked_at_is_explained(
    registry: FakeRegistry, authority: Authority, sigstore: Sigstore
) -> None:
    digest = _digest(registry)
    _attach(registry, sigstore.keyless(statement(digest)))
    _attach(registry, sigstore.keyless(statement(digest, BOM, {"bomFormat": "CycloneDX"})))
    _attach(registry, sigstore.keyless(statement(f"sha256:{'ab' * 32}")))
    _attach(registry, sigstore.keyed(statement(digest), KEY))
    keyless = {"issuer": {"exact": ISSUER}, "subject": {"glob": "*@example.com"}}
    root = _held("ConfigMap", "root", {"trusted_root.json": json.dumps(sigstore.root())})
    _write(
        registry,
        authority,
        root,
        anyOf=[{"keyless": keyless}],
        trustRoot={"configMapRef": {"name": "root", "key": "trusted_root.json"}},
        attestations=[{"type": "sbom"}],
    )
    code, out, _ = _run(registry, "--explain")
    assert code == 0, out
    assert f"  by keyless *@example.com (by {ISSUER})" in out
    assert f"signature by {SUBJECT} (by {ISSUER}), in the log" in out
    assert f"{BOM} by {SUBJECT}" in out
    assert "proves nothing: the statement is about sha256:abab" in out
    assert "proves nothing: it is signed with a key, and the policy names none" in out


def test_a_registry_that_is_down(authority: Authority, registry: FakeRegistry) -> None:
    _write(registry, authority, _key_secret(), anyOf=_by_key(), transparencyLog="Ignored")
    registry.users = {"me": "another"}
    code, out, _ = _run(registry)
    assert code == 2
    assert "answered 401" in out
    assert out.splitlines()[-1] == "unknown"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"anyOf": _by_key()}, "Secret cosign, key cosign.pub: is in none of the files"),
        ({"anyOf": [{"key": {"pem": "x"}}]}, "anyOf[0]: key.pem: must hold one PEM block"),
        ({"anyOf": []}, "spec.images.verify[0].anyOf"),
        (
            {"anyOf": [{"keyless": {"issuer": {"regexp": "("}, "subject": {"glob": "*"}}}]},
            "is no regular expression (RE2)",
        ),
        (
            {"anyOf": [{"key": {"pem": public_pem(KEY)}}], "images": ["other.example.com/*"]},
            "no rule of spec.images.verify is about",
        ),
    ],
)
def test_what_cannot_be_used(
    registry: FakeRegistry, authority: Authority, change: dict[str, Any], reason: str
) -> None:
    _write(registry, authority, **change)
    code, out, err = _run(registry)
    assert (code, out) == (2, "")
    assert reason in err


def test_the_rest_of_a_policy_is_checked(registry: FakeRegistry, authority: Authority) -> None:
    _write(registry, authority, anyOf=[{"key": {"pem": public_pem(KEY)}}])
    text = Path("policy.yaml").read_text(encoding="utf-8")
    Path("policy.yaml").write_text(text.replace("baseline", "basic"), encoding="utf-8")
    code, _, err = _run(registry)
    assert code == 2
    assert "policy production: spec.profile" in err


def test_a_secret_of_another_namespace_is_not_ours(
    registry: FakeRegistry, authority: Authority
) -> None:
    secret = _key_secret()
    secret["metadata"]["namespace"] = "shop"
    _write(registry, authority, secret, anyOf=_by_key())
    code, _, err = _run(registry)
    assert code == 2
    assert "is in none of the files" in err


def test_files_without_a_policy(registry: FakeRegistry, authority: Authority) -> None:
    _write(registry, authority, anyOf=_by_key())
    Path("policy.yaml").write_text("{}", encoding="utf-8")
    code, _, err = _run(registry)
    assert code == 2
    assert err
