"""Runs the load generator (bench/load) and reads what it has measured."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen

import msgspec

from e2e.cluster.toolchain import build_go


class TrafficError(Exception):
    """A server did not answer, or not as it should have."""


class Traffic(msgspec.Struct, frozen=True):
    """What the load generator prints."""

    requests: int
    errors: int
    seconds: float
    rate: float
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True)
class Target:
    """A request to send again and again, and what each answer must be.

    `allowed` is what an AdmissionReview's answer must say; None: the answer is no AdmissionReview.
    """

    url: str
    body: Path
    authority: Path
    allowed: bool | None = None
    status: int = 200
    certificate: Path | None = None
    key: Path | None = None

    def arguments(self) -> list[str]:
        """Give the load generator's flags."""
        flags = {
            "url": self.url,
            "body": self.body,
            "ca": self.authority,
            "expect": None if self.allowed is None else str(self.allowed).lower(),
            "expect-status": self.status,
            "cert": self.certificate,
            "key": self.key,
        }
        return [f"--{name}={value}" for name, value in flags.items() if value is not None]


def send(
    target: Target,
    *,
    connections: int,
    seconds: float,
    rate: float | None = None,
    ready: Callable[[], None] = lambda: None,
) -> Traffic:
    """Send for so long: each connection as fast as it is answered, or `rate` a second in all.

    `ready` is called when all is connected and warm, before what counts begins.
    """
    program = build_go(Path(__file__).parent / "load", ["."], ["load"])[0]
    argv = [
        str(program),
        *target.arguments(),
        f"--connections={connections}",
        f"--duration={seconds}s",
        *([f"--rate={rate}"] if rate is not None else []),
    ]
    answer, complaint = _run(argv, ready)
    if not answer:
        raise TrafficError(f"{target.url}: {complaint.strip()}")
    traffic = msgspec.json.decode(answer, type=Traffic)
    if traffic.errors:
        wrong = f"{traffic.errors} of {traffic.requests} answers were wrong"
        raise TrafficError(f"{target.url}: {wrong}: {complaint.strip()}")
    return traffic


def _run(argv: list[str], ready: Callable[[], None]) -> tuple[str, str]:
    """Run the load generator, which says when it is ready, and waits for a line then."""
    with Popen(argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) as load:
        if load.stdout is not None and load.stdout.readline():
            ready()
        answer, complaint = load.communicate("start\n")
        return answer if load.returncode == 0 else "", complaint
