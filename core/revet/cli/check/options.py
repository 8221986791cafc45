"""The options of `revet check`, each with its help; apart, since the command has many.

Imports nothing but typer: completion and help need no more.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer


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
    list[str],
    typer.Argument(metavar="PATH...", help="Files, folders, charts, or - for standard input."),
]
PolicyFiles: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "-p",
        "--policy",
        help="A file of policies, or baseline, restricted or high; may be given several times."
        " Default: the policies among the input, or else restricted.",
    ),
]
Values: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="A values file for Helm charts; may be given several times."),
]
DefaultNamespace: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "-n", "--namespace", help="Where objects are that name none; without it: default."
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
    paths: list[str], output: Format, output_file: Path | None, *, fix: bool, diff: bool
) -> None:
    """Refuse options that can't go together."""
    if fix and "-" in paths:
        raise typer.BadParameter("standard input can't be written: use --diff", param_hint="--fix")
    if diff and (output is not Format.TEXT or output_file is not None):
        message = "prints no report: it goes with neither --output nor --output-file"
        raise typer.BadParameter(message, param_hint="--diff")
