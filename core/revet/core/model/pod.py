"""Pods as the checks read them.

The wire bytes decode straight into these frozen Structs. They hold just the fields that a check
reads; msgspec skips the rest, which is what keeps a review cheap. Two versions of a pod that are
equal here differ in nothing that a check can see.

Field names and meanings: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from revet.core.model.container import Container, Resources, SecurityContext
from revet.core.model.image_facts import NOT_ASKED, ImageFacts
from revet.core.model.placement import Affinity, Toleration
from revet.core.model.volume import Volume
from revet.core.model.wire import Wire
from revet.core.surroundings import UNSEEN, Surroundings


class PodOS(Wire, frozen=True, gc=False):
    """The operating system that the pod names."""

    name: str | None = None


class LocalReference(Wire, frozen=True, gc=False):
    """Names an object of the pod's own namespace."""

    name: str | None = None


class PodSpec(Wire, frozen=True, gc=False):
    """A pod's spec."""

    init_containers: tuple[Container, ...] | None = None
    containers: tuple[Container, ...] | None = None
    ephemeral_containers: tuple[Container, ...] | None = None
    volumes: tuple[Volume, ...] | None = None
    security_context: SecurityContext | None = None
    host_network: bool | None = None
    host_pid: bool | None = msgspec.field(name="hostPID", default=None)
    host_ipc: bool | None = msgspec.field(name="hostIPC", default=None)
    host_users: bool | None = None
    os: PodOS | None = None
    service_account_name: str | None = None
    #: The same by its old name, which the API server still takes.
    service_account: str | None = None
    automount_service_account_token: bool | None = None
    image_pull_secrets: tuple[LocalReference, ...] | None = None
    node_name: str | None = None
    node_selector: dict[str, str | None] | None = None
    affinity: Affinity | None = None
    tolerations: tuple[Toleration, ...] | None = None
    share_process_namespace: bool | None = None
    runtime_class_name: str | None = None
    resources: Resources | None = None


class OwnerReference(Wire, frozen=True, gc=False):
    """Who made the object."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class ObjectMeta(Wire, frozen=True, gc=False):
    """Metadata of any object, as far as decisions and messages need it."""

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: tuple[OwnerReference, ...] | None = None

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that controls the object, if any."""
        for owner in self.owner_references or ():
            if owner.controller:
                return owner
        return None


class Condition(Wire, frozen=True, gc=False):
    """A condition of a Pod."""

    type: str = ""
    status: str = ""


class PodStatus(Wire, frozen=True, gc=False):
    """What the cluster says of a Pod; the API server lets no client write it with the spec."""

    conditions: tuple[Condition, ...] | None = None


class PodTemplateSpec(Wire, frozen=True, gc=False):
    """Metadata and spec, the shape that a Pod and a template share; and what a Pod alone has."""

    metadata: ObjectMeta | None = None
    spec: PodSpec | None = None
    status: PodStatus | None = None


_LISTS: Final = (
    ("/spec/initContainers/", "init_containers"),
    ("/spec/containers/", "containers"),
    ("/spec/ephemeralContainers/", "ephemeral_containers"),
)
_EMPTY_SPEC: Final = PodSpec()
_EMPTY_META: Final = ObjectMeta()
_NO_STATUS: Final = PodStatus()
_PLACED: Final = Condition("PodScheduled", "True")
_NO_ANNOTATIONS: Final[Mapping[str, str]] = {}


class Pod:
    """A pod laid out for the checks: every container and security context with its JSON pointer.

    Pointers are relative to the object that has `metadata` and `spec`: a Pod, or a template.
    """

    __slots__ = (
        "annotations",
        "around",
        "containers",
        "contexts",
        "images",
        "labels",
        "metadata",
        "namespace",
        "spec",
        "status",
    )

    def __init__(
        self,
        template: PodTemplateSpec,
        namespace: str = "",
        around: Surroundings = UNSEEN,
        images: ImageFacts = NOT_ASKED,
    ) -> None:
        """Lay out `template`; absent metadata or spec count as empty.

        `namespace` is the one of the object that it is in; empty where nobody has said. `around` is
        what was seen beside it, `images` what registries said of its images.
        """
        self.namespace = namespace
        self.around = around
        self.images = images
        self.spec: PodSpec = template.spec or _EMPTY_SPEC
        self.status: PodStatus = template.status or _NO_STATUS
        self.metadata: ObjectMeta = template.metadata or _EMPTY_META
        self.annotations: Mapping[str, str] = self.metadata.annotations or _NO_ANNOTATIONS
        self.labels: Mapping[str, str] = self.metadata.labels or _NO_ANNOTATIONS
        #: (pointer, container) in upstream's order: init, regular, ephemeral.
        self.containers: list[tuple[str, Container]] = list(_containers(self.spec))
        #: (pointer, container's name or None for the pod's own, security context), where set.
        self.contexts: list[tuple[str, str | None, SecurityContext]] = list(
            _contexts(self.spec, self.containers)
        )

    @property
    def is_windows(self) -> bool:
        """Whether the pod says that it runs on Windows; nothing else exempts it."""
        return self.spec.os is not None and self.spec.os.name == "windows"

    @property
    def is_placed(self) -> bool:
        """Whether it is on a node already: who put it there can't be told any more."""
        return _PLACED in (self.status.conditions or ())

    @property
    def has_user_namespace(self) -> bool:
        """Whether root in the pod is nobody on the node (KEP-127)."""
        return self.spec.host_users is False


def _containers(spec: PodSpec) -> Iterator[tuple[str, Container]]:
    for pointer, attribute in _LISTS:
        containers: tuple[Container, ...] | None = getattr(spec, attribute)
        if containers:
            for index, container in enumerate(containers):
                yield f"{pointer}{index}", container


def _contexts(
    spec: PodSpec, containers: list[tuple[str, Container]]
) -> Iterator[tuple[str, str | None, SecurityContext]]:
    if spec.security_context is not None:
        yield "/spec/securityContext", None, spec.security_context
    for pointer, container in containers:
        if container.security_context is not None:
            yield f"{pointer}/securityContext", container.name, container.security_context
