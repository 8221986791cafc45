"""The operator's command line: bad settings end it with 2, in one line that names them."""

import subprocess
import sys
from pathlib import Path

import pytest

from revet.adapters.address import SettingsError
from revet.operator.settings import parse_url


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:9443", "https://hook.example", "https://[::1]/"]
)
def test_a_url_is_read(url: str) -> None:
    assert parse_url(url, "--webhook-url") == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook.example",
        "http://hook.example",
        "https://",
        "https://:9443",
        "https://h:70000",
        "https://h/validate",
        "https://h?x=y",
        "https://me@h",
    ],
)
def test_another_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(SettingsError, match=r"--webhook-url .* must be https://HOST"):
        parse_url(url, "--webhook-url")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--health=x"], "--health 'x' is no address, must be HOST:PORT"),
        (["--webhook-url=http://h"], "--webhook-url 'http://h' must be https://HOST"),
        (["--canary-image=revet:1"], "--canary-image 'revet:1' must be NAME@sha256:DIGEST"),
        (["--kubeconfig=/nowhere"], "can't read the configuration from /nowhere"),
    ],
)
def test_it_ends_with_a_sentence(flags: list[str], said: str) -> None:
    program = str(Path(sys.executable).parent / "revet-operator")
    command = [program, "--health=127.0.0.1:0", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert f"revet-operator: {said}" in done.stderr
    assert "Traceback" not in done.stderr
