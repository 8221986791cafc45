"""Everything that is measured, started and installed: three servers beside one control plane."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.apiserver import LABEL, Variant, render_webhook
from bench.policies import (
    MUTATE,
    VALIDATE,
    Calls,
    find_calls,
    render_configurations,
    render_policies,
)
from bench.review import read_pod, read_review
from bench.servers import Server, Site, start_reference, start_revet
from bench.traffic import Target
from bench.usage import read_usage
from bench.webhook import Contender
from e2e.cluster.controlplane import ControlPlane
from e2e.crd import install_crd

NOOP = "noop.bench.revet.dev"


@dataclass(frozen=True)
class Scene:
    """The servers, and the files that are sent to them."""

    site: Site
    revet: Server
    noop: Server
    psa: Server
    review: Path
    pod: Path

    def cpu_s(self) -> float:
        """Read the CPU time that all of it has used."""
        pids = self.site.plane.pids.values()
        servers = (self.revet, self.noop, self.psa)
        return sum(read_usage(pid).cpu_s for pid in pids) + sum(each.cpu_s() for each in servers)

    def contenders(self) -> list[Contender]:
        """List what is measured alone."""
        calls = self._calls(MUTATE)
        (validate,), (mutate,) = calls.validating.values(), calls.mutating.values()
        urls = (
            ("validate", self.revet, validate),
            ("mutate", self.revet, mutate),
            ("noop", self.noop, f"{self.noop.url}/validate"),
            ("psa", self.psa, f"{self.psa.url}/validate"),
        )
        return [
            Contender(name, server, Target(url, self.review, self.site.authority, allowed=True))
            for name, server, url in urls
        ]

    def variants(self) -> list[Variant]:
        """Make a namespace for each way in which pods are created, and install the webhooks."""
        plane = self.site.plane
        plane.apply(render_webhook(self.site, NOOP, f"{self.noop.url}/validate", "noop"))
        plane.apply(self._configurations())
        judged, patched = self._calls(VALIDATE), self._calls(MUTATE)
        webhooks = {
            "none": (),
            "noop": (NOOP,),
            "validate": (*judged.mutating, *judged.validating),
            "mutate_validate": (*patched.mutating, *patched.validating),
        }
        labels = {"none": "none", "noop": "noop", "validate": VALIDATE, "mutate_validate": MUTATE}
        servers = {"noop": self.noop, "validate": self.revet, "mutate_validate": self.revet}
        return [
            Variant(name, plane.create_namespace({LABEL: labels[name]}), names, servers.get(name))
            for name, names in webhooks.items()
        ]

    def _configurations(self) -> list[dict[str, Any]]:
        return render_configurations(self.revet.url, self.site.plane.ca_pem)

    def _calls(self, policy: str) -> Calls:
        return find_calls(self._configurations(), policy)


@contextmanager
def open_scene() -> Iterator[Scene]:
    """Boot a control plane, give it the policies, and start the servers."""
    with ControlPlane() as plane:
        site = Site(plane)
        site.write_certificate()
        _install_policies(plane)
        with (
            start_revet(site) as revet,
            start_reference(site, "noop") as noop,
            start_reference(site, "psa") as psa,
        ):
            review, pod = plane.folder / "review.json", plane.folder / "pod.json"
            review.write_bytes(read_review())
            pod.write_bytes(read_pod())
            yield Scene(site, revet, noop, psa, review, pod)


def _install_policies(plane: ControlPlane) -> None:
    """Install them with the namespace `prod`, which the review names."""
    install_crd(plane)
    plane.apply(render_policies())
    metadata = {"name": "prod", "labels": {LABEL: MUTATE}}
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
