"""Pods as the checks read them.

The wire bytes decode straight into these frozen Structs. They hold just the fields that a check
reads; msgspec skips the rest, which is what keeps a review cheap. Two versions of a pod that are
equal here differ in nothing that a check can see.

Field names and meanings: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from revet.core.model.wire import Present, Wire


class HostPath(Wire, frozen=True, gc=False):
    """A hostPath volume source."""

    path: str | None = None


class ImageSource(Wire, frozen=True, gc=False):
    """An image volume source."""

    reference: str | None = None


class TokenSource(Wire, frozen=True, gc=False):
    """A ServiceAccount's token as a file; the life is in seconds, absent: 3600."""

    audience: str | None = None
    expiration_seconds: int | None = None


class ProjectedSource(Wire, frozen=True, gc=False):
    """A source of a projected volume."""

    service_account_token: TokenSource | None = None


class Projected(Wire, frozen=True, gc=False):
    """A projected volume source."""

    sources: tuple[ProjectedSource, ...] | None = None


class Volume(Wire, frozen=True, gc=False):
    """A volume: its name, and which of the sources is set."""

    name: str = ""
    config_map: Present | None = None
    csi: Present | None = None
    downward_api: Present | None = msgspec.field(name="downwardAPI", default=None)
    empty_dir: Present | None = None
    ephemeral: Present | None = None
    image: ImageSource | None = None
    persistent_volume_claim: Present | None = None
    projected: Projected | None = None
    secret: Present | None = None
    host_path: HostPath | None = None
    gce_persistent_disk: Present | None = None
    aws_elastic_block_store: Present | None = None
    git_repo: Present | None = None
    nfs: Present | None = None
    iscsi: Present | None = None
    glusterfs: Present | None = None
    rbd: Present | None = None
    flex_volume: Present | None = None
    cinder: Present | None = None
    cephfs: Present | None = None
    flocker: Present | None = None
    fc: Present | None = None
    azure_file: Present | None = None
    vsphere_volume: Present | None = None
    quobyte: Present | None = None
    azure_disk: Present | None = None
    photon_persistent_disk: Present | None = None
    portworx_volume: Present | None = None
    scale_io: Present | None = msgspec.field(name="scaleIO", default=None)
    storageos: Present | None = None


class Profile(Wire, frozen=True, gc=False):
    """A seccomp or AppArmor profile."""

    type: str | None = None


class SELinuxOptions(Wire, frozen=True, gc=False):
    """SELinux labels; `level` is free and not read."""

    type: str | None = None
    user: str | None = None
    role: str | None = None


class WindowsOptions(Wire, frozen=True, gc=False):
    """Windows' part of a security context."""

    host_process: bool | None = None


class Capabilities(Wire, frozen=True, gc=False):
    """Linux capabilities, spelled as the manifest spells them."""

    add: tuple[str, ...] | None = None
    drop: tuple[str, ...] | None = None


class Sysctl(Wire, frozen=True, gc=False):
    """A kernel parameter of the pod."""

    name: str | None = None


class SecurityContext(Wire, frozen=True, gc=False):
    """A pod's or a container's security context: the fields of both."""

    privileged: bool | None = None
    allow_privilege_escalation: bool | None = None
    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    capabilities: Capabilities | None = None
    proc_mount: str | None = None
    seccomp_profile: Profile | None = None
    app_armor_profile: Profile | None = None
    se_linux_options: SELinuxOptions | None = None
    windows_options: WindowsOptions | None = None
    sysctls: tuple[Sysctl, ...] | None = None
    read_only_root_filesystem: bool | None = None
    run_as_group: int | None = None
    fs_group: int | None = None
    supplemental_groups: tuple[int, ...] | None = None


class Port(Wire, frozen=True, gc=False):
    """A container port."""

    container_port: int | None = None
    host_port: int | None = None


class Endpoint(Wire, frozen=True, gc=False):
    """The httpGet or tcpSocket of a handler."""

    host: str | None = None


class Handler(Wire, frozen=True, gc=False):
    """A probe or a lifecycle handler."""

    http_get: Endpoint | None = None
    tcp_socket: Endpoint | None = None


class Lifecycle(Wire, frozen=True, gc=False):
    """A container's lifecycle hooks."""

    post_start: Handler | None = None
    pre_stop: Handler | None = None


class ValueSource(Wire, frozen=True, gc=False):
    """Where the value of an environment variable comes from."""

    secret_key_ref: Present | None = None


class EnvVar(Wire, frozen=True, gc=False):
    """An environment variable."""

    name: str = ""
    value: str | None = None
    value_from: ValueSource | None = None


class EnvSource(Wire, frozen=True, gc=False):
    """Where a set of environment variables comes from."""

    secret_ref: Present | None = None


class Resources(Wire, frozen=True, gc=False):
    """What is asked for and what is the most, as quantities: texts, or plain numbers."""

    limits: dict[str, str | int | float] | None = None
    requests: dict[str, str | int | float] | None = None


class VolumeMount(Wire, frozen=True, gc=False):
    """Where a container has a volume."""

    name: str = ""
    mount_path: str = ""
    read_only: bool | None = None


class Container(Wire, frozen=True, gc=False):
    """An init, regular or ephemeral container."""

    name: str = ""
    image: str | None = None
    security_context: SecurityContext | None = None
    ports: tuple[Port, ...] | None = None
    liveness_probe: Handler | None = None
    readiness_probe: Handler | None = None
    startup_probe: Handler | None = None
    lifecycle: Lifecycle | None = None
    env: tuple[EnvVar, ...] | None = None
    env_from: tuple[EnvSource, ...] | None = None
    resources: Resources | None = None
    volume_mounts: tuple[VolumeMount, ...] | None = None
    volume_devices: tuple[Present, ...] | None = None


class Toleration(Wire, frozen=True, gc=False):
    """Which taint of a node is put up with; without a key: every one."""

    key: str | None = None
    operator: str | None = None


class PodOS(Wire, frozen=True, gc=False):
    """The operating system that the pod names."""

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
    automount_service_account_token: bool | None = None
    node_name: str | None = None
    node_selector: dict[str, str] | None = None
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


class PodTemplateSpec(Wire, frozen=True, gc=False):
    """Metadata and spec: the shape that a Pod and a workload's template share."""

    metadata: ObjectMeta | None = None
    spec: PodSpec | None = None


_LISTS: Final = (
    ("/spec/initContainers/", "init_containers"),
    ("/spec/containers/", "containers"),
    ("/spec/ephemeralContainers/", "ephemeral_containers"),
)
_EMPTY_SPEC: Final = PodSpec()
_EMPTY_META: Final = ObjectMeta()
_NO_ANNOTATIONS: Final[Mapping[str, str]] = {}


class Pod:
    """A pod laid out for the checks: every container and security context with its JSON pointer.

    Pointers are relative to the object that has `metadata` and `spec`: a Pod, or a template.
    """

    __slots__ = ("annotations", "containers", "contexts", "labels", "metadata", "namespace", "spec")

    def __init__(self, template: PodTemplateSpec, namespace: str = "") -> None:
        """Lay out `template`; absent metadata or spec count as empty.

        `namespace` is the one of the object that it is in; empty where nobody has said.
        """
        self.namespace = namespace
        self.spec: PodSpec = template.spec or _EMPTY_SPEC
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
