"""The oracle as a child process. Apart, so that tests see questions and verdicts, no pipes."""

import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from subprocess import PIPE, Popen
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

import msgspec

from e2e.cluster.toolchain import build_go

BATCH = 1000
"""Pods held in memory at a time."""
STOP_TIMEOUT_S = 10.0


class OracleError(Exception):
    """The oracle died, or could not judge a pod."""


class Verdict(NamedTuple):
    """What upstream says of a pod: the ids are upstream's."""

    allowed: bool
    failed: frozenset[str]


class _Answer(msgspec.Struct):
    id: int
    allowed: bool
    failed: frozenset[str]
    error: str


def build_oracle() -> Path:
    """Build the program, or take it from the cache."""
    return build_go(Path(__file__).parent, ["."], ["oracle"])[0]


class Oracle:
    """A running oracle; a context manager.

    Args:
        apply_defaults: judge a pod as the API server would have completed it. Upstream's fixtures
            need it: a volume without a source is an emptyDir there.

    """

    def __init__(self, *, apply_defaults: bool = False) -> None:
        self._command = [str(build_oracle()), *(["--default"] if apply_defaults else [])]
        self._log: IO[bytes]
        self._process: Popen[bytes]

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        self._process = Popen(self._command, stdin=PIPE, stdout=PIPE, stderr=self._log)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        with suppress(BrokenPipeError):  # It has died: judge() has said so.
            self._stdin.close()
        try:
            if kind is not None:
                self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._stdout.close()
            self._log.close()

    def judge(self, batch: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[Verdict]:
        """Judge pods, each by its level (baseline, restricted) and version (latest, v1.N).

        Raises:
            OracleError: a pod does not decode, a level or version is unknown, or the oracle died.

        """
        questions = iter(batch)
        verdicts: list[Verdict] = []
        while chunk := list(islice(questions, BATCH)):
            verdicts.extend(self._judge_chunk(chunk))
        return verdicts

    def kill(self) -> None:
        """End the program at once; what is asked of it afterwards is an error."""
        self._process.kill()

    def _judge_chunk(
        self, chunk: Sequence[tuple[str, str, Mapping[str, Any]]]
    ) -> Iterator[Verdict]:
        # The pipes hold less than a chunk: without a second thread both sides would wait to write.
        writer = threading.Thread(target=self._send, args=(_encode(chunk),))
        writer.start()
        try:
            answers = [self._receive(number) for number in range(len(chunk))]
        except BaseException:
            self._process.kill()  # Else the writer would wait for ever, and we for the writer.
            raise
        finally:
            writer.join()
        for answer, (level, version, pod) in zip(answers, chunk, strict=True):
            if answer.error:
                raise OracleError(f"{answer.error}\n{level} {version} {msgspec.json.encode(pod)!r}")
            yield Verdict(answer.allowed, answer.failed)

    def _send(self, lines: bytes) -> None:
        with suppress(BrokenPipeError):  # It has died: the reader sees the end of its output.
            self._stdin.write(lines)
            self._stdin.flush()

    def _receive(self, number: int) -> _Answer:
        line = self._stdout.readline()
        if not line:
            code = self._process.wait(STOP_TIMEOUT_S)
            self._log.seek(0)
            raise OracleError(f"{self._command[0]} ended with {code}: {self._log.read()!r}")
        answer = msgspec.json.decode(line, type=_Answer)
        if answer.id != number:
            raise OracleError(f"{self._command[0]} answered {answer.id} where {number} was asked")
        return answer

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout


def _encode(chunk: Sequence[tuple[str, str, Mapping[str, Any]]]) -> bytes:
    encode = msgspec.json.encode
    return b"".join(
        encode({"id": number, "level": level, "version": version, "pod": pod}) + b"\n"
        for number, (level, version, pod) in enumerate(chunk)
    )
