"""A control plane with the chart installed, its population, and the operator beside it."""

import asyncio
import json
import re
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.scale import population
from bench.scale.loop import Request, send_all
from e2e.api import APPLY, Api, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.release import Release
from e2e.reports import REPORTS_CRD
from e2e.trail import Trail
from revet.core.plan import identify
from tests.support.manifests import Manifest

_PATHS: Final = {
    "Namespace": "/api/v1/namespaces",
    "Pod": "/api/v1/namespaces/{}/pods",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "HardeningPolicy": "/apis/revet.dev/v1alpha1/hardeningpolicies",
}
_REPORTS: Final = "/apis/openreports.io/v1alpha1/reports"
_LONG_S: Final = 600.0


@dataclass(frozen=True)
class Stage:
    """Where it is measured."""

    release: Release
    trail: Trail
    namespaces: int

    @property
    def plane(self) -> ControlPlane:
        """The control plane."""
        return self.release.plane

    def send(self, requests: Iterable[Request]) -> float:
        """Send requests as the admin, 32 in flight; return the seconds."""
        tls = ssl.create_default_context(cadata=self.plane.ca_pem.decode())
        tls.load_cert_chain(self.plane.pki / "admin.crt", self.plane.pki / "admin.key")
        return asyncio.run(send_all(requests, tls))

    def read(self, path: str) -> Manifest:
        """Read what the API server has there, on a connection that is fresh."""
        api = Api(self.plane)
        try:
            found = api.send("GET", path).body
        finally:
            api.close()
        # What is not served yet is answered in plain text.
        return found if isinstance(found, dict) else {}

    def request(self, method: str, manifest: Manifest, query: str = "") -> Request:
        """Write the request that creates, applies or deletes an object."""
        kind, namespace, name = identify(manifest)
        url = self.plane.url + _PATHS[kind].format(namespace)
        if method == "POST":
            return Request(method, url + query, body=json.dumps(manifest).encode())
        if method == "DELETE":
            return Request(method, f"{url}/{name}", body=b'{"gracePeriodSeconds":0}')
        return Request(method, f"{url}/{name}{query}", APPLY, json.dumps(manifest).encode())

    def populate(self) -> None:
        """Create the namespaces and their pods."""
        made = population.namespaces(self.namespaces)
        self.send(self.request("POST", each) for each in made)
        wait_for(self._is_ready_for_pods, "service accounts", _LONG_S)
        self.send(
            self.request("POST", pod)
            for name in population.namespace_names(self.namespaces)
            for pod in population.pods(name)
        )

    def run_loop(self) -> float:
        """Apply what the operator will, by a bare loop; then clear it away. Return the seconds."""
        query = "?fieldManager=bench&force=true"
        wanted = population.wanted(self.namespaces)
        policies = [each for several in wanted.values() for each in several]
        marked = [_marked(name) for name in wanted]
        seconds = self.send(self.request("PATCH", each, query) for each in (*policies, *marked))
        self.send(self.request("DELETE", each) for each in policies)
        bare = ({**each, "metadata": {"name": each["metadata"]["name"]}} for each in marked)
        self.send(self.request("PATCH", each, query) for each in bare)
        return seconds

    def install_reports(self) -> None:
        """Have the API server know the API of reports."""
        self.plane.apply(REPORTS_CRD.read_text(encoding="utf-8"))
        wait_for(lambda: self.read(_REPORTS).get("items") == [], "reports served")

    def reports(self) -> list[tuple[bytes, int]]:
        """Read all reports: each as it is stored, and how many results it has."""
        found: list[tuple[bytes, int]] = []
        path = f"{_REPORTS}?limit=500"
        token = ""
        while True:
            page = self.read(path + (f"&continue={token}" if token else ""))
            found += ((_compact(each), len(each["results"])) for each in page["items"])
            token = page["metadata"].get("continue", "")
            if not token:
                return found

    def relabel(self, namespace: str, team: str) -> None:
        """Give a namespace to a team."""
        self.plane.kubectl("label", "namespace", namespace, f"team={team}", "--overwrite")

    def recreate(self, namespaces: Iterable[str]) -> None:
        """Delete all pods of some namespaces, and create them anew."""
        pods = [pod for name in namespaces for pod in population.pods(name)]
        self.send(self.request("DELETE", each) for each in pods)
        self.send(self.request("POST", each) for each in pods)

    def peak_mib(self) -> float:
        """Read the most memory that the operator has had."""
        text = Path(f"/proc/{self.release.operator.pid}/status").read_text()
        found = re.search(r"^VmHWM:\s+(\d+) kB$", text, re.MULTILINE)
        if found is None:
            raise RuntimeError("the operator has ended")
        return int(found[1]) / 1024

    def _is_ready_for_pods(self) -> bool:
        path = "/api/v1/serviceaccounts?fieldSelector=metadata.name=default"
        return len(self.read(path)["items"]) >= self.namespaces


@contextmanager
def open_stage(namespaces: int) -> Iterator[Stage]:
    """Boot a control plane, install the chart, and create the population; nothing of ours runs."""
    with ControlPlane() as plane, Release(plane) as release:
        stage = Stage(release, Trail(plane), namespaces)
        stage.populate()
        yield stage


def _compact(manifest: Manifest) -> bytes:
    return json.dumps(manifest, separators=(",", ":")).encode()


def _marked(name: str) -> Manifest:
    metadata = {"name": name, "labels": population.labels()}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
