"""One input after another to its objects; apart from finding them, which comes first."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from revet.cli.load.document import InputProblem, Loaded, Skipped, Source
from revet.cli.load.inputs import Chart, File, Found, Kustomization
from revet.cli.load.objects import read_objects
from revet.cli.load.rendering import Renderers, render_chart, render_kustomization
from revet.cli.load.text import MAX_BYTES
from revet.core.errors import describe


def load(inputs: Iterable[Found], renderers: Renderers, stdin: BinaryIO) -> Iterator[Loaded]:
    """Read all inputs in their order."""
    for each in inputs:
        yield from read_input(each, renderers, stdin)


def read_input(
    found: Found, renderers: Renderers, stdin: BinaryIO | None = None
) -> Iterator[Loaded]:
    """Read one input; what is no input is told as it is. `stdin` is for a File without a path.

    Whatever goes wrong in it is told of it, and ends nothing else.
    """
    try:
        yield from _read(found, renderers, stdin)
    except Exception as error:  # noqa: BLE001 -- a mistake of ours must not hide the other files
        name = found.file if isinstance(found, InputProblem | Skipped) else found.name
        yield InputProblem(name, None, f"cannot be read: {describe(error)}")


def _read(found: Found, renderers: Renderers, stdin: BinaryIO | None) -> Iterator[Loaded]:
    match found:
        case InputProblem() | Skipped():
            yield found
        case Chart():
            yield from render_chart(found, renderers)
        case Kustomization():
            yield from render_kustomization(found, renderers)
        case File():
            yield from _read_file(found, stdin)


def _read_file(file: File, stdin: BinaryIO | None) -> Iterator[Loaded]:
    try:
        data = _read_bytes(file, stdin)
    except OSError as error:
        yield InputProblem(file.name, None, f"cannot be read: {error.strerror or error}")
        return
    source = Source(file.name, "file")
    yield from read_objects(data, lambda _line: source)


def _read_bytes(file: File, stdin: BinaryIO | None) -> bytes:
    """Read one byte more than is taken, and no more: what is too large is refused by that."""
    if file.path is not None:
        with file.path.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    if stdin is None:
        raise OSError("there is no stdin")
    return stdin.read(MAX_BYTES + 1)
