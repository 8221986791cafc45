"""A real node beside the control plane: kubelet, containerd and a plain bridge, in its own room."""
