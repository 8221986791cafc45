"""Which pods of upstream's suite become admissible by our patches, as the engine says it."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from e2e.fixtures import Fixture, read_fixtures
from e2e.upstream.plan import render_plan
from e2e.upstream.process import Failure
from revet.core.check import Level
from revet.core.compiled_policy import CompiledPolicy
from revet.core.defaulting import set_defaults
from revet.core.engine import evaluate, mend
from revet.core.model.pod import Pod
from revet.core.model.policy import parse_policy


class Flip(NamedTuple):
    """A fixture that upstream refuses and that patched is admitted, by the test that holds it."""

    test: str
    number: int


def predict_flips(minors: Iterable[int]) -> Iterator[Flip]:
    """Mend each fixture of these versions, and see whether anything is left to find."""
    for minor in minors:
        policies = {level.value: _compile(level.value, minor) for level in Level}
        for fixture in read_fixtures(f"*/v1.{minor}/fail"):
            if _flips(fixture.pod, policies[fixture.level]):
                yield _name(fixture, minor)


def read_flip(failure: Failure) -> Flip | None:
    """Return which fixture was admitted, if it is that which a failure tells."""
    return Flip(failure.test, failure.number) if failure.is_admitted else None


def _name(fixture: Fixture, minor: int) -> Flip:
    number = int(fixture.path.stem[len(fixture.check) :])
    return Flip(f"podsecurity-{fixture.level}-1-{minor}_fail_{fixture.check}", number)


def _compile(level: str, minor: int) -> CompiledPolicy:
    spec = render_plan(patch=True)["levels"][level]["spec"]
    policy: dict[str, Any] = {
        "apiVersion": "revet.dev/v1alpha1",
        "kind": "HardeningPolicy",
        "metadata": {"name": level},
        "spec": {**spec, "namespaceSelector": {}, "standardVersion": f"v1.{minor}"},
    }
    return CompiledPolicy.of(parse_policy(msgspec.json.encode(policy)))


def _flips(pod: dict[str, Any], policy: CompiledPolicy) -> bool:
    set_defaults(pod)
    template, _ = mend(pod, "", policy.checks)
    return not evaluate(Pod(template), policy.pod_checks)
