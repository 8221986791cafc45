"""The control plane that all other end-to-end tests stand on: it boots, works, restarts, ends."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster.build import module_version
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import ClusterError
from e2e.cluster.target import Cluster, choose_target, open_cluster

_VERSION = "v1.36.3"


@pytest.fixture
def own_plane(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """Give a second cluster, for a test to end; the session's stays as it is."""
    plane = ControlPlane(control_plane.tools)
    yield plane
    plane.stop()


def test_the_api_server_says_its_version(control_plane: ControlPlane) -> None:
    answer = json.loads(control_plane.kubectl("version", "--output=json").stdout)
    assert answer["serverVersion"]["gitVersion"] == _VERSION
    assert answer["clientVersion"]["gitVersion"] == _VERSION
    assert module_version("k8s.io/kubernetes") == _VERSION


def test_a_new_namespace_gets_what_pods_need(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("wait", "--for=create", "configmap/kube-root-ca.crt", f"-n={namespace}")
    account = cluster.kubectl("get", "serviceaccount", "default", f"-n={namespace}", "-o=name")
    assert account.stdout.strip() == "serviceaccount/default"


def test_a_deployment_becomes_pods(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "deployment", "web", "--image=example.org/web:1", f"-n={namespace}")
    cluster.kubectl("wait", "--for=create", "pods", "-l=app=web", f"-n={namespace}")


def test_objects_are_applied_from_text_or_values(cluster: Cluster, namespace: str) -> None:
    first = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "first", "namespace": namespace},
    }
    second = {**first, "metadata": {"name": "second", "namespace": namespace}}
    cluster.apply([first, second])
    cluster.apply({**first, "data": {"from": "values"}})
    cluster.apply(json.dumps({**second, "data": {"from": "text"}}))
    found = cluster.kubectl("get", "configmap", "first", "second", f"-n={namespace}", "-o=json")
    assert [item["data"] for item in json.loads(found.stdout)["items"]] == [
        {"from": "values"},
        {"from": "text"},
    ]


def test_a_refused_command_tells_why(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match=r'kubectl get pod none.*\n.*pods "none" not found'):
        cluster.kubectl("get", "pod", "none")
    assert cluster.kubectl("get", "pod", "none", check=False).returncode == 1


def test_another_user_has_only_the_rights_given(
    control_plane: ControlPlane, namespace: str
) -> None:
    config = f"--kubeconfig={control_plane.kubeconfig_for('jane', ['shop'])}"
    who = json.loads(control_plane.kubectl(config, "auth", "whoami", "-o=json").stdout)
    assert who["status"]["userInfo"]["username"] == "jane"
    assert who["status"]["userInfo"]["groups"] == ["shop", "system:authenticated"]
    create = ("auth", "can-i", "create", "pods", f"--namespace={namespace}")
    assert control_plane.kubectl(config, *create, check=False).stdout.strip() == "no"
    grant = ("--clusterrole=edit", "--group=shop", f"--namespace={namespace}")
    control_plane.kubectl("create", "rolebinding", "shop", *grant)
    assert control_plane.kubectl(config, *create).stdout.strip() == "yes"


def test_the_audit_log_holds_what_was_answered(control_plane: ControlPlane, namespace: str) -> None:
    events = [json.loads(line) for line in control_plane.audit_log.read_text().splitlines()]
    assert {event["stage"] for event in events} == {"ResponseComplete"}
    created = [
        event
        for event in events
        if event["verb"] == "create" and event.get("objectRef", {}).get("name") == namespace
    ]
    assert [event["responseStatus"]["code"] for event in created] == [201]


def test_a_restarted_api_server_is_the_same_one(own_plane: ControlPlane) -> None:
    own_plane.start()
    kept = own_plane.create_namespace({"kept": "yes"})
    url = own_plane.url
    own_plane.stop_apiserver()
    assert not own_plane.is_ready()
    with pytest.raises(ClusterError, match="unknown flag: --no-such-flag"):
        own_plane.start_apiserver(["--no-such-flag"])
    own_plane.start_apiserver(["--enable-admission-plugins=AlwaysPullImages"])
    assert own_plane.url == url
    names = own_plane.kubectl("get", "namespace", "-l=kept=yes", "-o=name").stdout
    assert names.strip() == f"namespace/{kept}"
    pod = own_plane.kubectl(
        "run", "web", "--image=example.org/web:1", f"-n={kept}", "--dry-run=server", "-o=json"
    )
    container = json.loads(pod.stdout)["spec"]["containers"][0]
    assert container["imagePullPolicy"] == "Always"  # so the added flag is in force
    own_plane.create_namespace()  # so the controllers have found it again


