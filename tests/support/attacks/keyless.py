"""Attacks on keyless signatures: certificates, identities, logs and times."""

from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support.attacks.case import case
from tests.support.attacks.stage import Stage, Told, ago
from tests.support.sigstore.authority import ISSUER, SUBJECT, Wish, new_key
from tests.support.sigstore.world import How, Sigstore, simple_signing, statement


async def _by(stage: Stage, wish: Wish | None = None, how: How | None = None, **rule: Any) -> Told:  # noqa: ANN401 # any field
    stage.attach(stage.sigstore.keyless(statement(stage.digest), wish, how or How()))
    return await stage.verify(stage.by_identity(**rule))


def _match(**subject: str) -> list[dict[str, Any]]:
    return [{"keyless": {"issuer": {"exact": ISSUER}, "subject": subject}}]


@case("signed-keyless")
async def _(stage: Stage) -> Told:
    return await _by(stage)


@case("signed-keyless-by-rekor-2")
async def _(stage: Stage) -> Told:
    return await _by(stage, how=How(is_second=True, stamped_at=stage.now))


@case("signed-keyless-in-the-old-layout")
async def _(stage: Stage) -> Told:
    payload = simple_signing(stage.digest)
    stage.tag(payload, stage.sigstore.layer(payload))
    return await stage.verify(stage.by_identity())


@case("another-authority")
async def _(stage: Stage) -> Told:
    stage.attach(stage.world.stranger.keyless(statement(stage.digest)))
    return await stage.verify(stage.by_identity())


@case("another-authority-in-the-trusted-log")
async def _(stage: Stage) -> Told:
    mixed = Sigstore(stage.now, rekor=stage.sigstore.rekor)
    stage.attach(mixed.keyless(statement(stage.digest)))
    return await stage.verify(stage.by_identity())


@case("another-authority-in-the-old-layout")
async def _(stage: Stage) -> Told:
    # Its own chain comes along in an annotation, as cosign writes it.
    mixed = Sigstore(stage.now, rekor=stage.sigstore.rekor)
    payload = simple_signing(stage.digest)
    stage.tag(payload, mixed.layer(payload))
    return await stage.verify(stage.by_identity())


@case("another-authority-in-a-chain")
async def _(stage: Stage) -> Told:
    mixed = Sigstore(stage.now, rekor=stage.sigstore.rekor)
    bundle = mixed.keyless(statement(stage.digest))
    material = bundle["verificationMaterial"]
    chain = [
        material.pop("certificate"),
        *mixed.root()["certificateAuthorities"][0]["certChain"]["certificates"],
    ]
    material["x509CertificateChain"] = {"certificates": chain}
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"
    stage.attach(bundle)
    return await stage.verify(stage.by_identity())


@case("wrong-subject")
async def _(stage: Stage) -> Told:
    return await _by(stage, Wish(subject="evil@example.com"))


@case("wrong-issuer")
async def _(stage: Stage) -> Told:
    return await _by(stage, Wish(issuer="https://evil.example.com"))


@case("regexp-that-is-not-anchored")
async def _(stage: Stage) -> Told:
    wish = Wish(subject="https://github.com/org-evil/x")
    return await _by(stage, wish, anyOf=_match(regexp="https://github.com/org"))


@case("regexp-of-an-organization")
async def _(stage: Stage) -> Told:
    wish = Wish(subject="https://github.com/org/x")
    return await _by(stage, wish, anyOf=_match(regexp="https://github.com/org/.*"))


@case("glob-with-a-dot")
async def _(stage: Stage) -> Told:
    wish = Wish(subject="https://githubxcom/org/x")
    return await _by(stage, wish, anyOf=_match(glob="https://github.com/org/*"))


@case("case-of-the-subject")
async def _(stage: Stage) -> Told:
    return await _by(stage, Wish(subject=SUBJECT.upper()))


@case("issuer-in-the-old-field-only")
async def _(stage: Stage) -> Told:
    return await _by(stage, Wish(has_new_issuer=False))


@case("issuers-that-differ")
async def _(stage: Stage) -> Told:
    return await _by(stage, Wish(old_issuer="https://evil.example.com"))


@case("no-name")
async def _(stage: Stage) -> Told:
    return await _by(stage, Wish(names=()))


@case("two-names")
async def _(stage: Stage) -> Told:
    return await _by(stage, Wish(names=(SUBJECT, "evil@example.com")))


@case("certificate-in-no-log")
async def _(stage: Stage) -> Told:
    return await _by(stage, Wish(is_logged=False))


@case("certificate-in-an-unknown-log")
async def _(stage: Stage) -> Told:
    return await _by(stage, Wish(ct_key=new_key()))


@case("certificate-not-for-code-signing")
async def _(stage: Stage) -> Told:
    return await _by(stage, Wish(purpose=ExtendedKeyUsageOID.CLIENT_AUTH))


@case("certificate-that-is-an-authority")
async def _(stage: Stage) -> Told:
    return await _by(stage, Wish(is_authority=True))


@case("expired-when-logged")
async def _(stage: Stage) -> Told:
    wish = Wish(not_before=ago(stage, hours=2))
    return await _by(stage, wish, How(logged_at=ago(stage, hours=1)))


@case("not-yet-valid-when-logged")
async def _(stage: Stage) -> Told:
    wish = Wish(not_before=ago(stage, hours=1))
    return await _by(stage, wish, How(logged_at=ago(stage, hours=2)))


@case("expired-now-and-logged-in-time")
async def _(stage: Stage) -> Told:
    when = ago(stage, days=90)
    return await _by(stage, Wish(not_before=when), How(when=when))


@case("nobody-says-when")
async def _(stage: Stage) -> Told:
    return await _by(stage, how=How(is_logged=False), transparencyLog="Ignored")


@case("rekor-2-without-a-stamp")
async def _(stage: Stage) -> Told:
    return await _by(stage, how=How(is_second=True))


@case("stamped-and-not-logged")
async def _(stage: Stage) -> Told:
    how = How(is_logged=False, stamped_at=stage.now)
    return await _by(stage, how=how, transparencyLog="Ignored")


@case("stamped-and-not-logged-where-a-log-is-wanted")
async def _(stage: Stage) -> Told:
    return await _by(stage, how=How(is_logged=False, stamped_at=stage.now))
