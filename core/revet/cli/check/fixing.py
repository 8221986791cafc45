"""`revet check --fix` and `--diff`: what the policies would patch, written into the files."""

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import unified_diff
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from revet.cli.check.fix import Refusal, Wish, find_growths, rewrite, unshare
from revet.cli.check.fix.name import quote
from revet.cli.check.judge import Judged
from revet.cli.check.manifests import Question, check
from revet.cli.check.printing import Printing, write
from revet.cli.check.report import Exit, count_noun
from revet.cli.load import STDIN_NAME
from revet.core.admission import Request, patch
from revet.core.check import Assignment, Json
from revet.core.message import plain
from revet.core.model.image_facts import FROM_REGISTRIES
from revet.core.patch import assign

_STDIN: Final = "-"


@dataclass(frozen=True, slots=True)
class Fixed:
    """One file as it was, and as it is to be; where nothing can be written both are the same."""

    file: str
    before: bytes
    after: bytes
    done: tuple[Judged, ...]
    refused: tuple[tuple[Judged, Refusal], ...]


@dataclass(slots=True)
class Fixes:
    """Collects what judging finds that the policies would patch."""

    _wishes: dict[str, dict[int, tuple[Judged, Wish]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _rendered: list[Judged] = field(default_factory=list)

    def take(self, judged: Judged) -> None:
        """Note what would be patched of an object."""
        operations = patch(Request(judged.subject, None, judged.data), judged.applied)
        if not operations:
            return
        document = judged.document
        if document.source.origin != "file":
            self._rendered.append(judged)
            return
        value: Json = document.value
        mended = unshare(value)
        assign(mended, [Assignment(each["path"], each["value"]) for each in operations])
        wish = Wish(document, tuple(find_growths(value, mended)))
        self._wishes[document.source.file][id(document)] = (judged, wish)

    def rewrite(self, stdin: bytes) -> Iterator[Fixed]:
        """Write the new text of each file, and write nothing to any disk."""
        for file, wishes in self._wishes.items():
            try:
                before = stdin if file == STDIN_NAME else Path(file).read_bytes()
            except OSError as error:
                reason = f"it can't be read any more: {error.strerror}"
                left = (
                    (judged, Refusal(wish.document, reason)) for judged, wish in wishes.values()
                )
                yield Fixed(file, b"", b"", (), tuple(left))
                continue
            written = rewrite(before, [wish for _, wish in wishes.values()])
            refused = {id(each.document): each for each in written.refusals}
            done = tuple(judged for key, (judged, _) in wishes.items() if key not in refused)
            left = ((wishes[key][0], each) for key, each in refused.items())
            yield Fixed(file, before, written.data, done, tuple(left))

    def list_rendered(self) -> Iterator[str]:
        """Say which files are not ours to write: what they are rendered from is."""
        for file, number in Counter(each.document.source.file for each in self._rendered).items():
            yield f"{file}: not fixed: {count_noun(number, 'object')} rendered from it: mend that"


@dataclass(frozen=True, slots=True)
class Fixing:
    """What to do with fixes: write them, show them, or both."""

    write: bool
    show: bool

    def run(self, question: Question, printing: Printing) -> Exit:
        """Check, fix, and print what is left."""
        fixes = Fixes()
        stdin = sys.stdin.buffer.read() if _STDIN in question.paths else b""
        report = check(question, fixes.take, BytesIO(stdin))
        fixed = list(fixes.rewrite(stdin))
        failed = [each for each in fixed if self.write and not _save(each)]
        if self.show:
            write(_diff(fixed), sys.stdout)
        verb = "fixed" if self.write else "would be fixed"
        said = [line for each in fixed if each not in failed for line in _tell(each, verb)]
        write("\n".join([*said, *map(plain, fixes.list_rendered())]), sys.stderr)
        if self.write:
            report = check(question)
        ending = printing.say(report) if self.show else printing.print(report)
        return Exit.BAD_INPUT if failed else ending


def _tell(fixed: Fixed, verb: str) -> Iterator[str]:
    for judged in fixed.done:
        patched = [each.control for each in judged.reported.findings if each.patched]
        # No registry is asked here: a digest is for the webhook to find.
        controls = dict.fromkeys(each for each in patched if each not in FROM_REGISTRIES)
        yield plain(f"{fixed.file}: {verb}: {judged.reported.title}: {', '.join(controls)}")
    for judged, refusal in fixed.refused:
        line = refusal.document.locate("").line
        title = judged.reported.title
        yield plain(f"{fixed.file}:{line}: not fixed: {title}: {refusal.reason}")


def _save(fixed: Fixed) -> bool:
    """Write a file whole or not at all; say so where it can't be written."""
    if fixed.after == fixed.before:
        return True
    try:
        replace(Path(fixed.file), fixed.after)
    except OSError as error:
        message = f"revet check: {fixed.file} can't be written: {error.strerror}"
        write(plain(message), sys.stderr)
        return False
    return True


def replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of a file at once: nobody ever reads half of it. Its mode stays.

    Raises:
        OSError: it can't be written; the file is as it was.

    """
    real = path.resolve(strict=True)
    old = real.stat()
    with NamedTemporaryFile(dir=real.parent, prefix=f".{real.name}.", delete=False) as file:
        new = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            with suppress(PermissionError):  # only root gives files away
                os.chown(new, old.st_uid, old.st_gid)
            new.chmod(old.st_mode & 0o7777)
            new.replace(real)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


def _diff(files: Sequence[Fixed]) -> str:
    """Return what changes, as `git apply` and `patch` read it."""
    lines = [line for each in files for line in _diff_file(each)]
    if sys.stdout.isatty():
        return "".join(f"{plain(line.rstrip())}\n" for line in lines).removesuffix("\n")
    return "".join(lines).removesuffix("\n")


def _diff_file(fixed: Fixed) -> Iterable[str]:
    old, new = (
        data.decode(errors="replace").splitlines(keepends=True)
        for data in (fixed.before, fixed.after)
    )
    name = fixed.file.lstrip("/")
    for line in unified_diff(old, new, quote(f"a/{name}"), quote(f"b/{name}")):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
