"""How a process of ours begins and ends, as each of them has it."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Protocol

import typer
from prometheus_client import disable_created_metrics

from revet.adapters.address import SettingsError
from revet.adapters.clock import Timestamps
from revet.adapters.kube import Kube, KubeError, connect
from revet.adapters.log import LibraryHandler, Log

_BAD_INPUT: Final = 2
_LOG_EVERY_S: Final = 0.005  # so that under load one write carries many lines


class Serving(Protocol):
    """The rooms of a process, wired together."""

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set."""
        ...


def start(serve: Callable[..., Any]) -> None:
    """Run a process by its command line."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(serve)
    app()


@contextmanager
def telling(program: str) -> Iterator[None]:
    """End with 2, and a line on standard error, for what settings or the surroundings lack."""
    try:
        yield
    except (SettingsError, KubeError, OSError) as error:
        typer.echo(f"{program}: {error}", err=True)
        raise typer.Exit(_BAD_INPUT) from error


def open_log() -> Log:
    """Log to standard output, on the running event loop."""
    loop = asyncio.get_running_loop()
    return Log(sys.stdout.buffer, Timestamps(), partial(loop.call_later, _LOG_EVERY_S))


async def run_until_asked(kubeconfig: str | None, make: Callable[[Kube, Log], Serving]) -> None:
    """Have what `make` gives serve until SIGTERM or SIGINT."""
    log = open_log()
    # They would double every counter's series, and nobody reads them.
    disable_created_metrics()  # type: ignore[no-untyped-call] # not typed upstream
    logging.getLogger().addHandler(LibraryHandler(log, asyncio.get_running_loop()))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with connect(kubeconfig) as kube:
        made = make(kube, log)
        # What stands now stands for good: the collector need not look through it again.
        gc.collect()
        gc.freeze()
        await made.serve(stop)
    log.write("stopped")
    log.flush()
