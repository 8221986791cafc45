"""What the fields of a pod may hold: the values on both sides of each check's boundary.

Apart from the pods because it is a table: a new check adds its field here and nothing else.
"""

from collections.abc import Callable

from e2e.dice import UNSET, Dice, Field, Json, Object, empty, fixed, nest, some
from e2e.fields_beyond import BEYOND_CONTAINER, BEYOND_CONTEXT, BEYOND_SPEC, IMAGES


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SAFE_SOURCES = _words(
    "emptyDir configMap csi downwardAPI ephemeral image persistentVolumeClaim projected secret"
)
OTHER_SOURCES = _words(
    "hostPath gcePersistentDisk awsElasticBlockStore gitRepo nfs iscsi glusterfs rbd flexVolume "
    "cinder cephfs flocker fc azureFile vsphereVolume quobyte azureDisk photonPersistentDisk "
    "portworxVolume scaleIO storageos"
)

SAFE_CAPABILITIES = _words(
    "NET_BIND_SERVICE AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD SETFCAP SETGID "
    "SETPCAP SETUID SYS_CHROOT"
)
BAD_CAPABILITIES = (
    *_words("NET_RAW SYS_ADMIN BPF ALL CAP_NET_BIND_SERVICE CAP_CHOWN chown net_bind_service"),
    *("", " CHOWN", "NET_BIND_SERVICE ", "NET-RAW", "12", "\u212aILL"),  # K as the Kelvin sign
)
CAPABILITIES = nest(
    {
        "add": Field(
            (*UNSET, fixed(), fixed("NET_BIND_SERVICE")),
            (*UNSET, fixed(), some(SAFE_CAPABILITIES)),
            (some(BAD_CAPABILITIES), some((*BAD_CAPABILITIES, *SAFE_CAPABILITIES), most=3)),
        ),
        "drop": Field(
            (fixed("ALL"), fixed("NET_RAW", "ALL"), fixed("ALL", "ALL")),
            (*UNSET, fixed(), fixed("NET_RAW")),
            (*map(fixed, ("all", "CAP_ALL", "ALL ", "", "\uff21LL")), fixed("All", "KILL")),
        ),
    }
)


def _profile(kind: Json) -> Callable[[Dice], Object]:
    local = (*UNSET, "", "profiles/a.json")
    return nest({"type": Field((kind,), (kind,)), "localhostProfile": Field(local, local)})


GOOD_PROFILES = (_profile("RuntimeDefault"), _profile("Localhost"))
BAD_KINDS = ("Unconfined", "", None, "runtimeDefault", "runtime/default", "localhost/a")
BAD_PROFILES = (*map(_profile, BAD_KINDS), empty)
POD_SECCOMP = Field(GOOD_PROFILES, (*UNSET, *GOOD_PROFILES), BAD_PROFILES)
PROFILE = Field((*UNSET, *GOOD_PROFILES), UNSET, BAD_PROFILES)

_SELINUX_TYPES = (*UNSET, "", "container_t", "container_init_t", "container_kvm_t")
SELINUX_OPTIONS = nest(
    {
        "type": Field(
            _SELINUX_TYPES,
            (*_SELINUX_TYPES, "container_engine_t"),
            ("container_engine_t", "spc_t", "Container_t", "container_t "),
        ),
        "user": Field((*UNSET, ""), (*UNSET, ""), ("system_u", " ")),
        "role": Field((*UNSET, ""), (*UNSET, ""), ("system_r", " ")),
        "level": Field(UNSET, (*UNSET, "", "s0:c1,c2")),
    }
)
SELINUX = Field((*UNSET, SELINUX_OPTIONS), (*UNSET, empty, SELINUX_OPTIONS))

_FALSE = (*UNSET, False)
FLAG = Field(_FALSE, _FALSE, (True,))
WINDOWS_OPTIONS = nest({"hostProcess": FLAG, "runAsUserName": Field(UNSET, ("ContainerUser",))})
WINDOWS = Field((*UNSET, WINDOWS_OPTIONS), (*UNSET, empty, WINDOWS_OPTIONS))
_INT64 = (2**63 - 1, -(2**63))
USER = Field((*UNSET, 1000), (*UNSET, 1, 65534, -1, *_INT64), (0,))
GROUP = Field((*UNSET, 1000), (*UNSET, 0))

CONTAINER_CONTEXT = nest(
    {
        "allowPrivilegeEscalation": Field((False,), (*UNSET, False), (True,)),
        "privileged": FLAG,
        "capabilities": Field((CAPABILITIES,), (*UNSET, empty, CAPABILITIES)),
        "runAsNonRoot": Field((True, *UNSET), (*UNSET, True), (False,)),
        "runAsUser": USER,
        "runAsGroup": GROUP,
        "seccompProfile": PROFILE,
        "appArmorProfile": PROFILE,
        "seLinuxOptions": SELINUX,
        "procMount": Field(
            (*UNSET, "Default"),
            (*UNSET, "Default"),
            ("Unmasked", "", "default", "Unmasked ", "D\u00e9fault"),
        ),
        "windowsOptions": WINDOWS,
        "readOnlyRootFilesystem": Field((True,), (*UNSET, False)),
    }
)

