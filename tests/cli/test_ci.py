"""docs/ci.md, docs/cli.md and the pre-commit hooks: what they show is run as it stands."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import typer
import yaml

from revet.cli.main import app
from tests.cli.test_check_command import BAD, GOOD, POLICY

ROOT: Final = Path(__file__).parent.parent.parent
BIN: Final = Path(sys.executable).parent
HOOKS: Final[list[dict[str, Any]]] = yaml.safe_load(
    (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
)
TEXTS: Final = {
    name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("ci.md", "cli.md")
}


def _blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXTS[name], re.MULTILINE | re.DOTALL)


def _commands() -> list[str]:
    """Return every command line of ours in the pages."""
    lines = [line for name in TEXTS for block in _blocks(name, "sh") for line in block.splitlines()]
    workflow = yaml.safe_load(_blocks("ci.md", "yaml")[1])
    steps = workflow["jobs"]["check"]["steps"]
    lines += [step["run"] for step in steps if "run" in step]
    return [line for line in lines if line.startswith("revet ")]


@pytest.mark.parametrize("line", _commands())
def test_commands_in_the_pages_have_options_that_exist(line: str) -> None:
    _, *words = shlex.split(line.partition(" > ")[0], comments=True)
    if words[0].startswith("--"):
        assert words[0] in {"--install-completion", "--show-completion"}
        return
    group = typer.main.get_command(app)
    command = group.commands[words[0]]  # type: ignore[attr-defined] # it is a group
    options = {flag for each in command.params for flag in each.opts}
    assert {word for word in words if word.startswith("-") and word != "-"} <= options


def test_every_command_is_told() -> None:
    shown = set(re.findall(r"^\| `revet (\w+)", TEXTS["cli.md"], re.MULTILINE))
    assert shown == {each.callback.__name__ for each in app.registered_commands if each.callback}


def test_the_workflow_uploads_what_the_check_writes() -> None:
    workflow = yaml.safe_load(_blocks("ci.md", "yaml")[1])
    job = workflow["jobs"]["check"]
    assert job["permissions"]["security-events"] == "write"
    checks = [step["run"] for step in job["steps"] if "revet check" in step.get("run", "")]
    [upload] = [step for step in job["steps"] if "upload-sarif" in step.get("uses", "")]
    assert "-o sarif" in checks[0]
    assert f"--output-file {upload['with']['sarif_file']}" in checks[0]
    assert upload["if"] == "always()"


def test_the_hook_in_the_page_is_one_that_there_is() -> None:
    [repo] = yaml.safe_load(_blocks("ci.md", "yaml")[0])["repos"]
    assert {each["id"] for each in repo["hooks"]} <= {each["id"] for each in HOOKS}


def test_pre_commit_takes_the_definition() -> None:
    path = ROOT / ".pre-commit-hooks.yaml"
    subprocess.run([BIN / "pre-commit", "validate-manifest", path], check=True)


def _git(*args: str) -> None:
    subprocess.run(["/usr/bin/env", "git", *args], check=True, capture_output=True)


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Make a repository whose hooks are ours, installed already: no network is needed."""
    monkeypatch.chdir(tmp_path)
    _git("init", "-q")
    hooks = [{**hook, "language": "system"} for hook in HOOKS]
    config = {"repos": [{"repo": "local", "hooks": hooks}]}
    Path(".pre-commit-config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(tmp_path / "home"),
    }


def _run(environ: dict[str, str], hook: str, **files: str) -> tuple[int, str]:
    for name, text in files.items():
        Path(f"{name}.yaml").write_text(text, encoding="utf-8")
    Path("notes.txt").write_text("{not: [yaml", encoding="utf-8")
    _git("add", ".")
    done = subprocess.run(
        [BIN / "pre-commit", "run", hook, "--all-files"],
        check=False,
        capture_output=True,
        text=True,
        env=environ,
    )
    return done.returncode, done.stdout


def test_the_hook_passes_what_is_good(environ: dict[str, str]) -> None:
    code, text = _run(environ, "revet-check", good=GOOD)
    assert code == 0
    assert "Passed" in text


def test_the_hook_fails_for_what_is_not(environ: dict[str, str]) -> None:
    code, text = _run(environ, "revet-check", bad=BAD, good=GOOD)
    assert code == 1
    assert "bad.yaml:5:3  Enforce  host-namespaces" in text


def test_policies_among_the_files_judge_the_others(environ: dict[str, str]) -> None:
    policy = POLICY.replace("MODE", "Disabled")
    assert _run(environ, "revet-check", bad=BAD, policy=policy)[0] == 0


def test_the_hook_that_fixes_says_that_files_have_changed(environ: dict[str, str]) -> None:
    pod = BAD.replace("  hostPID: true\n", "")
    code, text = _run(environ, "revet-fix", pod=pod)
    assert code == 1
    assert "files were modified by this hook" in text
    assert "allowPrivilegeEscalation: false" in Path("pod.yaml").read_text(encoding="utf-8")
