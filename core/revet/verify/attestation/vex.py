"""OpenVEX: who says, and signs, that a vulnerability does not concern an image.

https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from revet.verify.attestation.moment import read_time

#: Newer writers add a version to it.
TYPE: Final = "https://openvex.dev/ns"
_HARMLESS: Final = ("not_affected", "fixed")
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


class _Word(NamedTuple):
    when: datetime
    is_harmless: bool


def find_harmless(documents: Iterable[object], digest: str) -> frozenset[str]:
    """Name the vulnerabilities of which the last word is that they don't concern the image."""
    last: dict[str, _Word] = {}
    for document in documents:
        for name, word in _read(document, digest):
            known = last.get(name)
            # Of two words of one moment the worse counts.
            if known is None or (word.when, known.is_harmless) > (known.when, word.is_harmless):
                last[name] = word
    return frozenset(name for name, word in last.items() if word.is_harmless)


def _read(document: object, digest: str) -> Iterator[tuple[str, _Word]]:
    if not isinstance(document, dict):
        return
    statements = document.get("statements")
    for statement in statements if isinstance(statements, list) else ():
        if not isinstance(statement, dict) or not _is_about(statement, digest):
            continue
        times = (
            statement.get("timestamp"),
            document.get("last_updated"),
            document.get("timestamp"),
        )
        when = next(filter(None, map(read_time, times)), _EARLIEST)
        word = _Word(when, _is_harmless(statement))
        for name in _names(statement.get("vulnerability")):
            yield name, word


def _is_harmless(statement: dict[str, Any]) -> bool:
    status = statement.get("status")
    # The specification wants a reason for "not affected", and so do people.
    reason = statement.get("justification") or statement.get("impact_statement")
    return status in _HARMLESS and (status == "fixed" or bool(reason))


def _names(vulnerability: object) -> Iterator[str]:
    if isinstance(vulnerability, str):
        yield vulnerability
    if isinstance(vulnerability, dict):
        aliases = vulnerability.get("aliases")
        named = [vulnerability.get("name"), *(aliases if isinstance(aliases, list) else ())]
        yield from (each for each in named if isinstance(each, str))


def _is_about(statement: dict[str, Any], digest: str) -> bool:
    """Return whether it is about the image: by name, or by naming nothing but what it is beside."""
    products = statement.get("products")
    if not products:
        return True
    return isinstance(products, list) and any(_is_product(each, digest) for each in products)


def _is_product(product: object, digest: str) -> bool:
    if isinstance(product, str):
        return digest in unquote(product)
    if not isinstance(product, dict) or product.get("subcomponents"):
        # Of a part of the image, it says nothing about the vulnerability in another part.
        return False
    hashes = product.get("hashes")
    by_hash = hashes.get("sha-256") if isinstance(hashes, dict) else None
    named = product.get("@id")
    by_name = isinstance(named, str) and digest in unquote(named)
    return by_name or by_hash == digest.removeprefix("sha256:")
