"""A small cluster in objects, and what `revet render` makes of a policy in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from revet.cli.render import Setup, render
from tests.support.manifests import Manifest

NAME_LABEL: Final = "kubernetes.io/metadata.name"
API_SERVER: Final = "10.9.0.1"
API_SERVICE: Final = "10.96.0.1"
DNS_SERVICE: Final = "10.96.0.10"
Labels = Mapping[str, str]


@dataclass(slots=True)
class World:
    """Objects, added one by one."""

    manifests: list[Manifest] = field(default_factory=list)

    def namespace(self, name: str, **labels: str) -> None:
        """Add a namespace."""
        self.manifests.append(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": {NAME_LABEL: name, **labels}},
            }
        )

    def pod(
        self,
        place: str,
        labels: Labels,
        *,
        account: str = "default",
        token: bool = False,
        ports: Mapping[str, int] | None = None,
        on_host: bool = False,
    ) -> None:
        """Add a pod, at `namespace/name`; its ports by name, or by `name/UDP`."""
        namespace, name = place.split("/")
        named = [_port(key, each) for key, each in (ports or {}).items()]
        spec: Manifest = {
            "serviceAccountName": account,
            "containers": [{"name": "app", "image": "app", "ports": named}],
        }
        if token:
            source = {"serviceAccountToken": {"path": "token"}}
            spec["volumes"] = [{"name": "token", "projected": {"sources": [source]}}]
        if on_host:
            spec["hostNetwork"] = True
        metadata = {"name": name, "namespace": namespace, "labels": dict(labels)}
        self.manifests.append(
            {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        )

    def service(
        self, place: str, selector: Labels | None, ports: Sequence[Manifest], ip: str = "None"
    ) -> None:
        """Add a Service, at `namespace/name`."""
        namespace, name = place.split("/")
        spec = {"selector": selector, "ports": [*ports], "clusterIP": ip, "clusterIPs": [ip]}
        metadata = {"name": name, "namespace": namespace}
        self.manifests.append(
            {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
        )

    def dns(self) -> None:
        """Add the cluster's DNS, with the labels and ports of some distribution."""
        self.namespace("kube-system")
        labels = {"dns": "core"}
        self.pod("kube-system/dns", labels, ports={"dns/UDP": 5353, "dns-tcp": 5354})
        ports: list[Manifest] = [
            {"port": 53, "protocol": "UDP", "targetPort": "dns"},
            {"port": 53, "protocol": "TCP", "targetPort": "dns-tcp"},
        ]
        self.service("kube-system/kube-dns", labels, ports, DNS_SERVICE)

    def api_server(self) -> None:
        """Add where the API server listens, and the Service by which pods call it."""
        self.service("default/kubernetes", None, [{"port": 443, "protocol": "TCP"}], API_SERVICE)
        metadata = {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        }
        self.manifests.append(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "addressType": "IPv4",
                "metadata": metadata,
                "endpoints": [{"addresses": [API_SERVER]}],
                "ports": [{"port": 6443, "protocol": "TCP"}],
            }
        )

    def bind(self, namespace: str, account: str) -> None:
        """Give a role to a ServiceAccount."""
        self.manifests.append(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": f"of-{account}", "namespace": namespace},
                "roleRef": {"kind": "Role", "name": "any"},
                "subjects": [{"kind": "ServiceAccount", "name": account}],
            }
        )

    def add(self, kind: str, api_version: str, place: str, **body: Any) -> None:  # noqa: ANN401
        """Add any other object, at `namespace/name` or `name`."""
        namespace, _, name = place.rpartition("/")
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        self.manifests.append(
            {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}
        )

    def isolate(
        self, policies: Sequence[Manifest], folder: Path
    ) -> tuple[list[Manifest], list[str]]:
        """Return the cluster with what is rendered for policies; and what is said besides."""
        cluster, asked = folder / "cluster.yaml", folder / "policies.yaml"
        cluster.write_text(yaml.safe_dump_all(self.manifests), encoding="utf-8")
        asked.write_text(yaml.safe_dump_all(policies), encoding="utf-8")
        rendered = render([str(asked)], [str(cluster)], Setup("revet-system"))
        assert not rendered.problems, rendered.problems
        made = [each for each in rendered.manifests if each["kind"] == "NetworkPolicy"]
        return [*self.manifests, *made], rendered.notes


def _port(name: str, number: int) -> Manifest:
    name, _, protocol = name.partition("/")
    return {"name": name, "containerPort": number, "protocol": protocol or "TCP"}
