"""Everything that is measured, started and installed: three servers beside one control plane."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.apiserver import LABEL, Variant, render_webhook
from bench.policies import (
    FULL,
    MUTATE,
    VALIDATE,
    Calls,
    find_calls,
    render_configurations,
    render_policies,
)
from bench.review import NAMESPACE, read_pod, read_review
from bench.servers import Server, Site, start_reference, start_revet
from bench.traffic import Target
from bench.usage import read_usage
from bench.webhook import Contender
from e2e.cluster.controlplane import ControlPlane
from e2e.crd import install_crd

NOOP = "noop.bench.revet.dev"
_NAMESPACES = {MUTATE: NAMESPACE, FULL: "full"}
"""Where the pod of a review is, by the policy that selects it there."""


@dataclass(frozen=True)
class Scene:
    """The servers, and the files that are sent to them."""

    site: Site
    revet: Server
    noop: Server
    psa: Server
    reviews: Mapping[str, Path]
    """The same review of a pod in different namespaces, by the policies that select them."""
    pod: Path

    def cpu_s(self) -> float:
        """Read the CPU time that all of it has used."""
        pids = self.site.plane.pids.values()
        servers = (self.revet, self.noop, self.psa)
        return sum(read_usage(pid).cpu_s for pid in pids) + sum(each.cpu_s() for each in servers)

    def contenders(self) -> list[Contender]:
        """List what is measured alone."""
        calls, full = self._calls(MUTATE), self._calls(FULL)
        (validate,), (mutate,) = calls.validating.values(), calls.mutating.values()
        (restricted,) = full.validating.values()
        urls = (
            ("validate", self.revet, validate, MUTATE),
            ("mutate", self.revet, mutate, MUTATE),
            ("restricted", self.revet, restricted, FULL),
            ("noop", self.noop, f"{self.noop.url}/validate", MUTATE),
            ("psa", self.psa, f"{self.psa.url}/validate", MUTATE),
        )
        authority = self.site.authority
        return [
            Contender(name, server, Target(url, self.reviews[policy], authority, allowed=True))
            for name, server, url, policy in urls
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
            pod = plane.folder / "pod.json"
            pod.write_bytes(read_pod())
            yield Scene(site, revet, noop, psa, _write_reviews(plane.folder), pod)


def _install_policies(plane: ControlPlane) -> None:
    """Install them with the namespaces that the reviews name."""
    install_crd(plane)
    plane.apply(render_policies())
    for policy, name in _NAMESPACES.items():
        metadata = {"name": name, "labels": {LABEL: policy}}
        plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


def _write_reviews(folder: Path) -> dict[str, Path]:
    reviews = {policy: folder / f"review-{policy}.json" for policy in _NAMESPACES}
    for policy, path in reviews.items():
        path.write_bytes(read_review(_NAMESPACES[policy]))
    return reviews
