"""The containers of a pod, and security contexts, as the checks read them."""

from revet.core.model.wire import Present, Wire


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

    limits: dict[str, str | int | float | None] | None = None
    requests: dict[str, str | int | float | None] | None = None


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
