"""A Secret as files, kept as the cluster has it: what a kubelet does for a pod that mounts it."""

import base64
import http.client
import json
import os
import shutil
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlencode

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import ClusterError

_AGAIN_S: Final = 0.2  # after a watch that has ended or broken
_POLL_S: Final = 0.05
_SILENCE_S: Final = 60


class SecretMount:
    """The Secret's keys as files in `folder`, which are replaced all at once."""

    def __init__(self, plane: ControlPlane, namespace: str, name: str) -> None:
        self.name = name
        self.folder = plane.folder / "mounts" / name
        self._plane = plane
        self._namespace = namespace
        self._data: Mapping[str, str] | None = None
        self._stopping = threading.Event()
        self._connection: http.client.HTTPSConnection | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to follow the Secret; there need not be one yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stopping.clear()
        self._data = None
        self._thread = threading.Thread(target=self._follow, name=f"mount-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Follow it no longer; the files stay."""
        self._stopping.set()
        sock = getattr(self._connection, "sock", None)
        if sock is not None:
            with suppress(OSError):  # it has ended by itself
                sock.shutdown(socket.SHUT_RDWR)  # else the read would end in a minute
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def wait(self, timeout_s: float = 60) -> None:
        """Wait until there is a Secret, and its files are here."""
        deadline = time.monotonic() + timeout_s
        while self._data is None:
            if time.monotonic() > deadline:
                raise ClusterError(f"there is no Secret {self.name} after {timeout_s:.0f} s")
            time.sleep(_POLL_S)

    def _follow(self) -> None:
        while not self._stopping.is_set():
            # The API server is away, or was: a kubelet tries again too.
            with suppress(OSError, http.client.HTTPException, ValueError):
                self._watch()
            self._stopping.wait(_AGAIN_S)

    def _watch(self) -> None:
        query = {
            "watch": "1",
            "fieldSelector": f"metadata.name={self.name}",
            "timeoutSeconds": str(_SILENCE_S - 10),
        }
        connection = self._connection = http.client.HTTPSConnection(
            "127.0.0.1", self._plane.port, timeout=_SILENCE_S, context=self._tls()
        )
        try:
            path = f"/api/v1/namespaces/{self._namespace}/secrets?{urlencode(query)}"
            connection.request("GET", path)
            response = connection.getresponse()
            while not self._stopping.is_set() and (line := response.readline()):
                self._take(json.loads(line))
        finally:
            self._connection = None
            connection.close()

    def _tls(self) -> ssl.SSLContext:
        pki = self._plane.pki
        tls = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        tls.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        return tls

    def _take(self, event: Mapping[str, Any]) -> None:
        # What is mounted stays when the Secret is deleted.
        if event["type"] in {"ADDED", "MODIFIED"} and event["object"].get("data") != self._data:
            data: Mapping[str, str] = event["object"].get("data") or {}
            self._write(data)
            self._data = data

    def _write(self, data: Mapping[str, str]) -> None:
        """Write a new folder, and point to it with one rename, as a kubelet's atomic writer."""
        current = self.folder / "..data"
        old = current.resolve() if current.is_symlink() else None
        new = tempfile.mkdtemp(prefix="..", dir=self.folder)
        for key, text in data.items():
            (self.folder / new / key).write_bytes(base64.b64decode(text))
            link = self.folder / key
            if not link.is_symlink():
                link.symlink_to(f"..data/{key}")
        pointer = self.folder / "..data_tmp"
        pointer.symlink_to(os.path.basename(new))  # noqa: PTH119 -- relative, as a kubelet's
        pointer.replace(current)
        if old is not None:
            shutil.rmtree(old)
