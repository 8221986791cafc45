"""Certificates over the years: renewed in time, and never one that who calls does not trust."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.operator.certificates import (
    AUTHORITY_LIFETIME,
    SERVING_LIFETIME,
    KeyPair,
    Trust,
    renew_serving,
    renew_trust,
)

HOSTS: Final = ("revet-webhook.revet-system.svc",)
BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)


def _make(now: datetime = BEGIN) -> tuple[Trust, KeyPair]:
    trust = renew_trust(None, b"", now)
    return trust, renew_serving(None, trust, HOSTS, now, bundle_stands=True)


def _authorities(bundle: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(bundle)


def _trusts(bundle: bytes, serving: KeyPair, now: datetime) -> bool:
    """Tell whether an API server would accept it: by the authority's name, its key, the times."""
    certificate = serving.parsed
    for each in _authorities(bundle):
        if each.subject == certificate.issuer:
            certificate.verify_directly_issued_by(each)
            alive = each.not_valid_before_utc <= now < each.not_valid_after_utc
            return (
                alive and certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
            )
    return False


def test_what_is_not_due_stays() -> None:
    trust, serving = _make()
    later = BEGIN + 59 * DAY
    assert renew_trust(trust.authority, trust.bundle, later) == trust
    assert renew_serving(serving, trust, HOSTS, later, bundle_stands=True) == serving


def test_a_due_serving_certificate_is_renewed_by_the_same_authority() -> None:
    trust, serving = _make()
    later = BEGIN + 61 * DAY
    renewed = renew_serving(serving, trust, HOSTS, later, bundle_stands=True)
    assert renewed != serving
    assert _trusts(trust.bundle, renewed, later)
    assert renewed.parsed.not_valid_after_utc == later + SERVING_LIFETIME


def test_a_new_authority_signs_when_its_bundle_stands() -> None:
    trust, serving = _make()
    later = BEGIN + AUTHORITY_LIFETIME * 2 / 3
    serving = renew_serving(serving, trust, HOSTS, later - DAY, bundle_stands=True)
    both = renew_trust(trust.authority, trust.bundle, later)
    assert _authorities(both.bundle) == [both.authority.parsed, trust.authority.parsed]
    assert both.authority != trust.authority
    assert renew_serving(serving, both, HOSTS, later, bundle_stands=False) == serving
    renewed = renew_serving(serving, both, HOSTS, later, bundle_stands=True)
    assert _trusts(both.authority.certificate, renewed, later)


@pytest.mark.parametrize(
    ("after", "keeps"), [(396 * DAY, True), (AUTHORITY_LIFETIME + DAY, False)], ids=str
)
def test_what_has_expired_is_replaced_at_once(after: timedelta, *, keeps: bool) -> None:
    trust, serving = _make()
    later = BEGIN + after
    now = renew_trust(trust.authority, trust.bundle, later)
    assert (now == trust) is keeps
    assert len(_authorities(now.bundle)) == 1
    renewed = renew_serving(serving, now, HOSTS, later, bundle_stands=False)
    assert _trusts(now.bundle, renewed, later)


def test_a_lost_authority_leaves_what_it_has_signed_trusted() -> None:
    trust, serving = _make()
    later = BEGIN + DAY
    found = renew_trust(None, trust.bundle, later)
    assert renew_serving(serving, found, HOSTS, later, bundle_stands=False) == serving
    assert _trusts(found.bundle, serving, later)


@pytest.mark.parametrize("spoilt", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nx\n"])
def test_a_spoilt_bundle_is_made_good(spoilt: bytes) -> None:
    trust, serving = _make()
    found = renew_trust(trust.authority, spoilt, BEGIN)
    assert found == trust
    assert renew_serving(serving, found, HOSTS, BEGIN, bundle_stands=False) == serving


def test_a_serving_certificate_is_no_authority() -> None:
    trust, serving = _make()
    found = renew_trust(serving, trust.bundle, BEGIN)
    assert found.authority != serving


def test_an_authority_of_the_future_is_replaced() -> None:
    trust, _ = _make(BEGIN + 365 * DAY)
    assert renew_trust(trust.authority, trust.bundle, BEGIN).authority != trust.authority


def test_another_host_needs_another_certificate() -> None:
    trust, serving = _make()
    moved = renew_serving(serving, trust, ["127.0.0.1"], BEGIN, bundle_stands=False)
    names = moved.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["127.0.0.1"]


def test_only_a_pair_of_ours_is_read() -> None:
    _, one = _make()
    _, other = _make()
    key = rsa.generate_private_key(65537, 2048)
    foreign = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert KeyPair.read(one.certificate, one.key) == one
    assert KeyPair.read(one.certificate, other.key) is None
    assert KeyPair.read(one.certificate, foreign) is None
    assert KeyPair.read(one.certificate, b"") is None
    assert KeyPair.read(b"", one.key) is None


@given(st.lists(st.integers(1, 29), min_size=1, max_size=120), st.integers(0, 1900))
@settings(max_examples=25, deadline=None)
def test_whoever_calls_trusts_what_is_served(steps: list[int], age: int) -> None:
    """As the operator does it: a new bundle goes into the entries, and then it looks again."""
    now = BEGIN
    trust = renew_trust(renew_trust(None, b"", now - age * DAY).authority, b"", now)
    serving = renew_serving(None, trust, HOSTS, now, bundle_stands=True)
    carried = trust.bundle
    for days in steps:
        now += days * DAY
        assert _trusts(carried, serving, now)
        for _ in range(2):
            trust = renew_trust(trust.authority, trust.bundle, now)
            stands = carried == trust.bundle
            serving = renew_serving(serving, trust, HOSTS, now, bundle_stands=stands)
            # By entries of before and after this look.
            assert _trusts(carried, serving, now)
            assert _trusts(trust.bundle, serving, now)
            carried = trust.bundle
