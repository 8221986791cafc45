"""New certificates on a real API server: under load no call fails, and after years all is renewed.

The clock stays: Secrets made in the past are as old as if they had been kept until today.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from e2e import standing_certificates as standing
from e2e.api import Api, wait_for
from e2e.load import Load
from e2e.release import Release
from e2e.webhook import policy
from revet.operator.certificates import AUTHORITY_LIFETIME, SERVING_LIFETIME
from tests.support.manifests import good_pod, pod

NAME: Final = "rotated"
LABELS: Final = {"rotated": "yes"}
DAY: Final = timedelta(days=1)
#: A control that patches, so that there is a mutating entry too.
PATCHING: Final = [{"id": "no-privilege-escalation", "mode": "Audit", "patch": True}]


@pytest.fixture(scope="module")
def shop(release: Release, api: Api) -> Iterator[str]:
    """Give a namespace in which a policy is in force, by the operator; both processes run."""
    try:
        release.start()
        name = release.plane.create_namespace(LABELS)
        release.plane.apply(policy(NAME, LABELS, enforcement="Enforce", controls=PATCHING))
        wait = ("wait", f"hardeningpolicy/{NAME}", "--for=condition=Enforcing", "--timeout=60s")
        release.plane.kubectl(*wait)
        wait_for(lambda: _is_judged(api, name), "in force")
        yield name
        release.plane.delete_namespace(name)
    finally:
        release.stop()


@pytest.fixture
def now(release: Release, shop: str) -> datetime:
    """Give the time; both processes run again, whatever the test before has left."""
    assert shop
    release.operator.stop()
    return datetime.now(UTC)


def _is_judged(api: Api, namespace: str) -> bool:
    good = api.create(good_pod(), namespace, dry_run=True)
    return good.is_success and api.create(pod(), namespace, dry_run=True).status == 403


def _authorities(bundle: bytes) -> list[str]:
    parsed = x509.load_pem_x509_certificates(bundle)
    return [each.public_bytes(Encoding.PEM).decode() for each in parsed]


def _follow(release: Release, api: Api, until_not: str) -> list[tuple[bytes, str]]:
    """Shake hands, each time with the bundle that stands, until another certificate is shown.

    Return what stood and what was shown, in the order in which it changed.
    """
    seen: list[tuple[bytes, str]] = []

    def is_new() -> bool:
        for bundle in standing.bundles(api):
            pair = bundle, standing.shake_hands(release, bundle)
            if pair not in seen:
                seen.append(pair)
        return seen[-1][1] != until_not

    wait_for(is_new, "a new certificate", timeout_s=60)
    return seen


def test_a_new_serving_certificate_fails_no_call(
    release: Release, api: Api, shop: str, now: datetime
) -> None:
    trust, old = standing.make(now - 61 * DAY, now - 61 * DAY)
    standing.put(release, trust, old)
    wait_for(lambda: _is_judged(api, shop), "in force with a certificate that is due")
    with Load(release.plane, shop) as load:
        load.wait_for_more(20)
        began = time.monotonic()
        release.start_operator()
        seen = _follow(release, api, old.certificate.decode())
        print(f"\nserving certificate renewed after {time.monotonic() - began:.1f} s")
        load.wait_for_more(40)
    assert load.failures == []
    assert {bundle for bundle, _ in seen} == {trust.bundle}
    assert next(shown for _, shown in seen) == old.certificate.decode()


def test_a_new_authority_is_trusted_before_it_is_used(
    release: Release, api: Api, shop: str, now: datetime
) -> None:
    trust, old = standing.make(now - AUTHORITY_LIFETIME * 2 / 3 - DAY, now - 2 * DAY)
    standing.put(release, trust, old)
    wait_for(lambda: _is_judged(api, shop), "in force with an authority that is due")
    with Load(release.plane, shop) as load:
        load.wait_for_more(20)
        began = time.monotonic()
        release.start_operator()
        seen = _follow(release, api, old.certificate.decode())
        print(f"\nauthority renewed and in use after {time.monotonic() - began:.1f} s")
        load.wait_for_more(40)
    assert load.failures == []
    both, shown = seen[-1]
    assert [pair[1] for pair in seen[:-1]] == [old.certificate.decode()] * (len(seen) - 1)
    assert (both, old.certificate.decode()) in seen, "the bundle did not stand before its use"
    newer, older = _authorities(both)
    assert older == trust.bundle.decode()
    assert standing.shake_hands(release, newer.encode()) == shown


@pytest.mark.parametrize(
    ("ago", "keeps_authority"),
    [(396 * DAY, True), (AUTHORITY_LIFETIME + SERVING_LIFETIME, False)],
    ids=["13 months", "over 5 years"],
)
def test_what_has_expired_is_renewed(
    release: Release,
    api: Api,
    shop: str,
    now: datetime,
    ago: timedelta,
    keeps_authority: bool,  # noqa: FBT001 -- a table
) -> None:
    trust, old = standing.make(now - ago, now - ago)
    release.webhook.stop()
    standing.put(release, trust, old)
    release.webhook.start()  # ready by its own account, so that it is there when it is renewed
    assert "expired" in api.create(good_pod(), shop, dry_run=True).message
    began = time.monotonic()
    release.start_operator()
    wait_for(lambda: _is_judged(api, shop), "in force again", timeout_s=60)
    print(f"\nall is judged again {time.monotonic() - began:.1f} s after the operator's start")
    wait_for(lambda: len(standing.bundles(api)) == 1, "one bundle everywhere")
    [bundle] = standing.bundles(api)
    assert (bundle == trust.bundle) is keeps_authority
    assert len(_authorities(bundle)) == 1
    assert standing.shake_hands(release, bundle) != old.certificate.decode()
