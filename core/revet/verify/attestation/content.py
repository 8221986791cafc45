"""Bills of materials, and custom predicates with the fields that a policy asks of them."""

from typing import Any, Final

from revet.core.model.policy_images import Attestation, RequiredField, SbomFormat
from revet.verify.error import SignatureError
from revet.verify.strict import read_json

SPDX: Final = "https://spdx.dev/Document"
CYCLONEDX: Final = "https://cyclonedx.org/bom"
#: cosign's own type, which wraps what was given it as a text.
WRAPPED: Final = "https://cosign.sigstore.dev/attestation/v1"
_ABSENT: Final = object()


def is_sbom(predicate_type: str, wanted: SbomFormat | None) -> bool:
    """Return whether a type is that of a bill of materials in the wanted format."""
    spdx, cyclonedx = (is_below(predicate_type, each) for each in (SPDX, CYCLONEDX))
    return (spdx and wanted is not SbomFormat.CYCLONEDX) or (
        cyclonedx and wanted is not SbomFormat.SPDX
    )


def find_sbom_fault(predicate_type: str, predicate: object) -> str:
    """Say why it is no bill of materials; empty if it is."""
    if is_below(predicate_type, CYCLONEDX):
        found = predicate.get("bomFormat") if isinstance(predicate, dict) else None
        return "" if found == "CycloneDX" else "is no CycloneDX document"
    if isinstance(predicate, str):
        return "" if predicate.lstrip().startswith("SPDXVersion:") else "is no SPDX document"
    document = predicate if isinstance(predicate, dict) else {}
    version = document.get("spdxVersion")
    is_2 = isinstance(version, str) and version.startswith("SPDX-")
    return (
        "" if is_2 or ("@context" in document and "@graph" in document) else "is no SPDX document"
    )


def find_custom_fault(predicate_type: str, predicate: object, want: Attestation) -> str:
    """Say which required field is not as it must be; empty if all are."""
    try:
        document = _unwrap(predicate) if predicate_type == WRAPPED else predicate
    except SignatureError as error:
        return str(error)
    for field in want.required or ():
        found = _find(document, field)
        if not _is_equal(found, field.equals):
            shown = "nothing" if found is _ABSENT else repr(found)
            return f"has {shown[:128]} at {field.path}, must have {field.equals!r}"
    return ""


def _unwrap(predicate: object) -> Any:  # noqa: ANN401 -- whatever was signed
    text = predicate.get("Data") if isinstance(predicate, dict) else None
    if not isinstance(text, str):
        raise SignatureError("has no text in Data")
    return read_json(text.encode(), "Data")


def _find(document: object, field: RequiredField) -> object:
    found = document
    for each in field.path.split("."):
        if not isinstance(found, dict) or each not in found:
            return _ABSENT
        found = found[each]
    return found


def _is_equal(found: object, wanted: object) -> bool:
    # To Python True is 1; to whoever wrote the policy it is not.
    return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)


def is_below(predicate_type: str, prefix: str) -> bool:
    """Return whether a type is of a family."""
    return predicate_type == prefix or predicate_type.startswith(f"{prefix}/")
