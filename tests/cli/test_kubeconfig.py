"""A kubeconfig that is none: told in one line, with the file's name, and ends with 2."""

from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from revet.cli.main import app

_HEAD: Final = "apiVersion: v1\nkind: Config\ncurrent-context: a\n"
_CONTEXT: Final = "contexts: [{name: a, context: {cluster: a, user: a}}]\n"
_USER: Final = "users: [{name: a, user: {}}]\n"
_SERVER: Final = "server: https://127.0.0.1:1"
BAD: Final = {
    "empty": "",
    "comments": "# nothing\n",
    "text": "hello\n",
    "number": "7\n",
    "list": "- a\n",
    "broken": "clusters: [\n",
    "nothing-in-it": _HEAD,
    "no-context": "apiVersion: v1\nkind: Config\ncontexts: []\nclusters: []\nusers: []\n",
    "clusters-that-are-a-text": f"{_HEAD}{_CONTEXT}{_USER}clusters: a\n",
    "a-cluster-that-is-a-text": f"{_HEAD}{_CONTEXT}{_USER}clusters: [a]\n",
    "a-cluster-that-is-null": f"{_HEAD}{_CONTEXT}{_USER}clusters: [{{name: a, cluster: null}}]\n",
    "contexts-that-are-a-number": f"{_HEAD}contexts: 7\n{_USER}clusters: []\n",
    "a-server-that-is-a-number": f"{_HEAD}{_CONTEXT}{_USER}clusters: [{{name: a, cluster: "
    "{server: 7}}]\n",
    "authority-that-is-no-base64": f"{_HEAD}{_CONTEXT}{_USER}clusters: [{{name: a, cluster: "
    f"{{{_SERVER}, certificate-authority-data: '!'}}}}]\n",
    "authority-that-is-no-certificate": f"{_HEAD}{_CONTEXT}{_USER}clusters: [{{name: a, cluster: "
    f"{{{_SERVER}, certificate-authority-data: aGVsbG8K}}}}]\n",
    "authority-that-is-a-number": f"{_HEAD}{_CONTEXT}{_USER}clusters: [{{name: a, cluster: "
    f"{{{_SERVER}, certificate-authority-data: 7}}}}]\n",
    "authority-that-is-not-there": f"{_HEAD}{_CONTEXT}{_USER}clusters: [{{name: a, cluster: "
    f"{{{_SERVER}, certificate-authority: /nowhere/ca.crt}}}}]\n",
    "user-that-is-a-text": f"{_HEAD}{_CONTEXT}users: [{{name: a, user: x}}]\nclusters: [{{name: a, "
    f"cluster: {{{_SERVER}}}}}]\n",
}


@pytest.mark.parametrize("command", [["check", "--cluster"], ["status", "-n", "shop"]])
@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_it_is_told(tmp_path: Path, text: str, command: list[str]) -> None:
    file = tmp_path / "config"
    file.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, [*command, "--kubeconfig", str(file)])
    assert done.exit_code == 2, done.exception
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"revet {command[0]}: ")
    assert done.stdout == ""


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_bytes(b"\xff\x00\xfe")
    done = CliRunner().invoke(app, ["check", "--cluster", "--kubeconfig", str(file)])
    assert done.exit_code == 2, done.exception
    assert str(file) in done.stderr
