"""The stage of the demo: shows each command with its real answer, stops where it is not as told.

Apart from the story, which only says what is done and what should come of it.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

from rich.console import Console

from e2e.api import Api
from e2e.release import Release

MANIFESTS: Final = Path(__file__).parent / "manifests"
_WAIT_S: Final = 60
_POLL_S: Final = 0.02
_POLICIES: Final = "/apis/revet.dev/v1alpha1/hardeningpolicies"


class StoryError(Exception):
    """A step did not come out as told."""


class Stage:
    """Where the story is played: a control plane, the chart on it, our processes beside it."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.webhook = release.webhook
        self.operator = release.operator
        self.plane = release.plane
        self._api = Api(self.plane)
        self._console = Console(highlight=False, soft_wrap=True)
        self._chapter = 0
        self._figures: dict[str, str] = {}

    def chapter(self, title: str) -> None:
        """Begin a step."""
        self._chapter += 1
        self._console.print(f"\n{self._chapter}. {title}", style="bold")

    def say(self, text: str) -> None:
        """Tell something."""
        self._console.print(f"   {text}", style="dim", markup=False)

    def show(self, text: str) -> None:
        """Show an answer as it came."""
        for line in text.splitlines():
            self._console.print(f"   {line}", markup=False)

    def command(self, *words: str) -> None:
        """Show a command as a person would type it."""
        self._console.print(f"   $ {shlex.join(map(_shorten, words))}", style="cyan", markup=False)

    def kubectl(self, *args: str, quiet: bool = False) -> tuple[bool, str]:
        """Run kubectl; return whether it succeeded, and all that it said."""
        self.command("kubectl", *args)
        result = self.plane.kubectl(*args, check=False)
        said = result.stderr + result.stdout
        if not quiet:
            self.show(said)
        return result.returncode == 0, said

    def apply(self, manifest: str, namespace: str = "") -> tuple[bool, str]:
        """Apply a manifest of the demo."""
        place = (f"--namespace={namespace}",) if namespace else ()
        return self.kubectl("apply", *place, f"--filename={_shorten(str(MANIFESTS / manifest))}")

    def apply_policy(self, manifest: str, condition: str = "") -> None:
        """Apply a policy; wait for a condition, or just until the webhook judges by it."""
        done, said = self.apply(manifest)
        self.expect(done, "the policy is accepted")
        place = said.split()[0]
        if condition:
            words = ("wait", place, f"--for=condition={condition}", "--timeout=30s")
            self.expect(self.kubectl(*words)[0], f"and its status says: {condition}")
        self.webhook.wait_for(place.partition("/")[2])

    def revet(self, *args: str) -> tuple[bool, str]:
        """Run the command `revet`; return whether it succeeded, and all that it said."""
        self.command("revet", *args)
        program = Path(sys.executable).parent / "revet"
        environ = {**os.environ, "KUBECONFIG": str(self.plane.kubeconfig)}
        done = subprocess.run(
            [program, *args], env=environ, capture_output=True, text=True, check=False
        )
        said = done.stderr + done.stdout
        self.show(said)
        return done.returncode == 0, said

    def expect(self, holds: object, told: str) -> None:
        """Hold the step to what it tells."""
        if not holds:
            self._fail(told)
        self._console.print(f"   ✓ {told}", style="green", markup=False)

    def wait(self, is_true: Callable[[], object], told: str) -> None:
        """Hold the step to what should come true within a minute."""
        self._wait(is_true, told, time.monotonic(), _WAIT_S)
        self.expect(holds=True, told=told)

    def clock(
        self,
        is_true: Callable[[], object],
        told: str,
        figure: str,
        since: float,
        most_s: float = _WAIT_S,
    ) -> None:
        """Hold the step to what should come true in some seconds, and note how many it took.

        They count from `since` (of time.monotonic), the start of the command that began it.
        """
        seconds = self._wait(is_true, told, since, most_s)
        self.note(figure, f"{seconds:.2f} s")
        self.expect(holds=True, told=f"{told} (after {seconds:.2f} s)")

    def note(self, figure: str, value: str) -> None:
        """Note a figure for the table at the end."""
        self._figures[figure] = value

    def show_figures(self) -> None:
        """Show all figures that were noted."""
        self._console.print(
            "\nMeasured, each from the start of the command that began it", style="bold"
        )
        width = max(map(len, self._figures))
        for figure, value in self._figures.items():
            self._console.print(f"   {figure:{width}}  {value:>8}", markup=False)

    def ask(self, path: str) -> dict[str, Any]:
        """Read from the API server without showing it."""
        answer = self._api.send("GET", path)
        if not answer.is_success:
            raise StoryError(f"GET {path}: {answer.message}")
        body: dict[str, Any] = answer.body
        return body

    def policy_status(self, name: str) -> dict[str, Any]:
        """Read a policy's status; empty while there is none of its newest generation."""
        found = self.ask(f"{_POLICIES}/{name}")
        status: dict[str, Any] = found.get("status") or {}
        is_new = status.get("observedGeneration") == found["metadata"]["generation"]
        return status if is_new else {}

    def condition(self, policy: str, kind: str) -> dict[str, str]:
        """Read one condition of a policy; empty while there is none."""
        listed: list[dict[str, str]] = self.policy_status(policy).get("conditions", [])
        return next((each for each in listed if each["type"] == kind), {})

    def read(self, *args: str) -> str:
        """Ask kubectl without showing it."""
        return self.plane.kubectl(*args).stdout

    def read_json(self, *args: str) -> dict[str, Any]:
        """Ask kubectl for JSON, without showing it."""
        found: dict[str, Any] = json.loads(self.read(*args, "--output=json"))
        return found

    def _wait(self, is_true: Callable[[], object], told: str, since: float, most_s: float) -> float:
        while not is_true():
            if time.monotonic() - since > most_s:
                self._fail(f"{told} (waited {most_s:.0f} s)")
            time.sleep(_POLL_S)
        seconds = time.monotonic() - since
        if seconds > most_s:
            self._fail(f"{told} (after {seconds:.1f} s; {most_s:.0f} s are allowed)")
        return seconds

    def _fail(self, told: str) -> NoReturn:
        self._console.print(f"   ✗ {told}", style="bold red", markup=False)
        raise StoryError(f"step {self._chapter} did not come out as told: {told}")


def _shorten(word: str) -> str:
    """Show a path as somebody in the current folder would type it."""
    here = Path.cwd()
    return str(Path(word).relative_to(here)) if Path(word).is_relative_to(here) else word
