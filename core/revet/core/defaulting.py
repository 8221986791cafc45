"""What the API server fills in before a webhook sees a pod, as far as a check can tell.

Apart, because only those need it who read manifests that no API server has seen. The source:
k8s.io/kubernetes, pkg/apis/core/v1/defaults.go.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from revet.core.check import Json
from revet.core.model.volume import Volume
from revet.core.pointer import split

_SOURCES: Final = frozenset(
    field.encode_name for field in msgspec.structs.fields(Volume) if field.name != "name"
)
# Ephemeral containers can't have ports.
_WITH_PORTS: Final = ("containers", "initContainers")


def set_defaults(document: Json, prefix: str = "") -> None:
    """Complete the pod at `prefix` of `document`, in place; without a prefix it is a Pod itself.

    It works on the document, not on what is decoded from it, because patches are tried there too.
    What has not the shape of a pod is left to the decoder, which says where it is wrong.
    """
    spec = _child(document, [*split(prefix), "spec"])
    for volume in _items(spec, "volumes"):
        # SetDefaults_Volume. A source of an unknown type is dropped there, and so is none.
        if all(volume.get(source) is None for source in _SOURCES):
            volume["emptyDir"] = {}
    # SetDefaults_Pod: a template gets its host ports when a Pod is made of it.
    if not prefix and isinstance(spec, dict) and spec.get("hostNetwork") is True:
        for name in _WITH_PORTS:
            for container in _items(spec, name):
                _set_host_ports(container)


def _set_host_ports(container: dict[str, Json]) -> None:
    for port in _items(container, "ports"):
        if not port.get("hostPort"):
            port["hostPort"] = port.get("containerPort")


def _child(document: Json, tokens: list[str]) -> Json:
    for token in tokens:
        document = document.get(token) if isinstance(document, dict) else None
    return document


def _items(parent: Json, name: str) -> Iterator[dict[str, Json]]:
    items = parent.get(name) if isinstance(parent, dict) else None
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            yield item