_HOSTS = (*UNSET, "")
_BAD_HOSTS = ("127.0.0.1", "example.com", " ", "b\u00fccher.example", "\u0000")
HOST = Field(_HOSTS, _HOSTS, _BAD_HOSTS)
PORT = Field((8080,), ("http",))
HTTP = nest(
    {"host": HOST, "path": Field(("/",), UNSET), "port": PORT, "scheme": Field(UNSET, UNSET)}
)
TCP = nest({"host": HOST, "port": PORT})
EXEC = nest({"command": Field((fixed("true"),), UNSET)})
HANDLER = {
    "httpGet": Field((HTTP, HTTP, *UNSET), (*UNSET, HTTP)),
    "tcpSocket": Field(UNSET, (*UNSET, TCP, empty), (TCP,)),
    "exec": Field(UNSET, (*UNSET, EXEC)),
}
_ELSEWHERE = (nest({"host": Field(_BAD_HOSTS, _BAD_HOSTS), "port": PORT}),)
_BAD_HANDLERS = tuple(
    nest({kind: Field(_ELSEWHERE, _ELSEWHERE)}) for kind in ("httpGet", "tcpSocket")
)
PROBE = Field((*UNSET, nest(HANDLER)), (*UNSET, empty, nest(HANDLER)), _BAD_HANDLERS)
LIFECYCLE = nest({"postStart": PROBE, "preStop": PROBE})

_HOST_PORTS = (*UNSET, 0)
CONTAINER_PORT = nest(
    {
        "containerPort": Field((8080,), (80, 8080)),
        "hostPort": Field(_HOST_PORTS, _HOST_PORTS, (80, 65535, -1, 2**31 - 1)),
        "hostIP": Field(UNSET, (*UNSET, "0.0.0.0")),  # noqa: S104 - no check reads it
    }
)
PORTS = some((CONTAINER_PORT,), most=3)
# Keys that only a decoder blind to upper and lower case would take for fields, and an unknown one.
STRANGERS = {
    "SecurityContext": Field(UNSET, UNSET, (empty, nest({"privileged": FLAG}))),
    "hostnetwork": Field(UNSET, UNSET, (True,)),
    "notYetKnown": Field(UNSET, (*UNSET, empty)),
}
CONTAINER = {
    "image": Field(("registry.example.com/web:1",), ("web",), IMAGES),
    "ports": Field((*UNSET, PORTS), (*UNSET, fixed(), PORTS)),
    "securityContext": Field((CONTAINER_CONTEXT,), (*UNSET, empty, CONTAINER_CONTEXT)),
    "livenessProbe": PROBE,
    "readinessProbe": PROBE,
    "startupProbe": PROBE,
    "lifecycle": Field((*UNSET, LIFECYCLE), (*UNSET, empty, LIFECYCLE)),
    **BEYOND_CONTAINER,
    **STRANGERS,
}
SIDECAR = Field(UNSET, (*UNSET, "Always"))
NAMES = {
    "initContainers": ("init", "mesh"),
    "containers": ("web", "sidecar", "log"),
    "ephemeralContainers": ("debug", "debug-2"),
}
# The API refuses these names, and any name that is taken, but only after the webhooks.
_ODD_NAMES = ("", "web", "\u6d4b\u8bd5\U0001f600", 'a"b\\c/d~e')


def _name(usual: str) -> Field:
    return Field((usual,), (usual,), _ODD_NAMES)


def _containers(kind: str) -> Callable[[Dice], list[Object]]:
    fields = {**CONTAINER, "restartPolicy": SIDECAR} if kind == "initContainers" else CONTAINER
    counts = range(1, len(NAMES[kind]) + 1)

    def make(dice: Dice) -> list[Object]:
        names = NAMES[kind][: dice.pick(counts)]
        return [{"name": dice.value(_name(name)), **dice.fill(fields)} for name in names]

    return make


def _volume(dice: Dice) -> Object:
    source, other = dice.pick(SAFE_SOURCES), dice.pick(OTHER_SOURCES)
    sources = dice.value(
        Field(
            ((source,),),
            ((source,), (source,), (other,)),
            # Sources that are rare or that the API refuses: hostPath, none, two at once.
            ((other,), ("hostPath",), (), (source, other), (source, "hostPath")),
        )
    )
    name = dice.value(Field(("data", "revet-tmp"), ("data", "revet-data-cache"), _ODD_NAMES))
    return {"name": name, **{name: None if dice.happens(0.05) else {} for name in sources}}


