"""The objects of a cluster, a page at a time, as documents that stand in no text.

Drives the API's client from code that does not await: judging is work, and nothing else waits.
"""

import asyncio
from array import array
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Final

import msgspec

from revet.adapters.kube import Collection, Kube, connect
from revet.adapters.objects import Objects
from revet.cli.load.document import Document, Source
from revet.cli.load.places import Tree
from revet.core.kinds import TOKEN_SECRET, Kind
from revet.core.model.meta import Manifest
from revet.core.model.policy import KIND

CLUSTER_NAME: Final = "<cluster>"
_SOURCE: Final = Source(CLUSTER_NAME, "cluster")
_SECRET: Final = "Secret"  # noqa: S105 -- a kind
_NO_PLACES: Final = array("q")


class Cluster:
    """A cluster as its reader sees it. Make it with `open_cluster`."""

    def __init__(self, runner: asyncio.Runner, kube: Kube) -> None:
        self._runner = runner
        self._kube = kube

    def pages(self, kind: Kind, namespace: str = "") -> Iterator[list[bytes]]:
        """Yield the JSON of all objects of a kind, of one namespace if named, page by page.

        Raises:
            KubeError: no answer, or a refusal.

        """
        pages = self._kube.pages(_collection(kind, namespace))
        while (page := self._runner.run(_next(pages))) is not None:
            yield list(page)

    def documents(self, kind: Kind, namespace: str = "") -> Iterator[Document]:
        """Yield all objects of a kind, of one namespace if named; no more than a page is held.

        Raises:
            KubeError: no answer, or a refusal.

        """
        for page in self.pages(kind, namespace):
            for data in page:
                yield _document(kind, msgspec.json.decode(data))

    def namespace(self, name: str) -> Manifest | None:
        """Return a Namespace, None if there is none.

        Raises:
            KubeError: no answer, or a refusal.

        """
        return self._runner.run(Objects(self._kube).get("Namespace", name))

    def policies(self) -> list[Document]:
        """Return the HardeningPolicies.

        Raises:
            KubeError: no answer, or a refusal.

        """
        found = self._runner.run(Objects(self._kube).list(KIND))
        return [make_document(each) for each in found]


@contextmanager
def open_cluster(kubeconfig: str) -> Iterator[Cluster]:
    """Connect to the cluster that a kubeconfig file names.

    Raises:
        KubeError: the file can't be read.

    """
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        kube = runner.run(stack.enter_async_context(connect(kubeconfig)))
        try:
            yield Cluster(runner, kube)
        finally:
            runner.run(stack.aclose())


def make_document(value: Manifest) -> Document:
    """Return an object of the cluster as a document."""
    tree = Tree(value, _NO_PLACES)
    return Document(_SOURCE, 0, "", value, tree, tree)


def _document(kind: Kind, value: Manifest) -> Document:
    # Items of a list of built-in kinds do not say what they are.
    said = {"apiVersion": kind.api_version, "kind": kind.name}
    if kind.name == _SECRET:
        said["type"] = TOKEN_SECRET
    return make_document({**value, **said})


def _collection(kind: Kind, namespace: str) -> Collection:
    path = kind.path_in(namespace)
    if kind.name == _SECRET:
        # Of Secrets the type alone is judged. Nobody needs to be sent what they hold.
        return Collection(path, metadata_only=True, fields=f"type={TOKEN_SECRET}")
    return Collection(path)


async def _next(
    pages: AsyncIterator[tuple[Sequence[bytes], str]],
) -> Sequence[bytes] | None:
    async for page, _ in pages:
        return page
    return None
