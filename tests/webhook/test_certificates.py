"""The serving certificate follows its files; connections that stand are not touched."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from revet.adapters import tls
from revet.adapters.address import SettingsError
from revet.adapters.tls import ServingCertificate
from revet.operator.certificates import renew_serving, renew_trust
from tests.webhook.harness import Harness, until

_GET = b"GET /none HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def following(webhook: Harness, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    """Give a webhook that looks for a new certificate all the time."""
    monkeypatch.setattr(tls, "_LOOK_EVERY_S", 0.01)
    task = asyncio.create_task(webhook.serving.follow())
    yield webhook
    task.cancel()


async def _connect(webhook: Harness, context: ssl.SSLContext | None = None) -> Streams:
    return await asyncio.open_connection(
        "127.0.0.1", webhook.port, ssl=context or webhook.client_tls
    )


def _certificate(streams: Streams) -> bytes:
    shown: bytes = streams[1].get_extra_info("ssl_object").getpeercert(binary_form=True)
    return shown


def _on_disk(webhook: Harness) -> bytes:
    return ssl.PEM_cert_to_DER_cert(webhook.certificate.read_text())


async def _is_served(streams: Streams) -> bool:
    streams[1].write(_GET)
    head = await streams[0].readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await streams[0].readexactly(length)
    return head.startswith(b"HTTP/1.1 404")


async def test_a_new_connection_sees_the_new_certificate(following: Harness) -> None:
    before = await _connect(following)
    first = _certificate(before)
    assert first == _on_disk(following)
    assert await _is_served(before)
    following.write_certificate()
    await until(lambda: None in following.reloads)
    after = await _connect(following)
    assert _certificate(after) == _on_disk(following) != first
    # The one that stood before is neither closed nor changed.
    assert await _is_served(before)
    assert await _is_served(after)
    assert _certificate(before) == first
    for streams in (before, after):
        streams[1].close()


@pytest.mark.parametrize(
    "damage", ["certificate of another", "key of another", "no key", "half a certificate", "gone"]
)
async def test_a_broken_pair_keeps_the_one_before(following: Harness, damage: str) -> None:
    good = _on_disk(following)
    certificate, key = following.certificate.read_bytes(), following.key.read_bytes()
    other = following.authority.issue_server("other", ["127.0.0.1"])
    if damage == "certificate of another":
        # OpenSSL would take this one, and throw the key away that does not fit.
        following.certificate.write_bytes(other.certificate)
    elif damage == "key of another":
        following.key.write_bytes(other.key)
    elif damage == "no key":
        following.key.write_bytes(b"")
    elif damage == "half a certificate":
        following.certificate.write_bytes(certificate[: len(certificate) // 2])
    else:
        following.certificate.unlink()
    await until(lambda: bool(following.reloads))
    told = following.reloads[-1]
    assert told is not None
    assert str(following.certificate) in told
    assert told.endswith("the certificate before it stays in use")
    streams = await _connect(following)
    assert _certificate(streams) == good
    assert await _is_served(streams)
    streams[1].close()
    following.certificate.write_bytes(certificate)
    following.key.write_bytes(key)
    await until(lambda: following.reloads[-1] is None)


async def test_versions_before_tls_1_2_are_refused(webhook: Harness) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        streams = await _connect(webhook, _exactly(webhook, version))
        assert await _is_served(streams)
        streams[1].close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                await _connect(webhook, _exactly(webhook, version))


def _exactly(webhook: Harness, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=webhook.authority.ca_pem.decode())
    context.set_ciphers("ALL:@SECLEVEL=0")  # so that it is the server who refuses
    context.minimum_version = context.maximum_version = version
    return context


def test_without_a_pair_it_does_not_start(tmp_path: Path) -> None:
    missing = tmp_path / "tls.crt"
    with pytest.raises(SettingsError, match=r"--tls-cert .*tls.crt and --tls-key .* can't be used"):
        ServingCertificate(missing, tmp_path / "tls.key", lambda _: None)


@pytest.mark.parametrize(
    ("days", "said"),
    [(0, None), (400, "certificate has expired"), (-400, "certificate is not yet valid")],
)
def test_a_certificate_whose_time_is_not_now_is_told(
    tmp_path: Path, days: int, said: str | None
) -> None:
    made = datetime.now(UTC) - timedelta(days=days)
    trust = renew_trust(None, b"", made)
    pair = renew_serving(None, trust, ["webhook.svc"], made, bundle_stands=True)
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    certificate.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    flaw = ServingCertificate(certificate, key, lambda _: None).flaw
    if said is None:
        assert flaw is None
    else:
        assert f"{certificate}: {said}" in str(flaw)