VOLUMES = some((_volume,), most=3)

SAFE_SYSCTLS = _words(
    "kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.tcp_syncookies "
    "net.ipv4.ping_group_range net.ipv4.ip_unprivileged_port_start"
)
LATER_SYSCTLS = _words(
    "net.ipv4.ip_local_reserved_ports net.ipv4.tcp_keepalive_time net.ipv4.tcp_fin_timeout "
    "net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes net.ipv4.tcp_rmem net.ipv4.tcp_wmem"
)
BAD_SYSCTLS = (
    "kernel.msgmax",
    "net/ipv4/tcp_rmem",
    "net.ipv4.tcp_mem",
    "",
    "Kernel.shm_rmid_forced",
)


def _sysctls(*names: str) -> Callable[[Dice], list[Object]]:
    return some((nest({"name": Field(names, names), "value": Field(("1",), ("",))}),))


POD_CONTEXT = nest(
    {
        "runAsNonRoot": Field((True,), (*UNSET, True), (False,)),
        "runAsUser": USER,
        "fsGroup": GROUP,
        **BEYOND_CONTEXT,
        "seccompProfile": POD_SECCOMP,
        "appArmorProfile": PROFILE,
        "seLinuxOptions": SELINUX,
        "windowsOptions": WINDOWS,
        "sysctls": Field(
            (*UNSET, _sysctls(*SAFE_SYSCTLS)),
            (*UNSET, fixed(), _sysctls(*SAFE_SYSCTLS, *LATER_SYSCTLS)),
            (_sysctls(*LATER_SYSCTLS), _sysctls(*BAD_SYSCTLS)),
        ),
    }
)
_SYSTEMS = (*UNSET, *UNSET, *(nest({"name": Field((n,), (n,))}) for n in ("linux", "windows")))
_ODD_SYSTEMS = (empty, nest({"name": Field(("Windows",), ("", None))}))
_HOST_USERS = (*UNSET, *UNSET, True, False)
SPEC = {
    "hostNetwork": FLAG,
    "hostPID": FLAG,
    "hostIPC": FLAG,
    "hostUsers": Field(_HOST_USERS, _HOST_USERS),
    "os": Field(_SYSTEMS, _SYSTEMS, _ODD_SYSTEMS),
    "securityContext": Field((POD_CONTEXT,), (*UNSET, empty, POD_CONTEXT)),
    "initContainers": Field(
        (*UNSET, _containers("initContainers")), (*UNSET, fixed(), _containers("initContainers"))
    ),
    "containers": Field(
        (_containers("containers"),), (_containers("containers"),), (*UNSET, fixed())
    ),
    "ephemeralContainers": Field(
        (*UNSET, *UNSET, _containers("ephemeralContainers")),
        (*UNSET, fixed(), _containers("ephemeralContainers")),
    ),
    "volumes": Field((*UNSET, VOLUMES), (*UNSET, fixed(), VOLUMES)),
    "restartPolicy": Field(UNSET, ("Never",)),
    **BEYOND_SPEC,
    **STRANGERS,
}

# Annotations that checks read: (prefix, whether a name follows, value).
_SUFFIXES = (
    *(name for names in NAMES.values() for name in names),
    "no-such-container",
    *_ODD_NAMES,
)
_NEVER = ("unconfined", "localhost", "Runtime/Default", "runtime/default ")
_ALPHA_GOOD = ("runtime/default", "docker/default", "localhost/a.json", "localhost/")
_ALPHA = Field(_ALPHA_GOOD, _ALPHA_GOOD, ("", *_NEVER))
_BETA_GOOD = ("", "runtime/default", "localhost/a", "localhost/")
_BETA = Field(_BETA_GOOD, _BETA_GOOD, ("docker/default", *_NEVER))
_ANNOTATIONS = (
    ("seccomp.security.alpha.kubernetes.io/pod", ("",), _ALPHA),
    ("container.seccomp.security.alpha.kubernetes.io/", _SUFFIXES, _ALPHA),
    ("container.apparmor.security.beta.kubernetes.io/", _SUFFIXES, _BETA),
    ("container.apparmor.security.beta.kubernetes.io", ("", "x"), _BETA),
)


def _annotations(dice: Dice) -> Object:
    made = {}
    for _ in range(dice.pick((1, 2, 3))):
        prefix, suffixes, field = dice.pick(_ANNOTATIONS)
        made[prefix + dice.pick(suffixes)] = dice.value(field)
    return made


METADATA = {
    "name": Field(("web-5d8f",), ("web",)),
    "creationTimestamp": Field(UNSET, UNSET),
    "annotations": Field((*UNSET, _annotations), (*UNSET, empty, _annotations), (_annotations,)),
}
