"""kopf's part: every event of a policy goes into the picture, and what it touches into the queue.

Only `on.event` is used: other handlers write annotations and finalizers on people's objects.
"""

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

import kopf

from revet.adapters.kube import PAGE, Kube
from revet.adapters.objects import RESOURCES
from revet.core.model.policy import KIND
from revet.operator.context import Context
from revet.operator.intake import Intake, see

_AGAIN_S: Final = 1.0
#: For a minute. An outage as long has cost us the Lease; what else lasts, such as a missing right,
#: must not go unnoticed.
_TRIES: Final = 60


def registry(context: Context, intake: Intake) -> kopf.OperatorRegistry:
    """Make the registry of what kopf watches for us."""
    made = kopf.OperatorRegistry()
    _watch(made, context, intake, KIND)
    logins = count()

    @kopf.on.login(registry=made)
    async def login(**_: object) -> kopf.ConnectionInfo:
        number = next(logins)
        if number > 0:
            # An API server that has just started does not know us yet, and soon will.
            await asyncio.sleep(_AGAIN_S)
        return _connection(context.kube, number)

    return made


def settings() -> kopf.OperatorSettings:
    """Make kopf's settings: no writes of its own."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.peering.standalone = True
    made.scanning.disabled = True
    # Its own delays grow to 21 s: too long a time to see nothing after the server is back.
    made.watching.chunk_size = PAGE
    made.networking.error_backoffs = (_AGAIN_S,) * _TRIES
    return made


def _watch(made: kopf.OperatorRegistry, context: Context, intake: Intake, kind: str) -> None:
    resource = RESOURCES[kind]
    group, _, version = resource.api_version.rpartition("/")

    @kopf.on.event(group, version, resource.plural, registry=made, id=f"see-{resource.plural}")
    async def take(event: Mapping[str, Any], **_: object) -> None:
        if event["type"] is None:
            # From a list: the watch is new, or has lost track, and what was deleted is not told.
            intake.want()
        # A watched object of a built-in kind may not say what it is.
        manifest = {"apiVersion": resource.api_version, "kind": kind, **event["object"]}
        gone = event["type"] == "DELETED"
        context.queue.add_all(see(context.picture, kind, manifest, gone=gone))


def _connection(kube: Kube, number: int) -> kopf.ConnectionInfo:
    configuration = kube.client.configuration
    if configuration.refresh_api_key_hook is not None:
        configuration.refresh_api_key_hook(configuration)
    scheme, _, token = (configuration.api_key.get("BearerToken") or "").partition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        scheme=scheme.capitalize() or None,
        token=token or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        # kopf takes nothing a second time that was refused once, and would end.
        priority=number,
    )
