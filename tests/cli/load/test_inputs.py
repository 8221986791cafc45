"""Paths to inputs: folders, .gitignore, links, charts, kustomizations; in a stable order."""

import os
import subprocess
from pathlib import Path

import pytest

from revet.cli.load import (
    STDIN_NAME,
    Chart,
    File,
    InputProblem,
    Kustomization,
    Skipped,
    find_inputs,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")


def _names(*paths: str) -> list[str]:
    found = [each for each in find_inputs(paths) if not isinstance(each, Skipped)]
    assert all(isinstance(each, File) for each in found), found
    return [each.name for each in found if isinstance(each, File)]


@pytest.mark.usefixtures("folder")
def test_folders_give_their_manifests_in_order() -> None:
    _write("b.yaml", "a/2.yml", "a/10.json", "a/z/1.yaml", "c.txt", "a/.git/x.yaml", ".ci/y.yaml")
    assert _names(".") == ["a/10.json", "a/2.yml", "a/z/1.yaml", "b.yaml"]
    assert _names("b.yaml", "a") == ["b.yaml", "a/10.json", "a/2.yml", "a/z/1.yaml"]


@pytest.mark.usefixtures("folder")
def test_what_is_named_is_read_whatever_it_is_called() -> None:
    _write("deploy.tpl", ".hidden/x.yaml", "ignored.yaml", ".gitignore")
    Path(".gitignore").write_text("ignored.yaml\n", encoding="utf-8")
    names = ("deploy.tpl", ".hidden", "ignored.yaml")
    assert _names(*names) == ["deploy.tpl", ".hidden/x.yaml", "ignored.yaml"]
    assert _names(".") == []


@pytest.mark.usefixtures("folder")
def test_nothing_is_read_twice() -> None:
    _write("a/x.yaml", "a/b/y.yaml")
    Path("a/link.yaml").symlink_to("x.yaml")
    assert _names("a/b", "a", "a/x.yaml", "./a/../a/x.yaml") == ["a/b/y.yaml", "a/link.yaml"]
    assert find_inputs(["-", "-"]) == [File(STDIN_NAME, None)]


@pytest.mark.usefixtures("folder")
def test_what_is_not_there_is_a_problem() -> None:
    _write("a.yaml")
    found = find_inputs(["missing.yaml", "a.yaml"])
    assert found == [
        InputProblem("missing.yaml", None, "no such file or folder"),
        File("a.yaml", Path("a.yaml")),
    ]


@pytest.mark.usefixtures("folder")
def test_links_are_no_trap() -> None:
    _write("a/x.yaml")
    Path("a/up").symlink_to("..")
    Path("a/self.yaml").symlink_to("self.yaml")
    Path("a/gone.yaml").symlink_to("nowhere")
    assert find_inputs(["a"]) == [
        File("a/gone.yaml", Path("a/gone.yaml")),
        File("a/self.yaml", Path("a/self.yaml")),
        Skipped("a/up", "a link to a folder: name it to have it checked"),
        File("a/x.yaml", Path("a/x.yaml")),
    ]


@pytest.mark.usefixtures("folder")
def test_what_is_no_file_is_told_and_not_opened() -> None:
    os.mkfifo("pipe.yaml")
    assert find_inputs(["."]) == [Skipped("pipe.yaml", "no regular file")]


_IGNORED = {
    ".gitignore": "build/\n*.gen.yaml\n!keep.gen.yaml\n/top.yaml\ndocs/**/old.yaml\n!\n\\\n",
    "sub/.gitignore": "!again.gen.yaml\nlocal.yaml\n/build2\n",
    "sub/deep/.gitignore": "*\n!only.yaml\n",
}
_FILES = (
    *("build/a.yaml", "sub/build/a.yaml", "x.gen.yaml", "keep.gen.yaml", "top.yaml"),
    *("sub/top.yaml", "docs/a/b/old.yaml", "docs/new.yaml", "sub/again.gen.yaml"),
    *("sub/local.yaml", "local.yaml", "sub/build2/a.yaml", "sub/deep/only.yaml"),
    *("sub/deep/other.yaml", "sub/other.gen.yaml", "again.gen.yaml"),
)


@pytest.mark.parametrize("start", [".", "sub", "sub/deep", "docs"])
def test_gitignore_means_what_it_means_to_git(folder: Path, start: str) -> None:
    _write(*_FILES)
    for name, text in _IGNORED.items():
        (folder / name).write_text(text, encoding="utf-8")
    git = ["git", "-c", "core.excludesFile="]
    subprocess.run([*git, "init", "-q"], check=True, cwd=folder)
    listing = ["ls-files", "--others", "--exclude-standard", "--", f"{start}/*.yaml"]
    done = subprocess.run([*git, *listing], check=True, cwd=folder, capture_output=True, text=True)
    assert set(_names(start)) == set(done.stdout.split())
    assert _names(start)


def test_a_folder_that_is_named_is_read_though_it_is_ignored(folder: Path) -> None:
    _write("build/a.yaml", "build/sub/b.yaml", ".gitignore")
    (folder / ".git").mkdir()
    (folder / ".gitignore").write_text("build/\n", encoding="utf-8")
    assert _names("build") == ["build/a.yaml", "build/sub/b.yaml"]
    assert _names("build/sub") == ["build/sub/b.yaml"]
    assert _names(".") == []


@pytest.mark.parametrize("line", ["build/*", "build/**"])
def test_so_is_one_of_which_all_is_ignored(folder: Path, line: str) -> None:
    _write("build/a.yaml", "build/sub/b.yaml")
    (folder / ".git").mkdir()
    (folder / ".gitignore").write_text(f"{line}\n", encoding="utf-8")
    assert "build/a.yaml" in _names("build")
    assert _names(".") == []


def test_what_is_kept_of_an_ignored_folder_is_read_alone(folder: Path) -> None:
    _write("build/a.yaml", "build/keep.yaml")
    (folder / ".git").mkdir()
    (folder / ".gitignore").write_text("build/*\n!build/keep.yaml\n", encoding="utf-8")
    assert _names("build") == ["build/keep.yaml"]


def test_what_is_ignored_is_counted(folder: Path) -> None:
    _write("a.yaml", "b.gen.yaml", "c.gen.yaml", "d.gen.txt", "out/x.yaml")
    (folder / ".gitignore").write_text("*.gen.*\nout/\n", encoding="utf-8")
    assert find_inputs(["."])[1:] == [Skipped(".", "2 files and 1 folder left out by .gitignore")]


@pytest.mark.usefixtures("folder")
def test_a_folder_with_nothing_to_check_is_no_pass() -> None:
    _write("bare/notes.txt")
    reason = "a folder without anything to check"
    assert find_inputs(["bare"]) == [Skipped("bare", reason, undecided=True)]


@pytest.mark.usefixtures("folder")
def test_suffixes_count_in_capitals_too() -> None:
    _write("x.YAML", "y.Json", "z.TXT")
    assert _names(".") == ["x.YAML", "y.Json"]


@pytest.mark.usefixtures("folder")
def test_a_chart_is_one_input() -> None:
    _write("web/Chart.yaml", "web/values.yaml", "web/templates/a.yaml", "web/charts/db/Chart.yaml")
    _write("a.yaml")
    assert find_inputs(["."]) == [File("a.yaml", Path("a.yaml")), Chart("web", Path("web"))]
    assert find_inputs(["web"]) == [Chart("web", Path("web"))]
    assert find_inputs(["web/Chart.yaml"]) == [
        Skipped("web/Chart.yaml", "a Helm chart: name its folder to have it rendered")
    ]


@pytest.mark.usefixtures("folder")
def test_what_a_kustomization_refers_to_is_not_read_by_itself() -> None:
    _write("base/app.yaml", "base/more.yaml", "prod/patch.yaml", "prod/env.json", "prod/inner.yaml")
    _write("spare/kustomization.yml")
    Path("base/kustomization.yaml").write_text("resources: [app.yaml]\n", encoding="utf-8")
    Path("prod/Kustomization").write_text(
        "resources: [../base]\npatches: [{path: patch.yaml}, {patch: '[]'}]\n"
        "configMapGenerator: [{name: x, files: [app.json=env.json]}]\n",
        encoding="utf-8",
    )
    Path("spare/kustomization.yml").write_text("kind: Component\n", encoding="utf-8")
    assert find_inputs(["."]) == [
        File("base/more.yaml", Path("base/more.yaml")),
        Kustomization("prod", Path("prod")),
        File("prod/inner.yaml", Path("prod/inner.yaml")),
        Skipped("spare", "a component of kustomize: nothing found here uses it"),
    ]
    assert find_inputs(["base"])[0] == Kustomization("base", Path("base"))
    both = find_inputs(["prod", "base", "base/app.yaml"])
    assert Kustomization("base", Path("base")) in both
    assert File("base/app.yaml", Path("base/app.yaml")) in both
    assert find_inputs(["prod/Kustomization"]) == [
        Skipped("prod/Kustomization", "a kustomization: name its folder to have it rendered")
    ]
