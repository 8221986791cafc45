"""Which replicas are ready, as one watch tells it."""

import json

from revet.operator.prober import Replica
from revet.operator.replicas import Replicas

_NAME = "revet-ingest.revet-system.svc"


def _slice(name: str, *addresses: str, ready: bool = True) -> bytes:
    endpoints = [{"addresses": [each], "conditions": {"ready": ready}} for each in addresses]
    manifest = {"metadata": {"name": name}, "ports": [{"port": 9444}], "endpoints": endpoints}
    return json.dumps(manifest).encode()


def _at(*addresses: str) -> list[Replica]:
    return [Replica(f"https://{each}:9444", _NAME) for each in addresses]


def test_replicas_come_and_go_with_the_slices() -> None:
    replicas = Replicas("revet-ingest", "revet-system")
    assert replicas.ready == []
    replicas.replace([_slice("a", "10.0.0.1"), _slice("b", "10.0.0.2", "10.0.0.1")])
    assert replicas.ready == _at("10.0.0.1", "10.0.0.2")
    replicas.put(_slice("b", "10.0.0.2", ready=False))
    assert replicas.ready == _at("10.0.0.1")
    replicas.put(_slice("a", "10.0.0.3"))
    assert replicas.ready == _at("10.0.0.3")
    replicas.drop(_slice("a"))
    assert replicas.ready == []
    replicas.put(_slice("b", "10.0.0.2"))
    replicas.replace([_slice("c", "10.0.0.4")])
    assert replicas.ready == _at("10.0.0.4")
