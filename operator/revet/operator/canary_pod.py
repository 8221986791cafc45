"""The program `revet-canary`, which runs in the canary's pods: serves, connects and compares.

By the standard library alone, so that it starts at once and needs little memory.
"""

import argparse
import selectors
import socket
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from typing import Final

from revet.core.canary_exit import Exit

_CONNECT_S: Final = 2.0
_ROUND_S: Final = 1.0
#: So often the same, one after the other: a packet may get lost, and a NetworkPolicy comes late.
_IN_A_ROW: Final = 3


def serve(ports: Sequence[int]) -> Generator[None]:
    """Take connections on these ports and end them, one at each turn, for ever."""
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for port in ports:
            made = socket.create_server(("", port), family=family, dualstack_ipv6=dual)
            selector.register(stack.enter_context(made), selectors.EVENT_READ, made)
        yield
        while True:
            for key, _ in selector.select():
                connection, _ = key.data.accept()
                connection.close()
            yield


def connects(host: str, port: int) -> bool:
    """Tell whether a connection is made; one that is refused is none, whoever has refused it."""
    try:
        socket.create_connection((host, port), _CONNECT_S).close()
    except OSError:
        return False
    return True


def reach(host: str, port: int, within_s: float) -> Exit:
    """Connect until it succeeds."""
    for _ in _rounds(within_s):
        if connects(host, port):
            return Exit.SHOWN
    return Exit.UNCLEAR


def compare(host: str, allowed: int, denied: int, within_s: float) -> Exit:
    """Connect to both ports until the denied one is dropped beside the allowed one."""
    dropped = through = 0
    for _ in _rounds(within_s):
        is_made = connects(host, denied)
        is_there = connects(host, allowed)
        dropped = dropped + 1 if is_there and not is_made else 0
        through = through + 1 if is_there and is_made else 0
        if dropped >= _IN_A_ROW:
            return Exit.SHOWN
    return Exit.THROUGH if through >= _IN_A_ROW else Exit.UNCLEAR


def _rounds(within_s: float) -> Iterator[None]:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        began = time.monotonic()
        yield
        time.sleep(max(0.0, began + _ROUND_S - time.monotonic()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="revet-canary", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve")
    serving.add_argument("ports", type=int, nargs="+")
    for name, ports in (("reach", ("port",)), ("compare", ("allowed", "denied"))):
        command = commands.add_parser(name)
        command.add_argument("host")
        for port in ports:
            command.add_argument(port, type=int)
        command.add_argument("--within", type=float, required=True)
    given = parser.parse_args(arguments)
    match given.command:
        case "serve":
            for _ in serve(given.ports):
                pass
        case "reach":
            sys.exit(reach(given.host, given.port, given.within))
        case _:
            sys.exit(compare(given.host, given.allowed, given.denied, given.within))


if __name__ == "__main__":
    main()
