"""Versions of the standards are read as policies spell them, and ordered as numbers."""

import pytest

from revet.core.errors import PolicyError
from revet.core.model.version import LATEST, KubeVersion


@pytest.mark.parametrize(
    ("text", "version"),
    [("latest", LATEST), ("v1.0", KubeVersion(1, 0)), ("v1.36", KubeVersion(1, 36))],
)
def test_a_version_is_read(text: str, version: KubeVersion) -> None:
    assert KubeVersion.parse(text) == version
    assert text in {"latest", str(version)}


@pytest.mark.parametrize(
    "text", ["", "1.30", "v1", "v1.", "v1.37", "v2.0", "v1.-1", "v1.٣", "V1.3"]
)
def test_another_text_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(PolicyError) as error:
        KubeVersion.parse(text)
    assert str(error.value) == f"{text!r} is not a version, must be latest or v1.0 to v1.36"


def test_versions_are_ordered_as_numbers() -> None:
    assert KubeVersion.parse("v1.9") < KubeVersion.parse("v1.10") < LATEST
