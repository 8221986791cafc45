"""The policies that `revet check` judges by: built in, given with -p, or found among the input."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final, TypeGuard

import msgspec

from revet.cli.check.report import Problem, UsedPolicy
from revet.cli.check.scope import SelectingPolicy
from revet.cli.load import Document, InputProblem, find_inputs, find_renderers, load
from revet.core.compiled_policy import CompiledPolicy
from revet.core.errors import PolicyError
from revet.core.model.catalog import CONTROLS
from revet.core.model.mode import Mode
from revet.core.model.policy import GROUP, KIND, VERSION, HardeningPolicy, Profile, parse_policy
from revet.core.pointer import join

PROFILES: Final = tuple(Profile)
BUILT_IN: Final = "built in"

_PLACE: Final = re.compile(r"([A-Za-z][\w.\[\]-]*)(?:: | is not supported)")
_UNKNOWN: Final = re.compile(r'control "([^"]*)" is not supported in this version, ')


@dataclass(slots=True)
class Policies:
    """Policies that were read, and what is wrong with others; a name counts once."""

    models: list[HardeningPolicy] = field(default_factory=list)
    selecting: list[SelectingPolicy] = field(default_factory=list)
    used: list[UsedPolicy] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add_profile(self, profile: str) -> None:
        """Take the policy that enforces a profile in every namespace; naming it twice is once."""
        if any((each.name, each.source) == (profile, BUILT_IN) for each in self.used):
            return
        document = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "metadata": {"name": profile},
            "spec": {"namespaceSelector": {}, "profile": profile, "enforcement": "Enforce"},
        }
        self._add(parse_policy(msgspec.json.encode(document)), BUILT_IN)

    def add(self, document: Document) -> None:
        """Take a policy of a file, or what is wrong with it."""
        line = document.locate("").line or None
        file = document.source.file
        if not _is_known_kind(document):
            message = (
                f"{document.value.get('apiVersion')} {document.value.get('kind')} is not known, "
                f"must be {GROUP}/{VERSION} {KIND}"
            )
            self.problems.append(Problem(file, line, message))
            return
        try:
            policy = parse_policy(msgspec.json.encode(document.value))
        except (PolicyError, OverflowError, RecursionError, UnicodeError) as error:
            self.problems += (_problem(document, text) for text in str(error).splitlines())
            return
        known = [each.source for each in self.used if each.name == policy.metadata.name]
        if known:
            message = f"{KIND} {policy.metadata.name} is there twice, first in {known[0]}"
            self.problems.append(Problem(file, line, message))
            return
        self._add(policy, f"{file}:{line}" if line else file)

    def list_ceilings(self) -> Iterator[str]:
        """Say of each policy that does not enforce that it does not."""
        for each in self.used:
            if each.enforcement is not Mode.ENFORCE:
                ceiling = f"has enforcement {each.enforcement}"
                yield f"Policy {each.name} {ceiling}: in the cluster it does no more."

    def _add(self, policy: HardeningPolicy, source: str) -> None:
        compiled = CompiledPolicy.of(policy)
        spec = policy.spec
        self.models.append(policy)
        self.selecting.append(SelectingPolicy(compiled, spec.namespace_selector))
        self.used.append(UsedPolicy(compiled.name, spec.profile, spec.enforcement, source))


def read_policies(text: str, policies: Policies) -> None:
    """Take the policies of a file or folder, or the one of a profile."""
    if is_profile(text) and not Path(text).exists():
        policies.add_profile(text)
        return
    found = False
    for loaded in load(find_inputs((text,)), find_renderers(), sys.stdin.buffer):
        match loaded:
            case Document() if is_policy(loaded):
                policies.add(loaded)
                found = True
            case InputProblem(file, line, message):
                policies.problems.append(Problem(file, line, message))
                found = True
    if not found:
        profiles = ", ".join(Profile)
        message = f"holds no HardeningPolicy, must hold one, or be one of {profiles}"
        policies.problems.append(Problem(text, None, message))


def is_policy(document: Document) -> bool:
    """Return whether a document is of Revet's API group."""
    version = document.value.get("apiVersion")
    return isinstance(version, str) and version.partition("/")[0] == GROUP


def is_profile(text: str) -> TypeGuard[Profile]:
    """Return whether a text is the name of a profile."""
    return text in PROFILES


def _is_known_kind(document: Document) -> bool:
    place = (document.value.get("apiVersion"), document.value.get("kind"))
    return place == (f"{GROUP}/{VERSION}", KIND)


def _problem(document: Document, text: str) -> Problem:
    """Place a line of the model's error: `spec.controls[0].mode: ...`."""
    found = _PLACE.match(text)
    steps = re.findall(r"[^.\[\]]+", found[1]) if found else []
    place = document.locate(join(*steps))
    name = document.value.get("metadata")
    name = name.get("name") if isinstance(name, dict) else None
    title = f"{KIND} {name}" if isinstance(name, str) else KIND
    return Problem(document.source.file, place.line or None, f"{title}: {_hint(text)}")


def _hint(text: str) -> str:
    """Name the control that is meant, in place of the long list of all."""
    found = _UNKNOWN.search(text)
    near = get_close_matches(found[1], CONTROLS, n=1) if found else []
    return f"{text[: found.end()]}did you mean {near[0]}?" if found and near else text
