"""`revet check --fix` and `--diff` on files: what is written, what is kept, what is refused."""

import os
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from revet.cli.main import app
from tests.cli.command import invoke

POD: Final = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: app
    image: registry.example.com/app:1.0
"""
MENDED: Final = """\
    securityContext:
      allowPrivilegeEscalation: false
  securityContext:
    seccompProfile:
      type: RuntimeDefault
"""

_run = partial(invoke, "check")


def _fix(text: str, name: str = "in.yaml") -> str:
    """Fix a text by the restricted profile, see that a second time changes nothing."""
    path = Path(name)
    path.write_bytes(text.encode())
    _run("--fix", name)
    fixed = path.read_bytes()
    _run("--fix", name)
    assert path.read_bytes() == fixed
    return fixed.decode()


def _added(text: str, name: str = "in.yaml") -> list[str]:
    """Return the lines that are new, after seeing that no other line has changed."""
    fixed = _fix(text, name).splitlines()
    old = iter(text.splitlines())
    waiting = next(old, None)
    added = []
    for line in fixed:
        if line == waiting:
            waiting = next(old, None)
        else:
            added.append(line)
    assert waiting is None
    return added


def test_fields_are_added_at_the_end_of_their_object() -> None:
    assert _fix(POD) == POD + MENDED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("image: ", "image:   "),
        ("name: app", "'name': \"app\"  # the app"),
        ("spec:", "# a comment\n\nspec:  # another"),
        ("apiVersion", "# first\n---\n# second\napiVersion"),
        ("1.0\n", "1.0\n    # the last word\n\n\n# the end\n"),
        ("1.0\n", "1.0\n    args:\n    - |\n      text\n\n    - >-\n      more\n\n\n"),
        ("1.0\n", "1.0\n    resources: {}\n"),
        ("1.0\n", "1.0\n    command: [a,\n      b]\n"),
        ("1.0\n", "1.0\n    args: ['ü', \"\\U0001F600\", 😀]\n"),
        ("1.0\n", "1.0\n---\n- no\n- object\n---\nkind: [\n"),
        ("1.0\n", "1.0\n...\n"),
    ],
)
def test_all_that_stood_there_stays(old: str, new: str) -> None:
    assert _added(POD.replace(old, new)) == MENDED.splitlines()


def test_the_files_own_indentation_is_kept() -> None:
    text = "apiVersion: v1\nkind: Pod\nmetadata:\n    name: web\nspec:\n    containers:\n"
    text += (
        "      - name: app\n        image: a\n        securityContext:\n            runAsUser: 1\n"
    )
    assert _added(text) == [
        "            allowPrivilegeEscalation: false",
        "            runAsNonRoot: true",
        "            capabilities:",
        "                drop: [ALL]",
        "    securityContext:",
        "        seccompProfile:",
        "            type: RuntimeDefault",
    ]


def test_line_ends_of_windows_stay_so() -> None:
    text = f"\ufeff{POD}".replace("\n", "\r\n")
    assert _fix(text) == f"\ufeff{POD}{MENDED}".replace("\n", "\r\n")


def test_a_last_line_without_an_end_stays_so() -> None:
    assert _fix(POD.removesuffix("\n")) == (POD + MENDED).removesuffix("\n")


@pytest.mark.parametrize(
    ("context", "fixed"),
    [
        ("{}", "{allowPrivilegeEscalation: false}"),
        ("{ }", "{ allowPrivilegeEscalation: false}"),
        ("{runAsGroup: 1}", "{runAsGroup: 1, allowPrivilegeEscalation: false}"),
        ("{runAsGroup: 1, }", "{runAsGroup: 1, allowPrivilegeEscalation: false, }"),
        ('{"runAsGroup": 1}', '{"runAsGroup": 1, allowPrivilegeEscalation: false}'),
        ("{runAsGroup: }", "{runAsGroup: , allowPrivilegeEscalation: false}"),
        ("", " {allowPrivilegeEscalation: false}"),
        ("  # todo", " {allowPrivilegeEscalation: false}  # todo"),
        ("null  # todo", "{allowPrivilegeEscalation: false}  # todo"),
        ("~", "{allowPrivilegeEscalation: false}"),
        ("{allowPrivilegeEscalation: null}", "{allowPrivilegeEscalation: false}"),
        ("{allowPrivilegeEscalation: }", "{allowPrivilegeEscalation: false}"),
    ],
)
def test_flow_style_and_nothing_are_filled_in_their_line(context: str, fixed: str) -> None:
    space = " " if context and not context.startswith(" ") else ""
    text = f"{POD}    securityContext:{space}{context}\n"
    wanted = f"    securityContext:{space}{fixed}\n".replace(":  {allow", ": {allow")
    pod = "".join(f"{line}\n" for line in MENDED.splitlines()[2:])
    assert _fix(text) == POD + wanted + pod


def test_a_list_of_capabilities_grows_in_its_own_style() -> None:
    lines = ["- |+\n      a\n\n", "- b\n"]
    text = f"{POD}    securityContext: {{runAsUser: 1, capabilities: {{drop: [NET_RAW]}}}}\n"
    policy = "apiVersion: revet.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {name: p}\n"
    policy += "spec: {namespaceSelector: {}, profile: high, controls: [{id: read-only-rootfs, "
    policy += "mode: Enforce, patch: true, writablePaths: [/tmp]}]}\n"
    volumes = "  volumes:\n  - name: v\n    emptyDir: {}\n"
    mounts = "    volumeMounts:\n    - {name: v, mountPath: /v}\n"
    args = f"    args:\n    {''.join(lines).replace('- b', '    - b')}"
    Path("policy.yaml").write_text(policy, encoding="utf-8")
    Path("in.yaml").write_text(text + args + mounts + volumes, encoding="utf-8")
    code, output, _ = _run("--fix", "in.yaml", "-p", "policy.yaml")
    fixed = Path("in.yaml").read_text(encoding="utf-8")
    assert mounts + "    - name: revet-tmp\n      mountPath: /tmp\n" in fixed
    assert volumes + "  - name: revet-tmp\n    emptyDir:\n      sizeLimit: 64Mi\n" in fixed
    assert "readOnlyRootFilesystem: true" in fixed
    assert "  patched  " not in output
    assert code == 1


def test_json_stays_json_in_its_own_shape() -> None:
    text = '{\n    "apiVersion": "v1",\n    "kind": "Pod",\n    "metadata": {"name": "web"},\n'
    text += '    "spec": {\n        "containers": [\n            {"name": "a", "image": "a\\/b"}\n'
    text += "        ]\n    }\n}\n"
    fixed = _fix(text, "in.json")
    assert '{"name": "a", "image": "a\\/b", "securityContext": {"allowPriv' in fixed
    assert fixed.endswith(
        '        ],\n        "securityContext": {\n            "seccompProfile": {\n'
        '                "type": "RuntimeDefault"\n            }\n        }\n    }\n}\n'
    )


def test_items_of_a_list_and_further_documents_are_fixed_each() -> None:
    item = POD.replace("\n", "\n  ").strip()
    text = f"apiVersion: v1\nkind: List\nitems:\n- {item}\n- {item}\n---\n{POD}---\n{POD}"
    fixed = _fix(text)
    assert fixed.count("allowPrivilegeEscalation: false") == 4
    assert fixed.endswith(f"---\n{POD}{MENDED}---\n{POD}{MENDED}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            POD.replace("- name", "- &app\n    name") + "  - *app\n",
            "spec.containers[0] has the anchor &app, so a fix would change other places too",
        ),
        (
            POD + "    securityContext: &context {runAsGroup: 1}\n  - name: b\n    image: b\n"
            "    securityContext: *context\n",
            "spec.containers[0].securityContext has the anchor &context, so",
        ),
        (
            POD.replace("spec:", "x: &x\n  securityContext: {fsGroup: 1}\nspec:\n  <<: *x"),
            "spec.securityContext is merged from elsewhere (<<)",
        ),
    ],
)
def test_what_stands_for_two_places_is_not_fixed(text: str, reason: str) -> None:
    Path("in.yaml").write_text(text, encoding="utf-8")
    _, _, errors = _run("--fix", "in.yaml")
    assert f"not fixed: Pod default/web: {reason}" in errors
    assert Path("in.yaml").read_text(encoding="utf-8") == text


def test_an_anchor_that_nobody_names_is_no_hindrance() -> None:
    assert _added(POD.replace("spec:", "spec: &spec")) == MENDED.splitlines()


def test_one_refused_does_not_keep_the_next_from_being_fixed() -> None:
    shared = POD.replace("- name", "- &app\n    name") + "  - *app\n"
    Path("in.yaml").write_text(f"{shared}---\n{POD}", encoding="utf-8")
    _, _, errors = _run("--fix", "in.yaml")
    assert Path("in.yaml").read_text(encoding="utf-8") == f"{shared}---\n{POD}{MENDED}"
    assert "in.yaml: fixed: Pod default/web: no-privilege-escalation, seccomp-required" in errors


def test_the_file_keeps_its_mode_and_a_link_stays_a_link() -> None:
    real = Path("real.yaml")
    real.write_text(POD, encoding="utf-8")
    real.chmod(0o640)
    Path("in.yaml").symlink_to(real)
    _run("--fix", "in.yaml")
    assert Path("in.yaml").is_symlink()
    assert real.read_text(encoding="utf-8") == POD + MENDED
    assert real.stat().st_mode & 0o7777 == 0o640
    assert sorted(map(str, Path().iterdir())) == ["in.yaml", "real.yaml"]


def test_a_digest_is_left_to_the_webhook() -> None:
    images = "images: {digest: Pin, registries: [registry.example.com/]}"
    spec = f"{{namespaceSelector: {{}}, profile: restricted, {images}}}"
    head = "apiVersion: revet.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {name: pin}\n"
    Path("policy.yaml").write_text(f"{head}spec: {spec}\n", encoding="utf-8")
    Path("in.yaml").write_text(POD, encoding="utf-8")
    _, out, errors = _run("--fix", "--policy=policy.yaml", "in.yaml")
    assert "fixed: Pod default/web: no-privilege-escalation, seccomp-required\n" in errors
    assert Path("in.yaml").read_text(encoding="utf-8") == POD + MENDED
    assert "patched  image-digest" in out


def test_standard_input_is_shown_and_never_written() -> None:
    code, diff, _ = _run("--diff", "-", stdin=POD)
    assert code == 1
    assert "+      allowPrivilegeEscalation: false\n" in diff
    assert _run("--fix", "-", stdin=POD)[0] == 2


def test_both_write_and_show() -> None:
    Path("in.yaml").write_text(POD, encoding="utf-8")
    _, diff, errors = _run("--fix", "--diff", "in.yaml")
    assert diff.startswith("--- a/in.yaml\n+++ b/in.yaml\n")
    assert "in.yaml: fixed: " in errors
    assert Path("in.yaml").read_text(encoding="utf-8") == POD + MENDED


def test_what_is_rendered_is_left_to_its_source() -> None:
    Path("app").mkdir()
    Path("app/kustomization.yaml").write_text("resources: [pod.yaml]\n", encoding="utf-8")
    Path("app/pod.yaml").write_text(POD, encoding="utf-8")
    kustomize = Path("kustomize")
    kustomize.write_text(f"#!/bin/sh\ncat {Path('app/pod.yaml').resolve()}\n", encoding="utf-8")
    kustomize.chmod(0o755)
    path = f"{Path.cwd()}:{os.environ['PATH']}"
    result = CliRunner().invoke(app, ["check", "--fix", "app"], env={"PATH": path})
    assert "app: not fixed: 1 object rendered from it: mend that" in result.stderr
    assert Path("app/pod.yaml").read_text(encoding="utf-8") == POD


def test_a_folder_that_can_not_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("in.yaml").write_text(POD, encoding="utf-8")

    def refuse(*_args: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    code, _, errors = _run("--fix", "in.yaml")
    assert code == 2
    assert "in.yaml can't be written: Permission denied" in errors
    assert Path("in.yaml").read_text(encoding="utf-8") == POD
    assert list(map(str, Path().iterdir())) == ["in.yaml"]
