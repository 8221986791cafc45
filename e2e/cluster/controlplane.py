"""Boots etcd, an API server and its controllers on loopback, all state in one temporary folder."""

import base64
import http.client
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from e2e.cluster import flags, watchdog
from e2e.cluster.build import Tools, build_tools
from e2e.cluster.certificates import Authority, Credential, make_key_pair
from e2e.cluster.kubectl import Kubectl, Manifests
from e2e.cluster.process import PortTakenError, Process, ProcessError, free_port

_ATTEMPTS = 3


class ControlPlane:
    """A Kubernetes control plane without nodes, as a context manager.

    `apiserver_flags` are added to every start of the API server; `port` is the one to try first;
    `has_nodes` is for a test that brings a node.
    """

    def __init__(
        self,
        tools: Tools | None = None,
        apiserver_flags: Sequence[str] = (),
        port: int | None = None,
        *,
        has_nodes: bool = False,
    ) -> None:
        self.tools = tools or build_tools()
        # Resolved: a pid is known to be ours by this path, and `down` may get another way to it.
        self.folder = Path(tempfile.mkdtemp(prefix="revet-e2e-")).resolve()
        self.pki = self.folder / "pki"
        for name in ("logs", "pids", "pki", "etcd"):
            (self.folder / name).mkdir()
        self.authority = Authority()
        self.ca_pem = self.authority.ca_pem
        self.kubeconfig = self.folder / "kubeconfig"
        self.audit_log = self.folder / "logs" / "audit.log"
        self.port = port or free_port()
        self._has_nodes = has_nodes
        self._apiserver_flags = (*apiserver_flags, *(flags.for_nodes() if has_nodes else ()))
        self._etcd = Process("etcd", self.folder)
        self._apiserver = Process("kube-apiserver", self.folder)
        self._controllers = Process("kube-controller-manager", self.folder)
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._kubectl = Kubectl(self.tools.kubectl, self.kubeconfig, self.folder / "cache")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(keep_logs=isinstance(error, ProcessError))

    @property
    def control_plane(self) -> Self:
        """Itself: as a test's Cluster, it is one that can be restarted."""
        return self

    @property
    def url(self) -> str:
        """Where the API server listens."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def pids(self) -> Mapping[str, int]:
        """The pids of what runs now, by program."""
        processes = (self._etcd, self._apiserver, self._controllers)
        return {each.name: each.pid for each in processes if each.pid is not None}

    def start(self) -> Self:
        """Boot, and return when pods could be created; after an error only the logs remain."""
        try:
            self._watchdog = self._start_watchdog()
            self._write_pki()
            self._start_etcd()
            self._start_apiserver_on_free_port()
            self._start_controllers()
            self._kubectl.wait_for_service_account("default")
        except BaseException:
            self.stop(keep_logs=True)
            raise
        return self

    def stop(self, *, keep_logs: bool = False) -> None:
        """Stop everything and remove the folder, but for its logs if an error has named them."""
        self.shut_down()
        self._dismiss_watchdog()
        for path in self.folder.glob("*"):
            if not (keep_logs and path.name == "logs"):
                _remove(path)
        if not keep_logs:
            _remove(self.folder)

    def detach(self) -> None:
        """Leave it running when this process ends; `watchdog.stop_recorded(folder)` stops it."""
        self._dismiss_watchdog()

    def shut_down(self) -> None:
        """Stop everything; what is stored stays, and `boot` starts it again."""
        self._controllers.stop()
        self.stop_apiserver()
        self._etcd.stop()

    def boot(self) -> None:
        """Start everything again after `shut_down`, and return when the API server is ready."""
        self._start_etcd()
        self.start_apiserver()
        self._start_controllers()

    def stop_apiserver(self) -> None:
        """Stop the API server alone; etcd keeps what is stored."""
        self._apiserver.stop(grace_s=1)  # it would wait a minute for its watchers to go

    def start_apiserver(self, extra_flags: Sequence[str] = ()) -> None:
        """Start it again on the same port, with these flags besides its usual ones."""
        self.launch_apiserver(extra_flags)
        self.wait_for_apiserver()

    def launch_apiserver(self, extra_flags: Sequence[str] = ()) -> None:
        """Start it as `start_apiserver`, but don't wait."""
        own = flags.apiserver(self.folder, self.port, self.audit_log)
        argv = [str(self.tools.apiserver), *own, *self._apiserver_flags, *extra_flags]
        self._apiserver.start(argv)

    def wait_for_apiserver(self) -> None:
        """Wait until it is ready; it is an error if it ends first."""
        self._apiserver.wait_until(self.is_ready, "ready")

    def is_ready(self) -> bool:
        """Ask the API server's /readyz."""
        # A short time-out: on a port that was taken, something else may listen and say nothing.
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=2, context=self._tls
        )
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False  # it does not listen yet
        finally:
            connection.close()

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run names it
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the admin; `--kubeconfig` among `args` makes it another user."""
        return self._kubectl.run(*args, stdin=input, check=check)

    def apply(self, manifests: Manifests) -> None:
        """Apply YAML text, one object or several."""
        self._kubectl.apply(manifests)

    def create_namespace(self, labels: Mapping[str, str] | None = None) -> str:
        """Create a namespace with a new name, ready for pods."""
        return self._kubectl.create_namespace(labels)

    def delete_namespace(self, name: str) -> None:
        """Delete a namespace, not waiting for its contents to go."""
        self._kubectl.delete_namespace(name)

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Write a kubeconfig for a user, who has only the rights that RBAC gives."""
        with tempfile.NamedTemporaryFile(
            "w", dir=self.pki, prefix="user-", suffix=".kubeconfig", delete=False
        ) as file:
            file.write(self._render_kubeconfig(self.authority.issue_client(user, groups)))
        return Path(file.name)

    def _write_pki(self) -> None:
        hosts = ("127.0.0.1", "localhost", "10.96.0.1", "kubernetes.default.svc")
        self._write("ca", Credential(self.ca_pem, b""))
        self._write("apiserver", self.authority.issue_server("kube-apiserver", hosts))
        self._write("service-accounts", make_key_pair())
        self._admin = self.authority.issue_client("e2e-admin", ["system:masters"])
        self._write("admin", self._admin)
        self._tls = ssl.create_default_context(cadata=self.ca_pem.decode())
        self._tls.load_cert_chain(self.pki / "admin.crt", self.pki / "admin.key")
        (self.folder / "audit-policy.yaml").write_text(flags.AUDIT_POLICY)

    def _write(self, name: str, credential: Credential) -> None:
        (self.pki / f"{name}.crt").write_bytes(credential.certificate)
        (self.pki / f"{name}.key").write_bytes(credential.key)

    def _start_etcd(self) -> None:
        self._etcd.start([str(self.tools.etcd), *flags.etcd(self.folder)])

    def _start_controllers(self) -> None:
        own = flags.controller_manager(self.folder, has_nodes=self._has_nodes)
        self._controllers.start([str(self.tools.controller_manager), *own])

    def _start_apiserver_on_free_port(self) -> None:
        """Start it and write the kubeconfigs; a port taken meanwhile is changed for another."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self.start_apiserver()
                break
            except PortTakenError:
                if attempt == _ATTEMPTS:
                    raise
                self.port = free_port()
        self.kubeconfig.write_text(self._render_kubeconfig(self._admin))
        controllers = self.authority.issue_client("system:kube-controller-manager")
        (self.pki / "controllers.kubeconfig").write_text(self._render_kubeconfig(controllers))

    def _render_kubeconfig(self, credential: Credential) -> str:
        cluster = {"server": self.url, "certificate-authority-data": _base64(self.ca_pem)}
        user = {
            "client-certificate-data": _base64(credential.certificate),
            "client-key-data": _base64(credential.key),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "e2e", "cluster": cluster}],
            "users": [{"name": "e2e", "user": user}],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e"}}],
            "current-context": "e2e",
        }
        return yaml.safe_dump(config, sort_keys=False)

    def _start_watchdog(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", watchdog.__file__, str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def _dismiss_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.communicate(watchdog.LEAVE)
            self._watchdog = None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
