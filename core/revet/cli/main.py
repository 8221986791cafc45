"""The command `revet`: options only; what it says is made in core."""

from difflib import get_close_matches
from importlib.metadata import version
from typing import Annotated, Final

import typer

INCOMPLETE: Final = 1
BAD_INPUT: Final = 2

app = typer.Typer(
    help="Hardening that is enforced, verified and operable.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"revet {version('revet')}")
        raise typer.Exit


@app.callback()
def revet(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it, exit."),
    ] = False,
) -> None:
    """Hardening that is enforced, verified and operable."""


@app.command()
def explain(
    ids: Annotated[
        list[str], typer.Argument(metavar="ID...", help="Controls, as denials name them.")
    ],
) -> None:
    """Tell what a control asks, why, how to fix it and what may break."""
    # Imported here: help and completion need none of it.
    from revet.core.checks import BY_ID  # noqa: PLC0415
    from revet.core.explain import explain as describe  # noqa: PLC0415

    unknown = [each for each in ids if each not in BY_ID]
    for each in unknown:
        near = get_close_matches(each, BY_ID, n=1)
        hint = f"did you mean {near[0]}?" if near else f"must be one of {', '.join(BY_ID)}"
        typer.echo(f"revet explain: no control {each!r}: {hint}", err=True)
    known = [BY_ID[each] for each in dict.fromkeys(ids) if each in BY_ID]
    if known:
        typer.echo("\n\n\n".join(describe(check) for check in known))
    if unknown:
        raise typer.Exit(BAD_INPUT)


@app.command()
def cleanup(
    *,
    kubeconfig: Annotated[
        str | None,
        typer.Option(help="Default: KUBECONFIG, or ~/.kube/config.", envvar="KUBECONFIG"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take back what Revet wrote, before `helm uninstall`; works with all of its pods dead.

    Deletes all HardeningPolicies, webhook entries, guards and NetworkPolicies of Revet's, and puts
    back the Pod Security labels that namespaces had before.
    """
    import asyncio  # noqa: PLC0415 -- as in explain

    try:
        from revet.cli.cleanup import find, remove  # noqa: PLC0415
    except ModuleNotFoundError as error:
        typer.echo(f"revet cleanup: needs the extra revet[operator]: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    from pathlib import Path  # noqa: PLC0415

    from revet.adapters.kube import KubeError, connect  # noqa: PLC0415
    from revet.adapters.objects import Objects  # noqa: PLC0415

    async def run() -> list[str]:
        async with connect(kubeconfig or str(Path.home() / ".kube" / "config")) as kube:
            found = await find(kube)
            typer.echo(found.describe())
            if not yes:
                typer.confirm("Take all of this back?", abort=True)
            return await remove(Objects(kube), found, typer.echo)

    try:
        failed = asyncio.run(run())
    except KubeError as error:
        typer.echo(f"revet cleanup: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    _admit(failed)


def _admit(failed: list[str]) -> None:
    """Say what cleanup could not take back, and end with a code that tells of it."""
    for each in failed:
        typer.echo(f"revet cleanup: {each}", err=True)
    if failed:
        raise typer.Exit(INCOMPLETE)


def main() -> None:
    """Run the command line."""
    app()
