"""SLSA provenance: who built the image, from what source, in which way.

https://slsa.dev/spec/v1.0/provenance and https://slsa.dev/spec/v0.2/provenance
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from revet.core.glob import matches
from revet.core.model.policy_images import Attestation

V1: Final = "https://slsa.dev/provenance/v1"
V0_2: Final = "https://slsa.dev/provenance/v0.2"
TYPES: Final = (V1, V0_2)
#: Where builders put the source among the parameters that the build was called with.
_SOURCES: Final = (
    ("workflow", "repository"),
    ("source", "uri"),
    ("source",),
    ("sourceToBuild", "repository"),
    ("buildConfigSource", "repository"),
    ("configSource", "uri"),
)


class _Provenance(NamedTuple):
    builder: object
    build_type: object
    sources: tuple[str, ...]


def find_fault(predicate_type: str, predicate: object, want: Attestation) -> str:
    """Say why the provenance is not what is wanted; empty if it is."""
    read = _read_1 if predicate_type == V1 else _read_0_2
    found = read(predicate)
    if found.builder not in (want.builder_ids or ()):
        return f"built by {found.builder!r}, must be {_join(want.builder_ids)}"
    if want.build_types and found.build_type not in want.build_types:
        return f"of build type {found.build_type!r}, must be {_join(want.build_types)}"
    if want.sources:
        if not found.sources:
            return "names no source"
        for each in found.sources:
            if not any(matches(glob, form) for glob in want.sources for form in _forms(each)):
                return f"built from {each!r}, must be {_join(want.sources)}"
    return ""


def _read_1(predicate: object) -> _Provenance:
    definition = _get(predicate, "buildDefinition")
    parameters = _get(definition, "externalParameters")
    named = (_get(parameters, *path) for path in _SOURCES)
    # What a build was called with is the caller's: all that it names must be allowed.
    sources = tuple(each for each in named if isinstance(each, str))
    builder = _get(predicate, "runDetails", "builder", "id")
    return _Provenance(builder, _get(definition, "buildType"), sources)


def _read_0_2(predicate: object) -> _Provenance:
    source = _get(predicate, "invocation", "configSource", "uri")
    sources = (source,) if isinstance(source, str) else ()
    return _Provenance(_get(predicate, "builder", "id"), _get(predicate, "buildType"), sources)


def _forms(source: str) -> Iterator[str]:
    """Yield a source as it stands, and without git's scheme and the revision."""
    yield source
    bare = source.removeprefix("git+")
    yield bare
    head, at, revision = bare.rpartition("@")
    if at and "/" in head and "://" not in revision:
        yield head


def _get(value: object, *path: str) -> Any:  # noqa: ANN401 -- whatever stands there
    for each in path:
        value = value.get(each) if isinstance(value, dict) else None
    return value


def _join(allowed: tuple[str, ...] | None) -> str:
    return " or ".join(allowed or ())
