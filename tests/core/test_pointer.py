"""JSON pointers are written, split and shown so that nothing is lost."""

import pytest

from revet.core.pointer import field_path, join, split


@pytest.mark.parametrize(
    ("pointer", "tokens"),
    [
        ("", []),
        ("/", [""]),
        ("/spec/containers/0", ["spec", "containers", "0"]),
        ("/metadata/annotations/example.com~1a~0b", ["metadata", "annotations", "example.com/a~b"]),
        # ~01 is ~1 and no slash (RFC 6901, section 4)
        ("/~01", ["~1"]),
    ],
)
def test_a_pointer_is_its_tokens(pointer: str, tokens: list[str]) -> None:
    assert split(pointer) == tokens
    assert join(*tokens) == pointer


@pytest.mark.parametrize(
    ("pointer", "path"),
    [
        ("", ""),
        ("/spec", "spec"),
        ("/spec/hostPID", "spec.hostPID"),
        ("/spec/containers/0/ports/12/hostPort", "spec.containers[0].ports[12].hostPort"),
        ("/metadata/annotations/example.com~1a", "metadata.annotations[example.com/a]"),
        ("/metadata/labels/app", "metadata.labels[app]"),
    ],
)
def test_a_path_is_written_as_kubernetes_does(pointer: str, path: str) -> None:
    assert field_path(pointer) == path
