"""Kubernetes' own add-ons, as its source carries them, have no tier-1 finding that is a mistake."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.toolchain import find_go, required_version
from revet.core.admission import is_judged, read_object
from revet.core.check import Outcome
from revet.core.checks import ALL
from revet.core.defaulting import set_defaults
from revet.core.item import Item
from revet.core.model.settings import DEFAULT_SETTINGS
from revet.core.model.version import LATEST

MODULE = "k8s.io/kubernetes"
CLUSTER = Path(__file__).parent / "cluster"
TIER_1 = [check for check in ALL if check.tier == 1]
#: What is true of pods that ask for nothing: these say neither hostUsers: false nor drop: [ALL].
UNSAID = {"host-users-userns", "drop-all-capabilities"}
#: What is true of kube-proxy, which works on the node itself.
PROXY = {
    "host-namespaces",
    "host-path-scope",
    "host-path-volumes",
    "privileged-containers",
    "volume-types",
}
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def kubernetes() -> Path:
    go = str(find_go(required_version(CLUSTER)).path)
    listing = [go, "list", "-m", "-f", "{{.Dir}}", MODULE]
    subprocess.run([go, "mod", "download", MODULE], cwd=CLUSTER, check=True)
    found = subprocess.run(listing, cwd=CLUSTER, check=True, capture_output=True, text=True)
    return Path(found.stdout.strip())


def _addons(kubernetes: Path) -> Iterator[Manifest]:
    folder = kubernetes / "cluster/addons"
    for pattern in ("dns/coredns/*.base", "metrics-server/*.yaml"):
        for path in sorted(folder.glob(pattern)):
            yield from _judged(path.read_text(encoding="utf-8"))


def _of_kubeadm(kubernetes: Path, name: str) -> Iterator[Manifest]:
    """Read the manifests that kubeadm's source holds as templates between backticks."""
    path = kubernetes / f"cmd/kubeadm/app/phases/addons/{name}/manifests.go"
    for text in re.findall(r"= `\n(.*?)`", path.read_text(encoding="utf-8"), re.DOTALL):
        lines = [line for line in text.splitlines() if not line.strip().startswith("{{")]
        yield from _judged(re.sub(r"{{.*?}}", "x", "\n".join(lines)))


def _judged(text: str) -> Iterator[Manifest]:
    for manifest in yaml.load_all(text, Loader=yaml.CSafeLoader):
        if manifest and is_judged(_group(manifest), manifest["kind"]):
            yield manifest


def _group(manifest: Manifest) -> str:
    return str(manifest.get("apiVersion", "")).rpartition("/")[0]


def _findings(manifest: Manifest) -> set[str]:
    subject = read_object(_group(manifest), manifest["kind"], json.dumps(manifest).encode())
    if isinstance(subject, Item):
        return {
            finding.control
            for check in TIER_1
            for rule in check.items
            if subject.kind in rule.kinds
            for finding in rule.bind(DEFAULT_SETTINGS)(subject)
            if finding.outcome is Outcome.FAIL
        }
    set_defaults(manifest, subject.prefix)
    pod = subject.pod()
    revisions = [check.revision(LATEST) for check in TIER_1]
    findings = (each for rule in revisions if rule is not None for each in rule.run(pod))
    return {each.control for each in findings if each.outcome is Outcome.FAIL}


def test_dns_and_metrics_have_none(kubernetes: Path) -> None:
    manifests = [*_addons(kubernetes), *_of_kubeadm(kubernetes, "dns")]
    kinds = Counter(each["kind"] for each in manifests)
    assert kinds["ClusterRole"] >= 3
    assert kinds["Service"] >= 3
    assert kinds["Deployment"] >= 3
    found = {each["kind"] + "/" + each["metadata"]["name"]: _findings(each) for each in manifests}
    assert {name: ids - UNSAID for name, ids in found.items() if ids - UNSAID} == {}
    assert {name for name, ids in found.items() if ids} <= {
        name for name in found if name.startswith("Deployment/")
    }


def test_kube_proxy_is_found_for_what_it_is(kubernetes: Path) -> None:
    manifests = {each["kind"]: each for each in _of_kubeadm(kubernetes, "proxy")}
    assert _findings(manifests["DaemonSet"]) - UNSAID == PROXY
