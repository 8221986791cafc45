"""The command `revet`: the options of all commands; a module or package beside it does each."""

from difflib import get_close_matches
from enum import StrEnum
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Final

import typer

from revet.cli.check import options
from revet.cli.release import release
from revet.cli.verify.entry import verify

if TYPE_CHECKING:
    from revet.cli.check.printing import Printing

INCOMPLETE: Final = 1
BAD_INPUT: Final = 2


class Profile(StrEnum):
    """The profiles of policies; a test holds them to the model's, which is slow to import."""

    BASELINE = "baseline"
    RESTRICTED = "restricted"
    HIGH = "high"


class ControlsFormat(StrEnum):
    """The forms of the list of controls."""

    TEXT = "text"
    JSON = "json"


app = typer.Typer(
    help="Hardening that is enforced, verified and operable.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"revet {version('revet')}")
        raise typer.Exit


def _complete_control(incomplete: str) -> list[str]:
    # Imported here, and without the checks: a shell waits for this.
    from revet.core.model.catalog import CONTROLS  # noqa: PLC0415

    return [each for each in CONTROLS if each.startswith(incomplete)]


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
        list[str],
        typer.Argument(
            metavar="ID...",
            help="Controls, as denials name them.",
            autocompletion=_complete_control,
        ),
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
def check(
    context: typer.Context,
    paths: options.Paths = None,
    *,
    cluster: options.Cluster = False,
    kubeconfig: options.Kubeconfig = None,
    policy: options.PolicyFiles = None,
    values: options.Values = None,
    namespace: options.DefaultNamespace = None,
    namespace_labels: options.NamespaceLabels = None,
    fail_on: options.FailOnMode = options.FailOn.ENFORCE,
    output: options.Output = options.Format.TEXT,
    output_file: options.OutputFile = None,
    fix: options.Fix = False,
    diff: options.Diff = False,
) -> None:
    """Judge manifests as the cluster would, before they get there; or what stands in a cluster.

    Ends with 0 if all is well, 1 if there are findings, 2 if something could not be read or
    decided.
    """
    options.refuse_contradictions(context, paths or (), output, output_file, fix=fix, diff=diff)
    from revet.cli.check.printing import Printing  # noqa: PLC0415 -- as in explain
    from revet.core.model.mode import Mode  # noqa: PLC0415

    printing = Printing(Mode(fail_on.capitalize()), output.value, output_file)
    if cluster:
        ending = _check_cluster(kubeconfig, tuple(policy or ()), namespace or "", printing)
        raise typer.Exit(ending)
    from revet.cli.check.manifests import Question, check  # noqa: PLC0415

    labels = options.read_labels(namespace_labels)
    question = Question(
        tuple(paths or ()), tuple(policy or ()), tuple(values or ()), namespace, labels
    )
    if fix or diff:
        from revet.cli.check.fixing import Fixing  # noqa: PLC0415

        raise typer.Exit(Fixing(fix, diff).run(question, printing))
    raise typer.Exit(printing.print(check(question)))


def _check_cluster(
    kubeconfig: str | None, policies: tuple[str, ...], namespace: str, printing: "Printing"
) -> int:
    try:
        from revet.cli.check import cluster  # noqa: PLC0415
    except ModuleNotFoundError as error:
        typer.echo(f"revet check: --cluster needs the extra revet[webhook]: {error}", err=True)
        return BAD_INPUT
    from revet.adapters.kube import KubeError  # noqa: PLC0415

    question = cluster.ClusterQuestion(options.find_kubeconfig(kubeconfig), policies, namespace)
    try:
        return printing.print(cluster.check_cluster(question))
    except (KubeError, cluster.ClusterError) as error:
        typer.echo(f"revet check: {error}", err=True)
        return BAD_INPUT


@app.command()
def controls(
    *,
    profile: Annotated[
        Profile | None, typer.Option(help="Only what this profile runs, and how.")
    ] = None,
    output: Annotated[
        ControlsFormat, typer.Option("-o", "--output", help="A table, or all that there is.")
    ] = ControlsFormat.TEXT,
) -> None:
    """List the controls: what each judges, what the profiles do with it, whether it can patch."""
    from revet.cli.controls import render_json, render_table, select_controls  # noqa: PLC0415

    name = profile.value if profile is not None else None
    checks = select_controls(name)
    is_json = output is ControlsFormat.JSON
    typer.echo(render_json(checks) if is_json else render_table(checks, name))


@app.command()
def render(
    *,
    policy: Annotated[
        list[str],
        typer.Option(
            "-p", "--policy", help="A file of policies, or a profile; may be given several times."
        ),
    ],
    namespace_file: Annotated[
        list[str] | None,
        typer.Option(help="A file of Namespaces and what is in them; may be given several times."),
    ] = None,
    own_namespace: Annotated[str, typer.Option(help="Revet's own namespace.")] = "revet-system",
    system_namespace: Annotated[
        list[str] | None,
        typer.Option(help="Further namespaces outside every policy; may be given several times."),
    ] = None,
    webhook_url: Annotated[
        str, typer.Option(help="A webhook outside of the cluster; default: the Service.")
    ] = "",
) -> None:
    """Print what the operator would write: entries, guards, NetworkPolicies, labels.

    Of each given Namespace, too. Nothing is sent. Ends with 2 if something can't be read.
    """
    from revet.cli.check.output.text import list_problems  # noqa: PLC0415 -- as in explain
    from revet.cli.check.report import Report  # noqa: PLC0415
    from revet.cli.render import Setup, write  # noqa: PLC0415
    from revet.cli.render import render as render_all  # noqa: PLC0415
    from revet.core.message import plain  # noqa: PLC0415

    setup = Setup(own_namespace, tuple(system_namespace or ()), webhook_url)
    rendered = render_all(policy, namespace_file or (), setup)
    for note in rendered.notes:
        typer.echo(plain(note), err=True)
    for line in list_problems(Report(problems=tuple(rendered.problems))):
        typer.echo(f"revet render: {line}", err=True)
    if rendered.problems:
        raise typer.Exit(BAD_INPUT)
    typer.echo(write(rendered.manifests))


@app.command()
def status(
    *,
    namespace: Annotated[str, typer.Option("-n", "--namespace", help="The namespace to look at.")],
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Tell which policies apply to a live namespace, in which modes, and what they find there.

    It needs the rights of a reader (the ClusterRole view in the namespace, and
    revet-policy-viewer), and says what it may not read. Ends with 1 if an object that is there
    would be refused today, 2 if that can't be told.
    """
    import asyncio  # noqa: PLC0415 -- as in explain

    try:
        from revet.cli.status import StatusError, find_status  # noqa: PLC0415
    except ModuleNotFoundError as error:
        typer.echo(f"revet status: needs the extra revet[webhook]: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    from revet.adapters.kube import KubeError, connect  # noqa: PLC0415
    from revet.cli.status_text import render_status  # noqa: PLC0415

    async def run() -> int:
        async with connect(options.find_kubeconfig(kubeconfig)) as kube:
            found = await find_status(kube, namespace)
        typer.echo(render_status(found))
        return BAD_INPUT if found.undecided else int(found.refused)

    try:
        raise typer.Exit(asyncio.run(run()))
    except (KubeError, StatusError) as error:
        typer.echo(f"revet status: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error


@app.command()
def cleanup(
    *,
    kubeconfig: options.Kubeconfig = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take back what Revet wrote, before `helm uninstall`; works with all of its pods dead.

    Deletes all HardeningPolicies, webhook entries, guards, NetworkPolicies, quotas and limits of
    Revet's, and puts back what the labels of namespaces and their ServiceAccounts said before.
    """
    import asyncio  # noqa: PLC0415 -- as in explain

    try:
        from revet.cli.cleanup import find, remove  # noqa: PLC0415
    except ModuleNotFoundError as error:
        typer.echo(f"revet cleanup: needs the extra revet[operator]: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    from revet.adapters.kube import KubeError, connect  # noqa: PLC0415
    from revet.adapters.objects import Objects  # noqa: PLC0415

    async def run() -> list[str]:
        async with connect(options.find_kubeconfig(kubeconfig)) as kube:
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
    for each in failed:
        typer.echo(f"revet cleanup: {each}", err=True)
    if failed:
        raise typer.Exit(INCOMPLETE)


app.command()(release)
app.command()(verify)


def main() -> None:
    """Run the command line."""
    app()
