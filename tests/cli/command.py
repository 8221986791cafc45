"""Invokes `revet` in this process: for what needs none of its own."""

from typer.testing import CliRunner

from revet.cli.main import app


def invoke(*args: str, stdin: str | None = None) -> tuple[int, str, str]:
    """Run a command line; return its exit code, standard output and standard error."""
    result = CliRunner().invoke(app, args, input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr
