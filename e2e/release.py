"""The chart, installed by real helm on a control plane without nodes, and its two processes beside.

They run with the flags of the chart's Deployments and as its ServiceAccounts, so with its RBAC.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from types import TracebackType
from typing import Any, Final, Self

import yaml

from e2e.cluster.controlplane import ControlPlane
from e2e.helm import CHART, Helm
from e2e.mount import SecretMount
from e2e.program import Program
from e2e.webhook import Files, Webhook

NAME: Final = "revet"
NAMESPACE: Final = "revet-system"
SECRET: Final = "revet-webhook-tls"  # noqa: S105 -- a name
#: Where a process runs, not how: a Deployment says this for a pod, we for this machine.
_PLACES: Final = ("--listen", "--health", "--tls-cert", "--tls-key")


class Release:
    """The chart on a control plane; a context manager that installs and uninstalls it.

    `values` are helm's `--set`. Nothing runs until it is started.
    """

    def __init__(self, plane: ControlPlane, values: Sequence[str] = ()) -> None:
        self.plane = plane
        self.mount = SecretMount(plane, NAMESPACE, SECRET)
        folder = self.mount.folder
        kubeconfig = plane.pki / "revet-webhook.kubeconfig"
        self.webhook = Webhook(
            plane, files=Files(kubeconfig, folder / "tls.crt", folder / "tls.key")
        )
        self.operator = Program(plane, "revet-operator")
        self._own_flags = tuple(self.webhook.flags)
        self._helm = Helm(plane.folder / "helm", plane.kubeconfig)
        # So that whoever stops the webhook need not wait: nobody else has a connection to lose.
        self._values = (f"webhook.url={self.url}", "webhook.drain=0", *values)

    def __enter__(self) -> Self:
        self.install()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self.plane.kubectl("delete", "hardeningpolicies", "--all", "--wait=false")
        self.uninstall()
        self.webhook.remove_entries()

    @property
    def url(self) -> str:
        """Where the API server reaches the webhook."""
        return f"https://127.0.0.1:{self.webhook.port}"

    def install(self, *values: str) -> CompletedProcess[str]:
        """Install the chart, or upgrade it, with further values; what runs is not restarted.

        Returns what helm was asked, and what it said.
        """
        sets = [f"--set={value}" for value in (*self._values, *values)]
        place = (f"--namespace={NAMESPACE}", "--create-namespace")
        done = self._helm.run("upgrade", "--install", NAME, str(CHART), *place, *sets)
        kubeconfigs = {name: self.sign_in(name) for name in ("revet-webhook", "revet-operator")}
        self.webhook.flags = [*self._own_flags, *self._flags("revet-webhook")]
        self.operator.flags = [
            f"--kubeconfig={kubeconfigs['revet-operator']}",
            *self._flags("revet-operator"),
        ]
        return done

    def uninstall(self) -> CompletedProcess[str]:
        """Uninstall the chart; the CRD and the namespace stay. Nothing is stopped."""
        return self._helm.run("uninstall", NAME, f"--namespace={NAMESPACE}", "--ignore-not-found")

    def is_installed(self) -> bool:
        """Ask helm whether there is a release."""
        found = self._helm.run("status", NAME, f"--namespace={NAMESPACE}", check=False)
        return found.returncode == 0

    def manifest(self) -> str:
        """Return what helm has installed, as YAML."""
        return self._helm.run("get", "manifest", NAME, f"--namespace={NAMESPACE}").stdout

    def notes(self) -> str:
        """Return what helm says after an installation."""
        return self._helm.run("get", "notes", NAME, f"--namespace={NAMESPACE}").stdout

    def start(self) -> None:
        """Start both, in the order of a cluster: the webhook waits for its certificate."""
        self.start_operator()
        self.start_webhook()

    def start_operator(self) -> None:
        """Start the operator, and return when it is ready."""
        self.operator.start()

    def start_webhook(self) -> None:
        """Wait for the certificate, start the webhook, and return when it is ready."""
        self.mount.start()
        self.mount.wait()
        self.webhook.start()

    def stop(self) -> None:
        """Stop what runs."""
        self.operator.stop()
        self.webhook.stop()
        self.mount.stop()

    def _flags(self, deployment: str) -> list[str]:
        """Read the flags that the chart gives to a process."""
        place = (f"deployment/{deployment}", f"--namespace={NAMESPACE}")
        found = json.loads(self.plane.kubectl("get", *place, "--output=json").stdout)
        [container] = found["spec"]["template"]["spec"]["containers"]
        flags: list[str] = container["args"]
        return [flag for flag in flags if flag.partition("=")[0] not in _PLACES]

    def sign_in(self, account: str, title: str = "") -> Path:
        """Write a kubeconfig with a token of a ServiceAccount, as a pod of it would get."""
        args = (account, f"--namespace={NAMESPACE}", "--duration=24h")
        token = self.plane.kubectl("create", "token", *args).stdout.strip()
        path = self.plane.pki / f"{title or account}.kubeconfig"
        path.write_text(yaml.safe_dump(_kubeconfig(self.plane, account, token)))
        return path


def _kubeconfig(plane: ControlPlane, user: str, token: str) -> Mapping[str, Any]:
    authority = base64.b64encode(plane.ca_pem).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "e2e",
                "cluster": {"server": plane.url, "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": user}}],
        "current-context": "e2e",
    }
