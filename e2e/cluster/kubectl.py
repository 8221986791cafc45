"""Runs kubectl against one kubeconfig, apart from the settings and caches of whoever runs us."""

import json
import os
import subprocess
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from e2e.cluster.process import ClusterError

Manifest = Mapping[str, Any]
Manifests = str | Manifest | Iterable[Manifest]
_TIMEOUT_S = 120


class Kubectl:
    """kubectl as the user of a kubeconfig."""

    def __init__(self, program: Path, kubeconfig: Path, cache: Path) -> None:
        self._program = program
        self._kubeconfig = kubeconfig
        self._cache = cache

    def run(
        self, *args: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run it; with `check`, an exit code other than 0 is an error with kubectl's own words."""
        result = subprocess.run(
            [self._program, f"--kubeconfig={self._kubeconfig}", *args],
            env={**os.environ, "KUBECACHEDIR": str(self._cache), "KUBERC": "off"},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
        if check and result.returncode != 0:
            raise ClusterError(
                f"`kubectl {' '.join(args)}` ended with exit code {result.returncode}:\n"
                f"{result.stderr}{result.stdout}"
            )
        return result

    def apply(self, manifests: Manifests) -> None:
        """Apply YAML text, one object or several, on the server's side and to the letter."""
        self.run(
            "apply", "--server-side", "--force-conflicts", "--filename=-", stdin=_text(manifests)
        )

    def create_namespace(self, labels: Mapping[str, str] | None = None) -> str:
        """Create a namespace with a new name, and return when pods can be created in it."""
        name = f"e2e-{uuid.uuid4().hex[:10]}"
        metadata = {"name": name, "labels": dict(labels or {})}
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        self.run("create", "--filename=-", stdin=json.dumps(manifest))
        self.wait_for_service_account(name)
        return name

    def wait_for_service_account(self, namespace: str) -> None:
        """Wait for the namespace's default account: without it no pod is admitted there."""
        account = ("serviceaccount/default", f"--namespace={namespace}")
        self.run("wait", "--for=create", "--timeout=60s", *account)

    def delete_namespace(self, name: str) -> None:
        """Delete a namespace, not waiting for its contents to go."""
        self.run("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def _text(manifests: Manifests) -> str:
    if isinstance(manifests, str):
        return manifests
    if isinstance(manifests, Mapping):
        return json.dumps(manifests)
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