def test_nothing_is_left_after_stop(own_plane: ControlPlane) -> None:
    own_plane.start()
    # Three programs and the watchdog.
    assert len(_processes_naming(own_plane.folder)) == 4
    own_plane.stop()
    assert _processes_naming(own_plane.folder) == []
    assert not own_plane.folder.exists()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_starter_is_killed(
    control_plane: ControlPlane, ending: signal.Signals
) -> None:
    del control_plane  # it is only that the programs are built
    code = (
        "from e2e.cluster.controlplane import ControlPlane\n"
        "with ControlPlane() as plane:\n"
        "    print(plane.folder, *plane.pids.values(), flush=True)\n"
        "    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        folder, *pids = starter.stdout.readline().split()
        assert len(pids) == 3
        processes = [os.pidfd_open(pid) for pid in _processes_naming(Path(folder))]
        starter.send_signal(ending)
    assert len(processes) == 4
    for process in processes:
        assert select.select([process], [], [], 30)[0], "a process has not ended"
        os.close(process)
    assert not Path(folder).exists()


def test_a_boot_failure_names_the_log(control_plane: ControlPlane) -> None:
    plane = ControlPlane(control_plane.tools, apiserver_flags=["--no-such-flag"])
    with pytest.raises(ClusterError) as raised:
        plane.start()
    log = plane.folder / "logs" / "kube-apiserver.log"
    assert f"its log {log} ends with:" in str(raised.value)
    assert "unknown flag: --no-such-flag" in str(raised.value)
    assert "unknown flag: --no-such-flag" in log.read_text()
    assert [path.name for path in plane.folder.iterdir()] == ["logs"]
    assert _processes_naming(plane.folder) == []
    shutil.rmtree(plane.folder)


def test_a_taken_port_is_changed_for_another(control_plane: ControlPlane) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with ControlPlane(control_plane.tools, port=port) as plane:
            assert plane.port != port
            assert plane.is_ready()


def test_up_leaves_a_cluster_that_down_stops(control_plane: ControlPlane) -> None:
    up = _run_command("up").stdout.splitlines()
    assert up[0].startswith("export KUBECONFIG=")
    kubeconfig = Path(up[0].removeprefix("export KUBECONFIG="))
    folder = kubeconfig.parent
    try:
        config = f"--kubeconfig={kubeconfig}"
        assert control_plane.kubectl(config, "get", "--raw=/readyz").stdout == "ok"
        assert len(_processes_naming(folder)) == 3
    finally:
        _run_command("down", str(folder))
    assert _processes_naming(folder) == []
    assert not folder.exists()


def test_down_refuses_a_folder_that_is_no_clusters(tmp_path: Path) -> None:
    result = _run_command("down", str(tmp_path), check=False)
    assert result.returncode == 1
    assert result.stderr == (
        f"error: {tmp_path} is not the folder of a cluster: it has no `pids` in it\n"
    )
    assert tmp_path.exists()


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"REVET_E2E_CLUSTER": "kind"},
            "REVET_E2E_CLUSTER='kind' is not known, must be one of ['local', 'kubeconfig']",
        ),
        (
            {"REVET_E2E_CLUSTER": "kubeconfig"},
            "REVET_E2E_CLUSTER=kubeconfig needs KUBECONFIG, the cluster's kubeconfig",
        ),
    ],
)
def test_a_wrong_choice_of_cluster_is_told(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ClusterError) as raised:
        choose_target(environ)
    assert str(raised.value) == message


def test_any_other_cluster_is_used_by_its_kubeconfig(control_plane: ControlPlane) -> None:
    environ = {"REVET_E2E_CLUSTER": "kubeconfig", "KUBECONFIG": str(control_plane.kubeconfig)}
    with open_cluster(environ) as other:
        assert other.control_plane is None
        assert other.kubeconfig != control_plane.kubeconfig
        name = other.create_namespace({"made": "there"})
        found = control_plane.kubectl("get", "namespace", "-l=made=there", "-o=name").stdout
        assert found.strip() == f"namespace/{name}"
        other.delete_namespace(name)


def test_a_kubeconfig_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("not a kubeconfig")
    environ = {"REVET_E2E_CLUSTER": "kubeconfig", "KUBECONFIG": str(path)}
    with (
        pytest.raises(ClusterError, match=r"KUBECONFIG=.*config can't be used"),
        open_cluster(environ),
    ):
        pass


def test_local_is_the_default() -> None:
    assert choose_target({}) == "local"


def _run_command(*args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "e2e.cluster", *args],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=check,
    )


def _processes_naming(folder: Path) -> list[int]:
    """Find the processes that have the folder in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return found
