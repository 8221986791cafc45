"""The webhook's command line: bad settings end it with 2, in one line that names them."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.cluster.certificates import Authority
from revet.adapters.address import Address, SettingsError

_KUBECONFIG = """\
{apiVersion: v1, kind: Config, current-context: a, clusters: [{name: a, cluster:
{server: "https://127.0.0.1:1"}}], users: [{name: a, user: {token: t}}],
contexts: [{name: a, context: {cluster: a, user: a}}]}
"""


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [(":9443", "", 9443), ("127.0.0.1:0", "127.0.0.1", 0), ("[::1]:8080", "::1", 8080)],
)
def test_an_address_is_read(text: str, host: str, port: int) -> None:
    assert Address.parse(text, "--listen") == Address(host, port)


@pytest.mark.parametrize("text", ["", "9443", "host", "host:", "host:port", ":70000", "::1:80"])
def test_another_form_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--listen .* must be HOST:PORT"):
        Address.parse(text, "--listen")


def _run(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    pair = Authority().issue_server("webhook", ["127.0.0.1"])
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)
    (folder / "kubeconfig").write_text(_KUBECONFIG)
    own = {
        "--listen": "127.0.0.1:0",
        "--health": "127.0.0.1:0",
        "--tls-cert": str(folder / "tls.crt"),
        "--tls-key": str(folder / "tls.key"),
        "--kubeconfig": str(folder / "kubeconfig"),
    } | dict(flag.split("=", 1) for flag in flags)
    program = str(Path(sys.executable).parent / "revet-webhook")
    argv = [program, *(f"{flag}={value}" for flag, value in own.items())]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    "flag",
    [
        "--listen=nowhere",
        "--health=127.0.0.1:70000",
        "--listen=192.0.2.1:0",
        "--tls-cert=/nonexistent",
        "--kubeconfig=/nonexistent",
    ],
)
def test_a_bad_setting_ends_with_2_and_its_name(tmp_path: Path, flag: str) -> None:
    done = _run(tmp_path, flag)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("revet-webhook: ")
    name = flag.partition("=")[0].removeprefix("--")
    assert name in done.stderr or flag.partition("=")[2] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_ends_with_2(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = _run(tmp_path, f"--health=127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("revet-webhook: --health 127.0.0.1:")
