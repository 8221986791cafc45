"""The stage of the demo: shows each command with its real answer, stops where it is not as told.

Apart from the story, which only says what is done and what should come of it.
"""

import json
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

from rich.console import Console

from e2e.webhook import Webhook

MANIFESTS: Final = Path(__file__).parent / "manifests"
_WAIT_S: Final = 60
_POLL_S: Final = 0.05


class StoryError(Exception):
    """A step did not come out as told."""


class Stage:
    """Where the story is played: a control plane, and our webhook beside it."""

    def __init__(self, webhook: Webhook) -> None:
        self.webhook = webhook
        self.plane = webhook.plane
        self._console = Console(highlight=False, soft_wrap=True)
        self._chapter = 0

    def chapter(self, title: str) -> None:
        """Begin a step."""
        self._chapter += 1
        self._console.print(f"\n{self._chapter}. {title}", style="bold")

    def say(self, text: str) -> None:
        """Tell something."""
        self._console.print(f"   {text}", style="dim")

    def show(self, text: str) -> None:
        """Show an answer as it came."""
        for line in text.splitlines():
            self._console.print(f"   {line}", markup=False)

    def command(self, *words: str) -> None:
        """Show a command as a person would type it."""
        self._console.print(f"   $ {shlex.join(words)}", style="cyan", markup=False)

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
        return self.kubectl("apply", *place, f"--filename={_shorten(MANIFESTS / manifest)}")

    def apply_policies(self, *manifests: str) -> None:
        """Apply policies, and, as the operator will, the entries that core renders for them."""
        for manifest in manifests:
            self.expect(self.apply(manifest)[0], "the policy is accepted")
        listed = self.plane.kubectl("get", "hardeningpolicies", "--output=json")
        policies: list[dict[str, Any]] = json.loads(listed.stdout)["items"]
        for policy in policies:
            self.webhook.wait_for(policy["metadata"]["name"])
        self.webhook.apply_entries(policies)
        columns = "NAME:.webhooks[*].name,POLICY:.webhooks[*].failurePolicy"
        kinds = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
        self.kubectl("get", kinds, f"--output=custom-columns=KIND:.kind,{columns}")

    def expect(self, holds: object, told: str) -> None:
        """Hold the step to what it tells."""
        if not holds:
            self._fail(told)
        self._console.print(f"   ✓ {told}", style="green")

    def wait(self, is_true: Callable[[], object], told: str) -> None:
        """Hold the step to what should come true within a minute."""
        deadline = time.monotonic() + _WAIT_S
        while not is_true():
            if time.monotonic() > deadline:
                self._fail(f"{told} (waited {_WAIT_S} s)")
            time.sleep(_POLL_S)
        self.expect(holds=True, told=told)

    def read(self, *args: str) -> str:
        """Ask kubectl without showing it."""
        return self.plane.kubectl(*args).stdout

    def _fail(self, told: str) -> NoReturn:
        self._console.print(f"   ✗ {told}", style="bold red")
        raise StoryError(f"step {self._chapter} did not come out as told: {told}")


def _shorten(path: Path) -> Path:
    """Show a path as somebody in the current folder would type it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
