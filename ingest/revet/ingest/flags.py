"""The ingest's flags, each with what `--help` says of it."""

from pathlib import Path
from typing import Annotated

import typer

Listen = Annotated[str, typer.Option(help="HOST:PORT for senders (TLS).")]
Health = Annotated[str, typer.Option(help="HOST:PORT of /healthz, /readyz and /metrics.")]
TlsCert = Annotated[Path, typer.Option(help="PEM certificate chain; followed.")]
TlsKey = Annotated[Path, typer.Option(help="PEM key; followed.")]
ClientCa = Annotated[Path | None, typer.Option(help="PEM of who signs the senders' certificates.")]
Senders = Annotated[Path, typer.Option(help="YAML file of who may send; followed.")]
HandoverToken = Annotated[
    Path, typer.Option(help="File of the token that the operator shows; followed.")
]
Audience = Annotated[str, typer.Option(help="The audience of the senders' ServiceAccount tokens.")]
Kubeconfig = Annotated[str | None, typer.Option(help="Default: the pod's ServiceAccount.")]
Namespace = Annotated[str, typer.Option(help="Revet's own namespace.")]
SystemNamespaces = Annotated[
    list[str] | None,
    typer.Option(help="Further namespaces outside every policy (CNI, CSI); repeatable."),
]
Rate = Annotated[float, typer.Option(min=1, help="Events a second that one sender may send.")]
