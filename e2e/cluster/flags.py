"""The command lines of the control plane: every flag that differs from its program's default."""

from pathlib import Path

# One event a request, when it has been answered: admission's audit annotations are in it.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted, Panic]
rules:
- level: Metadata
"""


def etcd(folder: Path) -> list[str]:
    """Sockets in our folder, not ports: nobody else gets at the data, and none can be taken."""
    return [
        f"--data-dir={folder}/etcd/data",
        f"--listen-client-urls={_etcd_url(folder)}",
        "--advertise-client-urls=http://127.0.0.1:2379",  # wants host:port; nobody dials it
        f"--listen-peer-urls=unix://{folder}/etcd/peer.sock",
        "--unsafe-no-fsync",  # the data is thrown away
        # As kubeadm sets it: without, nobody who watches what never changes is sent a bookmark.
        "--watch-progress-notify-interval=5s",
    ]


def apiserver(folder: Path, port: int, audit_log: Path) -> list[str]:
    """Client certificates, RBAC, and an audit log."""
    pki = folder / "pki"
    return [
        f"--etcd-servers={_etcd_url(folder)}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        # The service `kubernetes` gets no endpoint: loopback is refused there, and no pod runs.
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--service-account-key-file={pki}/service-accounts.crt",
        f"--service-account-signing-key-file={pki}/service-accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        "--service-cluster-ip-range=10.96.0.0/16",
        f"--audit-policy-file={folder}/audit-policy.yaml",
        f"--audit-log-path={audit_log}",
    ]


def for_nodes() -> list[str]:
    """Return what the API server is given besides where a kubelet is to come: it has few rights."""
    return ["--authorization-mode=Node", "--enable-admission-plugins=NodeRestriction"]


def controller_manager(folder: Path, *, has_nodes: bool = False) -> list[str]:
    """Without a port of its own; where no node comes, without the controller that waits for it."""
    pki = folder / "pki"
    return [
        f"--kubeconfig={pki}/controllers.kubeconfig",
        "--secure-port=0",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        # Its own limits are for sparing a big cluster: with them it takes seconds more to start.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        f"--service-account-private-key-file={pki}/service-accounts.key",
        f"--root-ca-file={pki}/ca.crt",
        *([] if has_nodes else ["--controllers=*,-node-lifecycle-controller"]),
    ]


def _etcd_url(folder: Path) -> str:
    return f"unix://{folder}/etcd/client.sock"
