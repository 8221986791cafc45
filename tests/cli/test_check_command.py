"""`revet check` as people and pipelines run it: a process, its streams, and what it ends with."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from revet.core.checks import BY_ID
from tests.cli.command import invoke

REVET: Final = (sys.executable, "-c", "from revet.cli.main import main; main()", "check")

GOOD: Final = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
"""
BAD: Final = """\
apiVersion: v1
kind: Pod
metadata: {name: bad, namespace: shop}
spec:
  hostPID: true
  containers: [{name: app, image: registry.example.com/app:1.0}]
"""
POLICY: Final = """\
apiVersion: revet.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: one}
spec:
  namespaceSelector: {}
  profile: baseline
  controls: [{id: host-namespaces, mode: MODE}]
"""

_invoke = partial(invoke, "check")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {"good.yaml": GOOD, "bad.yaml": BAD, "broken.yaml": "a: [\n"}.items():
        Path(name).write_text(text, encoding="utf-8")


def _run(
    *args: str, stdin: str = "", environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*REVET, *args],
        check=False,
        capture_output=True,
        text=True,
        input=stdin,
        timeout=60,
        env={**os.environ, **(environ or {})},
    )


@pytest.mark.parametrize(("file", "code"), [("good", 0), ("bad", 1), ("broken", 2)])
def test_the_process_ends_as_it_says(file: str, code: int) -> None:
    done = _run(f"{file}.yaml")
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("gone.yaml",), 2),
        (("bad.yaml", "broken.yaml"), 2),
        (("bad.yaml", "-p", "gone.yaml"), 2),
        (("bad.yaml", "--fail-on", "never"), 2),
        (("bad.yaml", "-o", "yaml"), 2),
        (("bad.yaml", "--namespace-labels", "tier"), 2),
        (("bad.yaml", "--namespace-labels", "tier=prod,a="), 1),
        ((), 2),
        (("--cluster", "bad.yaml"), 2),
        (("--cluster", "--kubeconfig", "gone"), 2),
    ],
)
def test_it_ends_as_it_says(args: tuple[str, ...], code: int) -> None:
    assert _invoke(*args)[0] == code


@pytest.mark.parametrize(
    ("mode", "codes"),
    [("Audit", (0, 0, 1)), ("Warn", (0, 1, 1)), ("Enforce", (1, 1, 1)), ("Disabled", (0, 0, 0))],
)
def test_fail_on_is_the_mildest_mode_that_fails(mode: str, codes: tuple[int, ...]) -> None:
    others = ", ".join(
        f"{{id: {each}, mode: Disabled}}" for each in BY_ID if each != "host-namespaces"
    )
    policy = POLICY.replace("MODE}", f"{mode}}}, {others}")
    Path("policy.yaml").write_text(policy, encoding="utf-8")
    found = tuple(
        _invoke("bad.yaml", "-p", "policy.yaml", "--fail-on", each)[0]
        for each in ("enforce", "warn", "audit")
    )
    assert found == codes


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--cluster", "--fix"), "--fix: is for files only"),
        (("--cluster", "--diff"), "--diff: is for files only"),
        (("--cluster", "--values", "v.yaml"), "--values: is for files only"),
        (("--cluster", "--namespace-labels", ""), "--namespace-labels: is for files only"),
        (("bad.yaml", "--kubeconfig", "gone"), "--kubeconfig: is for a cluster only"),
        ((), "name files or folders, or a cluster by --cluster: one of them"),
    ],
)
def test_what_is_for_the_other_form_is_refused(args: tuple[str, ...], said: str) -> None:
    code, _, error = _invoke(*args)
    assert code == 2
    assert said in error


def test_the_environments_kubeconfig_does_no_harm_to_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBECONFIG", "gone")
    assert _invoke("good.yaml")[0] == 0


def test_findings_of_other_files_are_printed_beside_bad_input() -> None:
    code, text, _ = _invoke(".")
    assert code == 2
    assert "bad.yaml:5:3  Enforce  host-namespaces" in text
    assert "broken.yaml:" in text


def test_a_pipe_gets_plain_text_and_no_progress() -> None:
    done = _run("-", stdin=BAD)
    assert done.returncode == 1
    assert "<stdin>:5:3" in done.stdout
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colours_and_links(environ: Mapping[str, str], *, coloured: bool) -> None:
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", **environ}
    env = {key: value for key, value in env.items() if key != "NO_COLOR" or key in environ}
    with subprocess.Popen([*REVET, "bad.yaml"], stdout=theirs, env=env) as process:
        os.close(theirs)
        text = _read_all(ours)
    assert process.returncode == 1
    assert ("\x1b[31m" in text, "\x1b]8;;https://" in text) == (coloured, coloured)


def _read_all(terminal: int) -> str:
    data = b""
    try:
        while chunk := os.read(terminal, 65536):
            data += chunk
    except OSError:  # how a terminal says that nobody writes there any more
        pass
    os.close(terminal)
    return data.decode()


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit"])
def test_the_report_goes_into_the_file_and_the_verdict_is_said(form: str) -> None:
    args = ("bad.yaml", "broken.yaml", "-o", form)
    code, output, errors = _invoke(*args, "--output-file", "report")
    assert (code, output) == (2, "")
    assert "broken.yaml:" in errors
    assert "1 object judged: " in errors
    assert Path("report").read_text(encoding="utf-8") == _invoke(*args)[1]


def test_a_file_that_can_not_be_written_is_told() -> None:
    code, _, errors = _invoke("bad.yaml", "--output-file", "no/such/folder")
    assert code == 2
    assert "no/such/folder can't be written: No such file or directory" in errors


def test_json_stands_alone_on_standard_output() -> None:
    code, output, errors = _invoke("bad.yaml", "-o", "json")
    document = json.loads(output)
    assert document["summary"]["exitCode"] == code == 1
    assert document["findings"][0]["control"] == "host-namespaces"
    assert errors.startswith("1 object judged: ")


def test_an_encoding_without_the_letters_does_no_harm() -> None:
    done = _run(
        "-",
        stdin=BAD.replace("name: bad", "name: bäd"),
        environ={"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"},
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


def test_a_reader_that_leaves_early_is_no_crash() -> None:
    many = "---\n".join(BAD.replace("name: bad", f"name: bad-{number}") for number in range(500))
    Path("many.yaml").write_text(many, encoding="utf-8")
    command = f"{sys.executable} -c '{REVET[2]}' check many.yaml | head -1"
    done = subprocess.run(
        ["/bin/sh", "-c", command], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "Pod shop/bad-0\n"
    assert "Traceback" not in done.stderr


def test_help_imports_nothing_that_is_slow() -> None:
    slow = "('msgspec', 'pydantic', 'rich', 'yaml')"
    code = f"import sys, revet.cli.main; print([each for each in {slow} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
