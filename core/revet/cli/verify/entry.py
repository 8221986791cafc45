"""The options of `revet verify`; apart from the command, which is slow to import."""

from typing import Annotated, Final

import typer

_BAD_INPUT: Final = 2


def verify(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="As a Pod would name it.")],
    *,
    policy: Annotated[
        list[str],
        typer.Option(
            "-p", "--policy", help="Files of policies, and of what they name; may be several."
        ),
    ],
    explain: Annotated[
        bool, typer.Option("--explain", help="Say of all that was looked at what it is worth.")
    ] = False,
    own_namespace: Annotated[str, typer.Option(help="Revet's own namespace.")] = "revet-system",
    docker_config: Annotated[
        str | None, typer.Option(help="Logins to registries; default: ~/.docker/config.json.")
    ] = None,
) -> None:
    """Verify the signatures and attestations of an image, as `spec.images.verify` asks for.

    Ends with 0 if they are as they must be, 1 if not, 2 if that can't be told.
    """
    try:
        from revet.cli.verify import command  # noqa: PLC0415 -- as in explain
    except ModuleNotFoundError as error:
        typer.echo(f"revet verify: needs the extra revet[verify]: {error}", err=True)
        raise typer.Exit(_BAD_INPUT) from error
    question = command.Question(image, policy, own_namespace, docker_config, explain)
    ending = command.verify(
        question, typer.echo, lambda text: typer.echo(f"revet verify: {text}", err=True)
    )
    raise typer.Exit(ending)
