"""The settings of a node's programs: everything that differs from their defaults, and why."""

import json
from pathlib import Path
from typing import Any, Final

NODE: Final = "node-1"
#: Of the node itself, on a device that goes nowhere: a kubelet wants one that is not loopback.
ADDRESS: Final = "192.0.2.10"
BRIDGE: Final = "plain0"
PODS: Final = "198.51.100.0/24"
PAUSE: Final = "localhost/pause"


def containerd(folder: Path, runc: Path, plugins: Path, pause: str) -> str:
    """Return containerd's config.toml."""
    return f"""\
version = 3
root = "{folder}/containerd/root"
state = "{folder}/containerd/state"
[grpc]
address = "{folder}/containerd.sock"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.runtime']
# Where CAP_SYS_RESOURCE is missing runc could not set what a kubelet asks for, and ends.
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["{plugins}"]
conf_dir = "{folder}/cni"
use_internal_loopback = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false
"""


def network(folder: Path) -> str:
    """Return the CNI's settings: a plain bridge, which enforces no NetworkPolicy at all.

    It is no gateway: pods reach each other, which is all that is tried here.
    """
    ipam = {"type": "host-local", "ranges": [[{"subnet": PODS}]], "dataDir": f"{folder}/ipam"}
    plugin = {"type": "bridge", "bridge": BRIDGE, "ipam": ipam}
    return json.dumps({"cniVersion": "1.0.0", "name": "plain", "plugins": [plugin]})


def kubelet(folder: Path, authority: Path, cgroup: str) -> str:
    """Return the KubeletConfiguration."""
    settings: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "127.0.0.1",
        "authentication": {"x509": {"clientCAFile": str(authority)}},
        "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        # There is no iptables to keep rules in.
        "makeIPTablesUtilChains": False,
        "podLogsDir": f"{folder}/pods",
        "volumePluginDir": f"{folder}/volume-plugins",
        "resolvConf": "",
        # The machine's disk may be nearly full: that is not what is tried here.
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
    }
    return json.dumps(settings)
