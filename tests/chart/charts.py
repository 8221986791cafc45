"""The chart as helm renders it, for tests."""

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.helm import CHART, Helm
from tests.support.manifests import Manifest

Values = Mapping[str, Any]

#: A value for each of values.yaml that is another than its default.
CHANGES: Final[Mapping[str, Any]] = {
    "systemNamespaces": ["calico-system", "storage"],
    "toleratedKeys": ["control-plane", "example.com/managed"],
    "priorityClassName": "",
    "imagePullSecrets": ["registry"],
    "canary.pinnedImage": f"registry.example.com/revet@sha256:{'0' * 64}",
    "canary.timeout": 300,
    "publicRoot.tufUrl": "https://tuf.example.com/public",
    "monitoring.podMonitor": True,
    "monitoring.rules": True,
    "monitoring.labels": {"release": "prometheus"},
    "operator.auditInterval": 60,
    "operator.imageInterval": 3600,
    "operator.quarantine": True,
    "webhook.url": "https://revet.example.com:9443",
    "webhook.staleAfter": 60,
    "webhook.drain": 30,
    "webhook.images.pullSecrets": ["registry"],
    "webhook.images.podPullSecrets": True,
    "ingest.enabled": True,
    "ingest.url": "https://revet.example.com:9444",
    "ingest.sendersSecret": "senders",
    "ingest.clientCaSecret": "senders-ca",
    "ingest.audience": "sensors",
    "ingest.rate": 500,
} | {
    f"{name}.{key}": value
    for name in ("ingest", "operator", "webhook")
    for key, value in {
        "image.repository": "registry.example.com/revet",
        "image.tag": "1.2.3",
        "image.digest": f"sha256:{'0' * 64}",
        "image.pullPolicy": "Always",
        "replicas": 3,
        "resources.requests": {"cpu": "1"},
        "resources.limits": {"memory": "1Gi"},
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "pool", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
    }.items()
}

#: The right to change pods, which only who asks for it gives: the role, and its rule.
QUARANTINE: Final = (
    "ClusterRole/revet-operator",
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]},
)


def nest(values: Values) -> dict[str, Any]:
    """Write values by path as helm reads them: `a.b: 1` as `a: {b: 1}`."""
    nested: dict[str, Any] = {}
    for path, value in values.items():
        *parents, last = path.split(".")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return nested


def render(values: Values | None = None) -> list[Manifest]:
    """Render the chart with these values, by path, as it would be installed."""
    return [each for each in yaml.safe_load_all(render_text(values)) if each]


def render_text(values: Values | None = None, *, check: bool = True) -> str:
    """Render the chart as text; without `check`, what helm says where it refuses."""
    with tempfile.TemporaryDirectory() as folder:
        argv = ("template", "revet", str(CHART), "--namespace=revet-system", "--values=-")
        text = yaml.safe_dump(nest(values or {}))
        done = Helm(Path(folder)).run(*argv, stdin=text, check=check)
    return done.stdout if done.returncode == 0 else done.stderr


@cache
def defaults() -> dict[str, Any]:
    """Return the default of each value, by path."""
    tree = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return dict(_leaves("", tree))


def _leaves(prefix: str, tree: Values) -> list[tuple[str, Any]]:
    # What is free in form is one value: its keys are Kubernetes' own.
    found: list[tuple[str, Any]] = []
    for key, value in tree.items():
        path = f"{prefix}{key}"
        is_inner = isinstance(value, dict) and key not in {"requests", "limits"} and value
        found += _leaves(f"{path}.", value) if is_inner else [(path, value)]
    return found


def find(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """Return the only object of this kind and name."""
    [found] = [m for m in manifests if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    return found
