"""A steady load on the API server: threads that create good pods as dry runs, and keep score."""

import http.client
import threading
from types import TracebackType
from typing import Self

from e2e.api import Api, wait_for
from e2e.cluster.controlplane import ControlPlane
from tests.support.manifests import good_pod


class Load:
    """Four clients in one namespace; a context manager that stops them."""

    def __init__(self, plane: ControlPlane, namespace: str, clients: int = 4) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self._namespace = namespace
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._apis = [Api(plane) for _ in range(clients)]
        self._threads = [threading.Thread(target=self._run, args=(api,)) for api in self._apis]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        for api in self._apis:
            api.close()

    def wait_for_more(self, count: int) -> None:
        """Return when that many more have been answered."""
        enough = self.answered + count
        wait_for(lambda: self.answered >= enough or self.failures, f"{count} more answers")

    def _run(self, api: Api) -> None:
        while not self._ended.is_set():
            try:
                answer = api.create(good_pod("load"), self._namespace, dry_run=True)
                problem = "" if answer.is_success else answer.message
            except (OSError, http.client.HTTPException) as error:
                problem = repr(error)
            with self._lock:
                self.answered += 1
                self.failures += [problem] if problem else []
