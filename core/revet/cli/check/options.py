"""The options of `revet check`, each with its help; apart, since the command has many.

Imports nothing but typer: completion and help need no more.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

if TYPE_CHECKING:
    from revet.core.model.selector import Labels

_OF_FILES: Final = ("values", "namespace_labels", "fix", "diff")
_OF_CLUSTERS: Final = ("kubeconfig",)
_NAMESPACE: Final = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"


class FailOn(StrEnum):
    """From which mode on a finding makes `revet check` fail."""

    AUDIT = "audit"
    WARN = "warn"
    ENFORCE = "enforce"


class Format(StrEnum):
    """The forms of a report: for people, for programs, for code hosts, for test readers."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"


Paths: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH...",
        help="Files, folders, charts, or - for standard input.",
        show_default=False,
    ),
]
Cluster: TypeAlias = Annotated[
    bool, typer.Option("--cluster", help="Judge what stands in a cluster, and no files.")
]
Kubeconfig: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Default: KUBECONFIG, or ~/.kube/config.", envvar="KUBECONFIG"),
]
PolicyFiles: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "-p",
        "--policy",
        help="A file of policies, or baseline, restricted or high; may be given several times."
        " Default: the policies of the input or the cluster, or else restricted.",
    ),
]
Values: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="A values file for Helm charts; may be given several times."),
]
DefaultNamespace: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "-n",
        "--namespace",
        help="Where objects are that name none; without it: default."
        " With --cluster: look at this one only.",
    ),
]
NamespaceLabels: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="KEY=VALUE,...", help="The labels of the namespaces that are not among the input."
    ),
]
FailOnMode: TypeAlias = Annotated[
    FailOn, typer.Option(help="The mildest mode of a control that makes it end with 1.")
]
Output: TypeAlias = Annotated[
    Format, typer.Option("-o", "--output", help="The form of the report.")
]
OutputFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(dir_okay=False, help="Write the report there; its last line is still said."),
]
Fix: TypeAlias = Annotated[
    bool, typer.Option("--fix", help="Write what the policies would patch into the files.")
]
Diff: TypeAlias = Annotated[
    bool,
    typer.Option("--diff", help="Print what --fix would change in the files, not the report."),
]


def refuse_contradictions(
    context: typer.Context,
    paths: Sequence[str],
    output: Format,
    output_file: Path | None,
    *,
    fix: bool,
    diff: bool,
) -> None:
    """Refuse options that can't go together, and what can't be meant."""
    _refuse_mixture(context, paths)
    _refuse_nonsense(context.params["values"] or (), context.params["namespace"])
    if fix and "-" in paths:
        raise typer.BadParameter("standard input can't be written: use --diff", param_hint="--fix")
    if diff and (output is not Format.TEXT or output_file is not None):
        message = "prints no report: it goes with neither --output nor --output-file"
        raise typer.BadParameter(message, param_hint="--diff")


def _refuse_mixture(context: typer.Context, paths: Sequence[str]) -> None:
    """Refuse what is about files beside `--cluster`, and the other way round."""
    is_cluster = context.params["cluster"]
    if is_cluster == bool(paths):
        message = "name files or folders, or a cluster by --cluster: one of them"
        raise typer.BadParameter(message, param_hint="PATH...")
    for name in _OF_FILES if is_cluster else _OF_CLUSTERS:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            kind = "files" if is_cluster else "a cluster"
            hint = f"--{name.replace('_', '-')}"
            raise typer.BadParameter(f"is for {kind} only", param_hint=hint)


def _refuse_nonsense(values: Sequence[str], namespace: str | None) -> None:
    """Refuse what can't be meant, also where nothing would use it."""
    for each in values:
        # Helm takes addresses as well.
        if "://" not in each and not Path(each).is_file():
            raise typer.BadParameter(f"{each}: no such file", param_hint="--values")
    if namespace is not None and not re.fullmatch(_NAMESPACE, namespace):
        message = f"{namespace!r} is no name of a Namespace: must be lower-case letters, digits and"
        raise typer.BadParameter(f"{message} dashes, 63 at most", param_hint="--namespace")


def read_labels(text: str | None) -> "Labels | None":
    """Read the labels of a command line, as the value of an option."""
    from revet.cli.check.manifests import LabelsError, parse_labels  # noqa: PLC0415 -- slow

    try:
        return parse_labels(text)
    except LabelsError as error:
        raise typer.BadParameter(str(error)) from error


def find_kubeconfig(given: str | None) -> str:
    """Return the file that names the cluster."""
    return given or str(Path.home() / ".kube" / "config")
