"""A network that enforces: each NetworkPolicy's denied ports, dropped on the node's bridge by nft.

It knows what the canary's NetworkPolicy says and no more; of anything else it is an error.
"""

import threading
from types import TracebackType
from typing import Any, Final, Self

from e2e.api import Api, Manifest
from e2e.node.node import Node

_TABLE: Final = "table bridge policies"
_HOOK: Final = "type filter hook forward priority 0"
_AGAIN_S: Final = 0.2


class Enforcement:
    """Enforces what stands in a namespace, on a node, while it is open; a context manager."""

    def __init__(self, node: Node, namespace: str) -> None:
        self._node = node
        self._namespace = namespace
        self._api = Api(node.plane)
        self._ending = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._written = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join()
        self._api.close()
        if self._error is not None:
            raise self._error
        self._write([])

    def _run(self) -> None:
        try:
            while not self._ending.wait(_AGAIN_S):
                pods = self._api.items("Pod", self._namespace)
                policies = self._api.items("NetworkPolicy", self._namespace)
                self._write([line for each in policies for line in _rules(each, pods)])
        except Exception as error:  # noqa: BLE001 -- told where it is closed
            self._error = error

    def _write(self, rules: list[str]) -> None:
        """Replace all rules at once."""
        lines = (f"{_TABLE} {{", "chain forward {", _HOOK, *rules, "}", "}", "")
        text = "\n".join(lines)
        if text != self._written:
            # Declared and deleted: it may not be there yet.
            self._node.run("nft", "-f", "-", stdin=f"{_TABLE}\ndelete {_TABLE}\n{text}")
            self._written = text


def _rules(policy: Manifest, pods: list[Manifest]) -> list[str]:
    """Write what a policy of ingress means for new TCP connections."""
    spec = policy["spec"]
    if spec["policyTypes"] != ["Ingress"]:
        raise ValueError(f"{spec['policyTypes']}: only Ingress is known here")
    rules = []
    for to in _addresses(spec["podSelector"], pods):
        new = f"ip daddr {to} tcp flags & (syn | ack) == syn"
        for rule in spec["ingress"]:
            ports = ", ".join(str(_port(each)) for each in rule["ports"])
            rules += [
                f"{new} ip saddr {sender} tcp dport {{ {ports} }} accept"
                for peer in rule["from"]
                for sender in _addresses(peer["podSelector"], pods)
            ]
        rules.append(f"{new} drop")
    return rules


def _addresses(selector: dict[str, Any], pods: list[Manifest]) -> list[str]:
    wanted = selector["matchLabels"].items()
    return [
        each["status"]["podIP"]
        for each in pods
        if wanted <= each["metadata"]["labels"].items() and each["status"].get("podIP")
    ]


def _port(port: dict[str, Any]) -> int:
    if port["protocol"] != "TCP":
        raise ValueError(f"{port}: only TCP is known here")
    return int(port["port"])
