"""Attacks by keys: too weak, of the wrong kind, or two where one is read."""

import json

import nacl.bindings
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from revet.verify.error import SignatureError
from tests.support.attacks.case import case
from tests.support.attacks.signature import UNLOGGED
from tests.support.attacks.stage import Stage, Told, refused
from tests.support.sigstore.authority import new_key
from tests.support.sigstore.rekor import encode
from tests.support.sigstore.world import pae, public_pem, statement


def _is_taken(stage: Stage, pem: str) -> Told:
    try:
        rule = stage.by_key(anyOf=[{"key": {"pem": pem}}])
    except SignatureError as error:
        return refused(error)
    return Told("admitted", rule.signers[0].name)


def _weak_pem() -> str:
    # The library makes none so short any more: one that was made before.
    numbers = rsa.RSAPublicNumbers(65537, (1 << 1023) + 1171)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return numbers.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


@case("rsa-1024")
async def _(stage: Stage) -> Told:
    return _is_taken(stage, _weak_pem())


@case("p-224")
async def _(stage: Stage) -> Told:
    return _is_taken(stage, public_pem(ec.generate_private_key(ec.SECP224R1())))


@case("two-keys-in-one-pem")
async def _(stage: Stage) -> Told:
    return _is_taken(stage, public_pem(stage.key) + public_pem(new_key()))


@case("private-key-as-key")
async def _(stage: Stage) -> Told:
    pem = new_key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return _is_taken(stage, pem.decode())


def _sign_with_ed25519(stage: Stage, *, is_prehashed: bool) -> str:
    """Attach a signature of one of the two forms; return the key."""
    public, secret = nacl.bindings.crypto_sign_keypair()
    bundle = stage.sigstore.keyed(statement(stage.digest), new_key(), UNLOGGED)
    message = _message(stage)
    state = nacl.bindings.crypto_sign_ed25519ph_state()
    nacl.bindings.crypto_sign_ed25519ph_update(state, message)
    signature = (
        nacl.bindings.crypto_sign_ed25519ph_final_create(state, secret)
        if is_prehashed
        else nacl.bindings.crypto_sign(message, secret)[:64]
    )
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = encode(signature)
    stage.attach(bundle)
    key = ed25519.Ed25519PublicKey.from_public_bytes(public)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


def _message(stage: Stage) -> bytes:
    return pae(json.dumps(statement(stage.digest)).encode())


@case("ed25519-prehashed")
async def _(stage: Stage) -> Told:
    pem = _sign_with_ed25519(stage, is_prehashed=True)
    return await stage.verify(stage.by_key(anyOf=[{"key": {"pem": pem}}]))


@case("ed25519-plain")
async def _(stage: Stage) -> Told:
    pem = _sign_with_ed25519(stage, is_prehashed=False)
    return await stage.verify(stage.by_key(anyOf=[{"key": {"pem": pem}}]))


@case("rsa-by-pkcs1")
async def _(stage: Stage) -> Told:
    key = rsa.generate_private_key(65537, 2048)
    stage.attach(stage.sigstore.keyed(statement(stage.digest), key, UNLOGGED))
    return await stage.verify(stage.by_key(anyOf=[{"key": {"pem": public_pem(key)}}]))


@case("rsa-by-pss")
async def _(stage: Stage) -> Told:
    key = rsa.generate_private_key(65537, 2048)
    bundle = stage.sigstore.keyed(statement(stage.digest), key, UNLOGGED)
    pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.MAX_LENGTH)
    signature = key.sign(_message(stage), pss, SHA256())
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = encode(signature)
    stage.attach(bundle)
    return await stage.verify(stage.by_key(anyOf=[{"key": {"pem": public_pem(key)}}]))
