"""Listens in another network namespace: what connects there is answered by this process, here."""

import ctypes
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

_NETWORK: Final = 0x40000000  # CLONE_NEWNET


def listen_in(pid: int, port: int) -> socket.socket:
    """Listen on loopback in the network namespace of a process.

    A thread that ends goes there for it: a socket stays where it was made.
    """
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(_listen, pid, port).result()


def _listen(pid: int, port: int) -> socket.socket:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open("rb") as namespace:
        if libc.setns(namespace.fileno(), _NETWORK):
            code = ctypes.get_errno()
            raise OSError(code, f"setns: {os.strerror(code)}")
    return socket.create_server(("127.0.0.1", port))
