"""The public trust root with the chart's rights: asked for over TLS, written into one ConfigMap.

The public repository is out of reach here; that its signatures decide is shown by unit tests.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

from e2e.api import wait_for
from e2e.release import NAMESPACE, Release
from tests.support.manifests import Manifest

NAME: Final = "revet-public-root"
_OPERATOR: Final = f"system:serviceaccount:{NAMESPACE}:revet-operator"
_GET: Final = ("get", "configmap", NAME, f"--namespace={NAMESPACE}", "--ignore-not-found")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Listen without TLS: nobody gets an answer by https, and the port is nobody else's."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def refreshing(
    release: Release, port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Release]:
    """Run the operator as the chart sets it up to refresh the root."""
    release.install(f"publicRoot.tufUrl=https://127.0.0.1:{port}")
    flags = [each for each in release.operator.flags if "--public-root-folder=" not in each]
    seen: Path = tmp_path_factory.mktemp("tuf")
    release.operator.flags = [*flags, f"--public-root-folder={seen}"]
    release.start_operator()
    yield release
    release.stop()
    release.install()
    assert not release.plane.kubectl(*_GET).stdout


def _write(release: Release, name: str) -> int:
    data = {"trusted_root.json": "{}"}
    metadata = {"name": name, "namespace": NAMESPACE}
    manifest: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    text = json.dumps({**manifest, "data": data})
    apply = ("apply", "--server-side", "--field-manager=revet", "--filename=-", f"--as={_OPERATOR}")
    return release.plane.kubectl(*apply, input=text, check=False).returncode


def _is_told(release: Release) -> bool:
    told = "the public trust root can't be refreshed: https://127.0.0.1:"
    return any(told in each.get("message", "") for each in release.operator.logged())


def test_what_can_not_be_fetched_is_counted_and_nothing_is_written(refreshing: Release) -> None:
    count = refreshing.operator.metric
    wait_for(lambda: count("revet_public_root_refreshes_total", result="failed") == 1, "counted")
    wait_for(lambda: _is_told(refreshing), "told in the log")
    found = json.loads(refreshing.plane.kubectl(*_GET, "--output=json").stdout)
    assert "data" not in found


def test_the_operator_may_write_that_one_and_make_none(refreshing: Release) -> None:
    assert _write(refreshing, NAME) == 0
    assert _write(refreshing, "another") != 0


def test_an_upgrade_leaves_what_was_written(refreshing: Release) -> None:
    assert _write(refreshing, NAME) == 0
    flags = refreshing.operator.flags
    refreshing.install("publicRoot.tufUrl=https://tuf.example.com")
    refreshing.operator.flags = flags
    found = json.loads(refreshing.plane.kubectl(*_GET, "--output=json").stdout)
    assert found["data"] == {"trusted_root.json": "{}"}
