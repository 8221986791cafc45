"""Helm charts and kustomizations to text, by their own programs; apart, since it runs processes."""

import os
import re
import shutil
import signal
import subprocess
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from revet.cli.load.document import InputProblem, Loaded, Skipped, Source
from revet.cli.load.inputs import Chart, Kustomization
from revet.cli.load.objects import read_objects

_TEMPLATE: Final = re.compile(rb"^# Source: [^/\s]+/(\S+)", re.MULTILINE)
_LONGEST_RELEASE: Final = 53
_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Renderers:
    """The programs that render, as the beginnings of their command lines; None: there is none."""

    helm: tuple[str, ...] | None = None
    kustomize: tuple[str, ...] | None = None
    values: tuple[str, ...] = ()
    """Values files for all charts, as helm's --values takes them."""
    timeout_s: float = _TIMEOUT_S


def find_renderers(values: Sequence[str] = (), helm: str | None = None) -> Renderers:
    """Find helm (or take the one that is named), and kustomize or else kubectl, on PATH."""
    found = helm or shutil.which("helm")
    kustomize, kubectl = shutil.which("kustomize"), shutil.which("kubectl")
    return Renderers(
        helm=(found, "template") if found else None,
        kustomize=_build_with(kustomize, kubectl),
        values=tuple(values),
    )


def _build_with(kustomize: str | None, kubectl: str | None) -> tuple[str, ...] | None:
    if kustomize:
        return (kustomize, "build")
    return (kubectl, "kustomize") if kubectl else None


class _RenderingError(Exception):
    """A program did not render; the text is its own words."""


def render_chart(chart: Chart, renderers: Renderers) -> Iterator[Loaded]:
    """Read what a chart renders to; documents are named after their templates."""
    if renderers.helm is None:
        yield Skipped(chart.name, "a Helm chart, and there is no helm on PATH")
        return
    release = re.sub(r"[^a-z0-9]+", "-", chart.path.resolve().name.lower()).strip("-")
    values = [f"--values={each}" for each in renderers.values]
    # `./` so that no folder's name is taken for a flag or for a repository's chart.
    folder = os.path.join(os.curdir, chart.path)  # noqa: PTH118 -- Path would leave the ./ out
    name = release[:_LONGEST_RELEASE].rstrip("-") or "release"
    argv = [*renderers.helm, name, folder, "--include-crds", *values]
    try:
        data = _run(argv, renderers.timeout_s)
    except _RenderingError as error:
        if "library charts are not installable" in str(error):
            yield Skipped(chart.name, "a library chart: by itself it renders nothing")
        else:
            yield InputProblem(chart.name, None, f"helm does not render it: {error}")
        return
    yield from read_objects(data, _find_templates(data, chart))


def render_kustomization(kustomization: Kustomization, renderers: Renderers) -> Iterator[Loaded]:
    """Read what a kustomization renders to."""
    name = kustomization.name
    if renderers.kustomize is None:
        reason = "a kustomization, and there is no kustomize and no kubectl on PATH"
        yield Skipped(name, f"{reason}: the files that it refers to are not checked either")
        return
    folder = os.path.join(os.curdir, kustomization.path)  # noqa: PTH118 -- as for charts
    try:
        data = _run([*renderers.kustomize, folder], renderers.timeout_s)
    except _RenderingError as error:
        yield InputProblem(name, None, f"kustomize does not render it: {error}")
        return
    source = Source(name, "kustomize")
    yield from read_objects(data, lambda _line: source)


def _find_templates(data: bytes, chart: Chart) -> Callable[[int], Source]:
    """Return what names the template of each line, by the comments that helm writes."""
    lines: list[int] = []
    sources = [Source(chart.name, "helm")]
    start = line = 0
    for found in _TEMPLATE.finditer(data):
        line += data.count(b"\n", start, found.start())
        start = found.start()
        lines.append(line + 1)
        template = Path(chart.name) / found[1].decode(errors="replace")
        sources.append(Source(str(template), "helm"))
    return lambda line: sources[bisect_right(lines, line)]


def _run(argv: Sequence[str], timeout_s: float) -> bytes:
    """Return what a program prints.

    Raises:
        _RenderingError: it cannot be run, fails, or takes too long.

    """
    try:
        process = subprocess.Popen(  # noqa: S603 -- no shell, and the program is the person's own
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise _RenderingError(f"{argv[0]}: {error.strerror}") from error
    with process:
        try:
            output, errors = process.communicate(timeout=timeout_s)
        except BaseException as error:
            # All that it has started, too: they would hold our end of the pipes open.
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise _RenderingError(f"it took longer than {timeout_s:g} s") from error
            raise
    if process.returncode:
        said = " ".join(errors.decode(errors="replace").split())
        raise _RenderingError(said or f"{argv[0]} ended with {process.returncode}")
    return output
