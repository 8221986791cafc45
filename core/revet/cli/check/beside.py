"""What the input shows beside its objects: a part of a cluster, so what is not there is unknown."""

from collections.abc import Iterable

import msgspec

from revet.cli.check.complaint import ENCODING_ERRORS
from revet.cli.load import Document
from revet.core.errors import ManifestError
from revet.core.neighbours import NEIGHBOURS, Neighbours, read_neighbour


def gather(documents: Iterable[Document], namespace: str | None) -> Neighbours:
    """Return what controls may ask for; `namespace` is where an object is that names none."""
    neighbours = Neighbours(lambda _: False, is_cluster=False)
    for document in documents:
        kind = str(document.value["kind"])
        group = str(document.value["apiVersion"]).rpartition("/")[0]
        if kind in NEIGHBOURS and NEIGHBOURS[kind].group == group:
            _put(neighbours, kind, document, namespace)
    return neighbours


def _put(neighbours: Neighbours, kind: str, document: Document, namespace: str | None) -> None:
    try:
        item = read_neighbour(kind, msgspec.json.encode(document.value))
    except (ManifestError, *ENCODING_ERRORS):
        # Whatever needs it says so; of what is judged itself, the judge complains.
        return
    if namespace and NEIGHBOURS[kind].is_namespaced and not item.metadata.namespace:
        item = item.put_in(namespace)
    neighbours.put(item)
