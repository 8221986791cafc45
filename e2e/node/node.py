"""Boots a kubelet and what it needs beside a control plane, in a room that takes it all away."""

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import ClusterError, Process
from e2e.node import keeper, settings
from e2e.node.build import Programs
from e2e.node.contents import pause_content
from e2e.node.image import Image, write_image
from e2e.node.netns import listen_in
from e2e.proxy import Proxy

_READY_S: Final = 120
_TIMEOUT_S: Final = 60


class Node:
    """One node of a control plane that was started for nodes; a context manager."""

    def __init__(self, plane: ControlPlane, programs: Programs) -> None:
        self.plane = plane
        self.folder = plane.folder / "node"
        self.programs = programs
        self._keeper = Process("node", plane.folder)
        self._containerd = Process("containerd", plane.folder)
        self._scheduler = Process("kube-scheduler", plane.folder)
        self._kubelet = Process("kubelet", plane.folder)
        self._first = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def namespaces(self) -> set[str]:
        """The namespaces of its room, as the kernel names them."""
        own = Path(f"/proc/{self._first}/ns")
        return {str((own / kind).readlink()) for kind in keeper.KINDS}

    def inside(self, *command: str) -> list[str]:
        """Return what runs a command in its room."""
        flags = [f"--{kind}" for kind in ("mount", "net", "pid")]
        return ["nsenter", f"--target={self._first}", *flags, "--", *command]

    def run(self, *command: str, stdin: str | None = None) -> str:
        """Run a command in its room, and return what it prints."""
        done = subprocess.run(
            self.inside(*command),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise ClusterError(f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def add_image(self, image: Image) -> None:
        """Have containerd import an image."""
        ctr = (str(self.programs.ctr), f"--address={self._socket}", "--namespace=k8s.io")
        self.run(*ctr, "images", "import", "--snapshotter=overlayfs", str(image.archive))
        image.archive.unlink()

    @property
    def _socket(self) -> Path:
        return self.folder / "containerd.sock"

    def _start(self) -> None:
        for name in ("cni", "pods"):
            (self.folder / name).mkdir(parents=True)
        self._start_keeper()
        self._open_way_out()
        pause = write_image(self.folder, settings.PAUSE, pause_content(self.programs.pause))
        self._start_containerd(pause.pinned)
        self.add_image(pause)
        self._start_scheduler()
        self._start_kubelet()

    def _start_keeper(self) -> None:
        folder, first = str(self.folder), self.folder / "first.pid"
        self._start_process(
            self._keeper, [sys.executable, "-I", keeper.__file__, folder, settings.ADDRESS]
        )
        self._keeper.wait_until(first.exists, "furnished")
        self._first = int(first.read_text(encoding="ascii"))

    def _open_way_out(self) -> None:
        """Have the API server answer in the room, too: that has a loopback of its own."""
        listener = listen_in(self._first, self.plane.port)
        self._stack.enter_context(Proxy(self.plane.port, listener))

    def _start_containerd(self, pause: str) -> None:
        programs, path = self.programs, self.folder / "containerd.toml"
        plugins = programs.bridge.parent
        path.write_text(settings.containerd(self.folder, programs.runc, plugins, pause), "utf-8")
        (self.folder / "cni" / "plain.conflist").write_text(settings.network(self.folder), "utf-8")
        argv = self.inside(str(programs.containerd), f"--config={path}")
        self._start_process(self._containerd, argv)
        self._containerd.wait_until(self._socket.exists, "listening")

    def _start_scheduler(self) -> None:
        kubeconfig = self.plane.kubeconfig_for("system:kube-scheduler")
        flags = (f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0")
        self._start_process(self._scheduler, [str(self.programs.scheduler), *flags])

    def _start_kubelet(self) -> None:
        path, authority = self.folder / "kubelet.json", self.plane.pki / "ca.crt"
        path.write_text(
            settings.kubelet(self.folder, authority, keeper.cgroup_of(self.folder)), "utf-8"
        )
        kubeconfig = self.plane.kubeconfig_for(f"system:node:{settings.NODE}", ["system:nodes"])
        flags = (
            f"--config={path}",
            f"--kubeconfig={kubeconfig}",
            f"--hostname-override={settings.NODE}",
            f"--node-ip={settings.ADDRESS}",
            f"--root-dir={self.folder}/kubelet",
            f"--cert-dir={self.folder}/kubelet-pki",
        )
        self._start_process(self._kubelet, self.inside(str(self.programs.kubelet), *flags))
        self._kubelet.wait_until(self._is_ready, "ready", _READY_S)

    def _start_process(self, process: Process, argv: Sequence[str]) -> None:
        process.start(argv)
        self._stack.callback(process.stop)

    def _is_ready(self) -> bool:
        asked = ("get", "node", settings.NODE, "--ignore-not-found", "--output=json")
        found = self.plane.kubectl(*asked).stdout
        node = json.loads(found) if found else {"status": {}, "spec": {}}
        conditions = node["status"].get("conditions", ())
        is_ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
        return is_ready and not node["spec"].get("taints")
