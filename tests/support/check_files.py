"""The objects of tests/data/checks/ID/{pass,fail}/NAME.yaml, which every judge must agree on.

A file that fails says in comments what is found, in order and word for word:
`# expect: spec.containers[0] "app": privileged is true, must be false or unset`.
`# version: v1.34` names the version of the standard, where it matters. `# settings: {allow: [/a]}`
is what the policy sets of the control; `registries` and `verify` there are
spec.images, `held` is status.heldImages.

Further documents of a file stand beside the object: all that its control may ask for. `# offline:`
says that nobody can tell who sees only the file, `# unasked:` that admission is not asked.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from revet.core.admission import read_object
from revet.core.checks import BY_ID
from revet.core.item import Item
from revet.core.kinds import BY_NAME
from revet.core.neighbours import Neighbours, read_neighbour
from revet.core.surroundings import Surroundings
from revet.core.workload import Subject, read

ROOT = Path(__file__).parent.parent / "data" / "checks"


@dataclass(frozen=True)
class CheckFile:
    """One file: the check that it is about, its verdict, and what is found."""

    check: str
    verdict: str
    name: str
    text: str

    @property
    def title(self) -> str:
        """The path from ROOT, without the suffix."""
        return f"{self.check}/{self.verdict}/{self.name}"

    @property
    def version(self) -> str:
        """The version of the standard to judge by."""
        return next(self._said("version"), "latest")

    @property
    def settings(self) -> dict[str, Any]:
        """What the policy sets of the control beside its mode."""
        settings: dict[str, Any] = yaml.safe_load(next(self._said("settings"), "{}"))
        return settings

    @property
    def expected(self) -> list[str]:
        """What the check finds: where, and the message."""
        return list(self._said("expect"))

    @property
    def manifest(self) -> dict[str, Any]:
        """The object, as a dict of its own."""
        manifest: dict[str, Any] = next(yaml.safe_load_all(self.text))
        return manifest

    @property
    def beside(self) -> list[dict[str, Any]]:
        """The objects that stand beside it."""
        _, *others = yaml.safe_load_all(self.text)
        return others

    @property
    def around(self) -> Surroundings:
        """The same, as controls ask for them: there is nothing else."""
        neighbours = Neighbours(lambda _: True)
        for each in self.beside:
            neighbours.put(read_neighbour(each["kind"], json.dumps(each).encode()))
        return neighbours

    @property
    def is_told_offline(self) -> bool:
        """Whether the file alone shows whether it passes."""
        return not any(True for _ in self._said("offline"))

    @property
    def is_asked(self) -> bool:
        """Whether the object is judged as it comes, not only where it stands."""
        said = any(True for _ in self._said("unasked"))
        return not said and not BY_ID[self.check].standing

    @property
    def subject(self) -> Subject | Item[Any]:
        """The object, as the engine reads it."""
        manifest = self.manifest
        group = manifest["apiVersion"].rpartition("/")[0]
        return read_object(group, manifest["kind"], json.dumps(manifest).encode())

    @property
    def holds_pod(self) -> bool:
        """Whether it is a Pod, or has a template of one."""
        return BY_NAME[self.manifest["kind"]].holds_pod

    @property
    def is_namespaced(self) -> bool:
        """Whether the object is in a namespace."""
        return BY_NAME[self.manifest["kind"]].is_namespaced

    def _said(self, word: str) -> Iterator[str]:
        mark = f"# {word}: "
        lines = self.text.splitlines()
        return (line.removeprefix(mark) for line in lines if line.startswith(mark))


def load_check_files() -> list[CheckFile]:
    """Read all files, sorted."""
    return [
        CheckFile(
            path.parent.parent.name, path.parent.name, path.stem, path.read_text(encoding="utf-8")
        )
        for path in sorted(ROOT.rglob("*.yaml"))
    ]


def read_manifest(manifest: dict[str, Any]) -> Subject:
    """Read an object with a pod as the webhook does: from its JSON, by its group and kind."""
    group = manifest["apiVersion"].rpartition("/")[0]
    return read(group, manifest["kind"], json.dumps(manifest).encode())
