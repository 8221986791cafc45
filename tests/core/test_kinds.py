"""The table of kinds, and who reads by it."""

import pytest

from revet.core.admission import is_judged, read_object
from revet.core.errors import ManifestError
from revet.core.item import is_item, read_item
from revet.core.kinds import KINDS


def test_the_reader_and_the_entries_know_the_same_kinds() -> None:
    for kind in KINDS:
        assert is_judged(kind.group, kind.name)
        assert is_item(kind.group, kind.name) is not kind.holds_pod
        assert read_object(kind.group, kind.name, b"{}").kind == kind.name
    for group, name in (("", "ConfigMap"), ("apps", "Service"), ("", "Role"), ("extensions", "")):
        assert not is_judged(group, name)
        with pytest.raises(ManifestError, match=f"{group or 'core'}/{name}"):
            read_item(group, name, b"{}")


def test_absurd_nesting_is_refused() -> None:
    deep = b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(ManifestError, match=r"^Secret: "):
        read_item("", "Secret", deep)
