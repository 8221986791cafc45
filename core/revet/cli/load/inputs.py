"""The paths of a command line to what there is to read, in an order that stays the same.

Apart from reading, so that work can be counted and shared before it is begun.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from revet.cli.load.document import InputProblem, Skipped
from revet.cli.load.ignore import Rules, find_rules
from revet.cli.load.kustomization import NAMES as KUSTOMIZATIONS
from revet.cli.load.kustomization import is_component, list_references

STDIN: Final = "-"
STDIN_NAME: Final = "<stdin>"
CHART: Final = "Chart.yaml"
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class File:
    """A file, or where `path` is None, what comes on stdin; `name` is for people."""

    name: str
    path: Path | None


@dataclass(frozen=True, slots=True)
class Chart:
    """A folder with a Helm chart; its files are read by helm alone."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Kustomization:
    """A folder with a kustomization; what it refers to is read through it alone."""

    name: str
    path: Path


Input: TypeAlias = File | Chart | Kustomization
Found: TypeAlias = Input | InputProblem | Skipped


def find_inputs(paths: Sequence[str]) -> list[Found]:
    """Return what there is to read below these paths, each once.

    A file that is named is read whatever its suffix; in folders *.yaml, *.yml and *.json are, but
    for what .gitignore names and hidden folders. Links to folders are told, not followed.
    """
    found = [each for path in paths for each in _find(path)]
    named = {os.path.realpath(path) for path in paths}
    return list(_leave_out_referred(_leave_out_twice(found), named))


def _find(name: str) -> Iterator[Found]:
    path = Path(name)
    if name == STDIN:
        yield File(STDIN_NAME, None)
    elif _is_folder(path):
        yield from _Folder(path).find()
    elif path.name == CHART:
        yield Skipped(name, "a Helm chart: name its folder to have it rendered")
    elif path.name in KUSTOMIZATIONS:
        yield Skipped(name, "a kustomization: name its folder to have it rendered")
    elif os.path.lexists(path):
        yield File(name, path)
    else:
        yield InputProblem(name, None, "no such file or folder")


def _is_folder(path: Path | os.DirEntry[str]) -> bool:
    try:
        return path.is_dir()
    except OSError:  # A link that leads to itself, say: reading it will tell.
        return False


def _is_regular(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


@dataclass(slots=True)
class _Folder:
    """A folder that was named: what is below it, and how much of that .gitignore leaves out."""

    path: Path
    _files: int = 0
    _folders: int = 0

    def find(self) -> Iterator[Found]:
        real = self.path.resolve()
        is_empty = True
        for each in self._walk(self.path, real, find_rules(real)):
            is_empty = False
            yield each
        ignored = " and ".join(_count(self._files, "file") + _count(self._folders, "folder"))
        reasons = [f"{ignored} left out by .gitignore"] if ignored else []
        if is_empty:
            reasons.insert(0, "a folder without anything to check")
        if reasons:
            yield Skipped(str(self.path), ": ".join(reasons), undecided=is_empty)

    def _walk(self, folder: Path, real: Path, rules: Rules) -> Iterator[Found]:
        """Walk a folder that is not ignored itself."""
        try:
            entries = sorted(os.scandir(folder), key=lambda each: each.name)
        except OSError as error:
            yield InputProblem(str(folder), None, f"cannot be read: {error.strerror}")
            return
        names = {each.name for each in entries}
        if CHART in names:
            yield Chart(str(folder), folder)
            return
        if not KUSTOMIZATIONS.isdisjoint(names):
            yield Kustomization(str(folder), folder)
        rules = rules.enter(real)
        for entry in entries:
            if entry.name not in KUSTOMIZATIONS:
                yield from self._enter(entry, folder / entry.name, real / entry.name, rules)

    def _enter(
        self, entry: os.DirEntry[str], path: Path, real: Path, rules: Rules
    ) -> Iterator[Found]:
        is_folder, is_link = _is_folder(entry), entry.is_symlink()
        wanted = path.suffix.lower() in _SUFFIXES
        if not (not entry.name.startswith(".") if is_folder else wanted):
            return
        # To git a link is a file, whatever it leads to.
        if rules.leave_out(real, is_folder=is_folder and not is_link):
            self._folders += is_folder
            self._files += not is_folder
        elif is_folder and is_link:
            yield Skipped(str(path), "a link to a folder: name it to have it checked")
        elif is_folder:
            yield from self._walk(path, real, rules)
        elif is_link or _is_regular(entry):  # A link that leads nowhere is told when it is read.
            yield File(str(path), path)
        else:
            yield Skipped(str(path), "no regular file")


def _count(number: int, noun: str) -> list[str]:
    return [f"{number} {noun}{'' if number == 1 else 's'}"] if number else []


def _leave_out_twice(found: Iterable[Found]) -> Iterator[Found]:
    seen: set[Found | str] = set()
    for each in found:
        if isinstance(each, InputProblem | Skipped):
            key: Found | str = each
        else:
            key = os.path.realpath(each.path) if each.path else STDIN
        if key not in seen:
            seen.add(key)
            yield each


def _leave_out_referred(found: Iterable[Found], named: AbstractSet[str]) -> Iterator[Found]:
    """Leave out what a kustomization refers to: it is checked as that kustomization makes it.

    What was named by the person stays, all the same.
    """
    inputs = list(found)
    folders = [each.path for each in inputs if isinstance(each, Kustomization)]
    referred = {path for folder in folders for path in list_references(folder)} - named
    for each in inputs:
        if isinstance(each, InputProblem | Skipped) or each.path is None:
            yield each
        elif os.path.realpath(each.path) in referred:
            continue
        elif isinstance(each, Kustomization) and is_component(each.path):
            yield Skipped(each.name, "a component of kustomize: nothing found here uses it")
        else:
            yield each
