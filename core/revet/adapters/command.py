"""How a process of ours ends that can't begin, as each of them has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer

from revet.adapters.address import SettingsError
from revet.adapters.kube import KubeError

_BAD_INPUT: Final = 2


@contextmanager
def telling(program: str) -> Iterator[None]:
    """End with 2, and a line on standard error, for what settings or the surroundings lack."""
    try:
        yield
    except (SettingsError, KubeError, OSError) as error:
        typer.echo(f"{program}: {error}", err=True)
        raise typer.Exit(_BAD_INPUT) from error
