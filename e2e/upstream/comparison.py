"""The suite without and with patches, on a control plane that leaves Pod Security to us.

Apart, because the tests and `python -m e2e.conformance` ask the same, of fewer or more versions.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from e2e.cluster.controlplane import ControlPlane
from e2e.release import Release
from e2e.upstream.flips import Flip, predict_flips, read_flip
from e2e.upstream.process import Answer, Failure, Outcome, run_suite

_PLUGIN_OFF = "--disable-admission-plugins=PodSecurity"
_MINOR = re.compile(r"podsecurity-\w+-1-(\d+)")


class LiveScore(NamedTuple):
    """What came of both runs.

    `predicted` are the fixtures that the engine mends fully: no other may be admitted.
    """

    plain: Outcome
    patched: Outcome
    predicted: frozenset[Flip]

    @property
    def flips(self) -> frozenset[Flip]:
        """The fixtures of which the Pod is admitted with patches."""
        return self._flipped(is_template=False)

    @property
    def template_flips(self) -> frozenset[Flip]:
        """The same of Deployments, which are judged as the Pod that will be made of them."""
        return self._flipped(is_template=True)

    @property
    def others(self) -> list[Failure]:
        """What patches have changed beside that."""
        return [each for each in self.patched.failures if read_flip(each) is None]

    @property
    def unsafe(self) -> list[Answer]:
        """The pods that were admitted, and that upstream would have refused."""
        answers = (*self.plain.answers, *self.patched.answers)
        return [answer for answer in answers if answer.forbidden]

    @property
    def is_clean(self) -> bool:
        """Whether upstream's suite passes, and patches change just what they are for."""
        wrong = (self.plain.failures, self.others, self.unsafe)
        flips = self.flips == self.template_flips == self.predicted
        return self.plain.passed and flips and not any(wrong)

    def _flipped(self, *, is_template: bool) -> frozenset[Flip]:
        found = (each for each in self.patched.failures if each.is_template is is_template)
        return frozenset(flip for flip in map(read_flip, found) if flip is not None)


@contextmanager
def open_stage() -> Iterator[ControlPlane]:
    """Give a control plane with our chart installed and running, and the in-tree plugin off."""
    with ControlPlane(apiserver_flags=[_PLUGIN_OFF]) as plane, Release(plane) as release:
        release.start()
        yield plane


def compare_live(
    plane: ControlPlane, minors: Sequence[int] = (), watch: Callable[[str], None] = lambda _: None
) -> LiveScore:
    """Run the suite twice, of these minor versions or of all."""
    plain = run_suite(plane, patch=False, minors=minors, watch=watch)
    patched = run_suite(plane, patch=True, minors=minors, watch=watch)
    seen = set(map(_read_minor, plain.answers))
    return LiveScore(plain, patched, frozenset(predict_flips(seen)))


def _read_minor(answer: Answer) -> int:
    found = _MINOR.fullmatch(answer.namespace)
    if found is None:
        raise ValueError(f"namespace {answer.namespace!r} must be podsecurity-LEVEL-1-MINOR")
    return int(found[1])
