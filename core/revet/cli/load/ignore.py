"""What .gitignore files leave out of a folder; apart, since only this needs their matcher."""

from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore import GitIgnorePatternError

NAME = ".gitignore"


@dataclass(frozen=True, slots=True)
class Rules:
    """The .gitignore files that apply in a folder, the outermost first; paths are absolute."""

    files: tuple[tuple[Path, GitIgnoreSpec], ...] = ()

    def leave_out(self, path: Path, *, is_folder: bool) -> bool:
        """Say whether `path` is ignored; whoever asks does not walk into ignored folders."""
        for folder, spec in reversed(self.files):
            name = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
            verdict = spec.check_file(name).include
            if verdict is not None:
                return verdict
        return False

    def enter(self, folder: Path) -> "Rules":
        """Return the rules with those of a folder's own .gitignore."""
        spec = _read(folder / NAME)
        return self if spec is None else Rules((*self.files, (folder, spec)))


def find_rules(folder: Path) -> Rules:
    """Return the rules that apply in a folder from above it, in the repository that it is in.

    None do if they leave out the folder itself, or all that is in it: then it was named in spite of
    them.
    """
    parents = [folder, *folder.parents]
    top = next((each for each in parents if (each / ".git").exists()), folder)
    rules = Rules()
    for each in reversed(parents[1 : parents.index(top) + 1]):
        rules = rules.enter(each)
        below = parents[parents.index(each) - 1]
        if rules.leave_out(below, is_folder=True):
            return Rules()
    return Rules() if _leave_out_all(rules, folder) else rules


def _leave_out_all(rules: Rules, folder: Path) -> bool:
    """Say whether they leave out all that stands in a folder, as `build/*` does."""
    try:
        entries = list(folder.iterdir())
        ignored = [rules.leave_out(each, is_folder=each.is_dir()) for each in entries]
    except OSError:  # Walking it will tell.
        return False
    return bool(ignored) and all(ignored)


def _read(path: Path) -> GitIgnoreSpec | None:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return GitIgnoreSpec.from_lines(filter(_is_good, lines))


def _is_good(line: str) -> bool:
    """Say whether a line is a pattern; git passes over others in silence."""
    try:
        GitIgnoreSpec.from_lines([line])
    except GitIgnorePatternError:
        return False
    return True
