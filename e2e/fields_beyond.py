"""What the fields hold that only controls beyond the standards read; a part of e2e.fields."""

from e2e.dice import UNSET, Field, fixed, nest, some

_PATHS = ("/tmp", "/data", "/data/cache", "/var/run", "run")  # noqa: S108 -- in a container
_VOLUMES = ("data", "revet-tmp", "revet-data-cache")
_MOUNT = nest(
    {
        "name": Field(_VOLUMES, _VOLUMES),
        "mountPath": Field(_PATHS, _PATHS),
        "readOnly": Field((True,), UNSET),
    }
)
_KEY_REF = nest({"name": Field(("db",), ("db",)), "key": Field(("password",), ("password",))})
_VALUE_FROM = nest(
    {
        "secretKeyRef": Field(UNSET, (_KEY_REF,)),
        "configMapKeyRef": Field((_KEY_REF,), UNSET),
    }
)
_VARIABLE = nest(
    {
        "name": Field(("A", "PATH"), ("DB_PASSWORD", "apiToken", "\u6d4b\u8bd5")),
        "value": Field((*UNSET, "1"), ("hunter2", "AKIA0123456789ABCDEF", "a://b:c@d", "\u0000")),
        "valueFrom": Field(UNSET, UNSET, (_VALUE_FROM,)),
    }
)
_NAMED = nest({"name": Field(("db",), ("db",))})
_SOURCE = nest({"secretRef": Field(UNSET, (_NAMED,)), "configMapRef": Field((_NAMED,), UNSET)})
_QUANTITIES = ("1", 1, "64Mi")
_AMOUNTS = nest(
    {
        "cpu": Field(_QUANTITIES, (*UNSET, "0", "0m")),
        "memory": Field(_QUANTITIES, (*UNSET, 0, "0Mi")),
    }
)
_RESOURCES = nest(
    {"limits": Field((_AMOUNTS,), UNSET), "requests": Field((_AMOUNTS,), UNSET, (_AMOUNTS,))}
)
RESOURCES = Field((_RESOURCES,), UNSET, (_RESOURCES,))

DIGEST = "@sha256:" + "0" * 64
IMAGES = (
    *("nginx", "web:latest", f"registry.example.com:5000/web:1{DIGEST}", "web@latest"),
    *(
        "[::1]:5000/a",
        "a/../b",
        "A/b",
        ":",
        "@",
        "/",
        "\u6d4b\u8bd5",
        "registry.example.com/web:1@x",
    ),
)
BEYOND_CONTAINER = {
    "volumeMounts": Field((*UNSET, some((_MOUNT,))), UNSET, (some((_MOUNT,)),)),
    "env": Field((*UNSET, some((_VARIABLE,))), UNSET, (some((_VARIABLE,)),)),
    "envFrom": Field(UNSET, UNSET, (some((_SOURCE,)),)),
    "resources": RESOURCES,
}

_ROLE = "node-role.kubernetes.io/control-plane"
_TOLERATION = nest(
    {
        "key": Field(("gpu",), (*UNSET, _ROLE, "")),
        "operator": Field(("Exists",), (*UNSET, "Exists")),
        "effect": Field(UNSET, (*UNSET, "NoSchedule")),
    }
)
_SELECTOR = nest({_ROLE: Field(UNSET, ("",)), "disk": Field(("ssd",), UNSET)})
_REQUIREMENT = nest(
    {"key": Field(("disk",), (_ROLE,)), "operator": Field(("Exists",), ("Exists",))}
)
_TERM = nest({"matchExpressions": Field((some((_REQUIREMENT,)),), UNSET)})
_REQUIRED = nest({"nodeSelectorTerms": Field((some((_TERM,)),), UNSET)})
_AFFINITY = nest(
    {
        "nodeAffinity": Field(
            (nest({"requiredDuringSchedulingIgnoredDuringExecution": Field((_REQUIRED,), UNSET)}),),
            UNSET,
        )
    }
)
BEYOND_SPEC = {
    "resources": Field(UNSET, UNSET, (_RESOURCES,)),
    "nodeName": Field(UNSET, UNSET, ("cp-1", "")),
    "nodeSelector": Field(UNSET, UNSET, (_SELECTOR,)),
    "tolerations": Field(UNSET, UNSET, (some((_TOLERATION,)),)),
    "affinity": Field(UNSET, UNSET, (_AFFINITY,)),
    "shareProcessNamespace": Field(UNSET, (*UNSET, False), (True,)),
    "serviceAccountName": Field(UNSET, UNSET, ("default", "")),
}
BEYOND_CONTEXT = {"supplementalGroups": Field(UNSET, UNSET, (fixed(0, 1), fixed()))}
