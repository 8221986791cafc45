"""The operator's flags, each with what `--help` says of it."""

from pathlib import Path
from typing import Annotated

import typer

Namespace = Annotated[str, typer.Option(help="Revet's own namespace.")]
Kubeconfig = Annotated[str | None, typer.Option(help="Default: the pod's ServiceAccount.")]
Service = Annotated[str, typer.Option(help="The webhook's Service, in the own namespace.")]
WebhookUrl = Annotated[
    str | None, typer.Option(help="A webhook outside of the cluster; default: the Service.")
]
IngestService = Annotated[
    str | None,
    typer.Option(help="The ingest's Service, in the own namespace; default: there is no ingest."),
]
IngestUrl = Annotated[
    str | None, typer.Option(help="An ingest outside of the cluster; default: the Service.")
]
Quarantine = Annotated[
    bool,
    typer.Option("--quarantine", help="Put pods in quarantine, where policies ask for it."),
]
SystemNamespaces = Annotated[
    list[str] | None,
    typer.Option(help="Further namespaces outside every policy (CNI, CSI); repeatable."),
]
ToleratedKeys = Annotated[
    list[str] | None,
    typer.Option(help="Label keys that clouds add to the webhook's selectors; repeatable."),
]
Health = Annotated[str, typer.Option(help="HOST:PORT of /healthz, /readyz and /metrics.")]
AuditInterval = Annotated[
    float, typer.Option(min=1, help="Seconds between two audits of all pods.")
]
ImageInterval = Annotated[
    float, typer.Option(min=1, help="Seconds in which each image that runs is verified once.")
]
Identity = Annotated[str | None, typer.Option(help="Who holds it; default: the host's name.")]
CanaryImage = Annotated[
    str | None,
    typer.Option(help="What the canary's pods run, NAME@sha256:...; default: there is no canary."),
]
CanaryTimeout = Annotated[float, typer.Option(min=1, help="Seconds for each step of the canary.")]
PublicRootTuf = Annotated[
    str | None,
    typer.Option(help="A TUF repository to refresh the public trust root from; default: none."),
]
PublicRootFolder = Annotated[
    Path, typer.Option(help="A folder for what was seen of that repository.")
]
