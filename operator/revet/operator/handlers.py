"""kopf's part: every event goes into the picture, and what it touches into the queue.

Only `on.event` is used: other handlers write annotations and finalizers on people's objects.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import kopf

from revet.adapters.kube import Kube
from revet.adapters.objects import RESOURCES
from revet.core.model.meta import MANAGED_BY, Manifest
from revet.operator.context import Context
from revet.operator.picture import Key

#: Our own objects that are watched; Secrets are read when they are needed.
OWN_KINDS: Final = (
    "NetworkPolicy",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)
MANAGED: Final = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())

_Take = Callable[[Manifest, bool], set[Key]]


def registry(context: Context) -> kopf.OperatorRegistry:
    """Make the registry of what kopf watches for us."""
    picture = context.picture
    made = kopf.OperatorRegistry()
    _watch(made, context, "HardeningPolicy", lambda each, gone: picture.see_policy(each, gone=gone))
    _watch(made, context, "Namespace", lambda each, gone: picture.see_namespace(each, gone=gone))
    for kind in OWN_KINDS:
        _watch(made, context, kind, _take_object(context, kind))

    @kopf.on.login(registry=made)
    def login(**_: object) -> kopf.ConnectionInfo:
        return _connection(context.kube)

    return made


def settings() -> kopf.OperatorSettings:
    """Make kopf's settings: no writes of its own, and only our own objects where that is said."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.peering.standalone = True
    made.scanning.disabled = True
    for kind in OWN_KINDS:
        group = RESOURCES[kind].api_version.partition("/")[0]
        made.watching.label_selectors[group, RESOURCES[kind].plural] = MANAGED
    return made


def _take_object(context: Context, kind: str) -> _Take:
    # A watched object of a built-in kind may not say what it is.
    said = {"apiVersion": RESOURCES[kind].api_version, "kind": kind}
    return lambda each, gone: context.picture.see_object({**said, **each}, gone=gone)


def _watch(made: kopf.OperatorRegistry, context: Context, kind: str, take: _Take) -> None:
    resource = RESOURCES[kind]
    group, _, version = resource.api_version.rpartition("/")

    @kopf.on.event(group, version, resource.plural, registry=made, id=f"see-{resource.plural}")
    async def see(event: Mapping[str, Any], **_: object) -> None:
        context.queue.add_all(take(dict(event["object"]), event["type"] == "DELETED"))


def _connection(kube: Kube) -> kopf.ConnectionInfo:
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
    )
