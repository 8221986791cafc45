"""A controller of a cloud that keeps its own edit in our webhook configuration, in a thread.

Such as the admission enforcer of AKS: https://learn.microsoft.com/en-us/azure/aks/faq
"""

import threading
import time
from collections.abc import Callable
from copy import deepcopy
from types import TracebackType
from typing import Any, Final, Self

from e2e.api import Api
from e2e.cluster.controlplane import ControlPlane

ENTRIES: Final = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/revet"
_LOOK_AGAIN_S: Final = 0.02

#: Edits an entry in place; an entry that has the edit already stays as it is.
Edit = Callable[[dict[str, Any]], None]


def add_term(key: str) -> Edit:
    """Return the edit that excludes the namespaces with a label, as clouds do with their own."""
    term = {"key": key, "operator": "DoesNotExist"}

    def edit(entry: dict[str, Any]) -> None:
        terms = entry.setdefault("namespaceSelector", {}).setdefault("matchExpressions", [])
        if term not in terms:
            terms.append(term)

    return edit


def set_timeout(seconds: int) -> Edit:
    """Return the edit of how long the API server waits for us."""

    def edit(entry: dict[str, Any]) -> None:
        entry["timeoutSeconds"] = seconds

    return edit


class Rewriter:
    """Makes an edit in every entry whenever it is not there; a context manager.

    `writes` are the times (monotonic seconds) at which it has made it.
    """

    def __init__(self, plane: ControlPlane, manager: str, edit: Edit) -> None:
        self.writes: list[float] = []
        self._api = Api(plane)
        self._path = f"{ENTRIES}?fieldManager={manager}"
        self._edit = edit
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._api.close()

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_AGAIN_S):
            self._rewrite()

    def _rewrite(self) -> None:
        found = self._api.send("GET", ENTRIES)
        if not found.is_success:
            return
        edited = deepcopy(found.body)
        for entry in edited["webhooks"]:
            self._edit(entry)
        # After a conflict it looks again.
        if edited != found.body and self._api.send("PUT", self._path, edited).is_success:
            self.writes.append(time.monotonic())
