"""Which images are held, for how long, and what becomes of new pods of theirs."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from revet.core.model.policy_runtime import Action, Response, Severity, Source
from revet.core.model.policy_status import (
    MOST_FINDINGS,
    MOST_HELD,
    HardeningPolicyStatus,
    HeldImage,
    render_status,
)
from revet.core.patch import Operation
from revet.core.pointer import split
from revet.core.runtime.findings import Finding, Suspect
from revet.core.runtime.held_images import (
    Hold,
    Trace,
    find_held,
    find_images,
    find_traces,
    held_images,
    put_on,
    release_image,
    rewrite,
    word_held,
)
from tests.support.manifests import Manifest
from tests.support.policy_builder import build_policy
from tests.support.rfc6902 import apply_patch

NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
AT: Final = NOW.timestamp() - 60
BAD: Final = f"sha256:{'b' * 64}"


def _digest(number: int) -> str:
    return f"sha256:{number:064x}"


def _suspect(severity: Severity = Severity.HIGH, at: float = AT) -> Suspect:
    return Suspect("web-1", "uid-web-1", severity, at)


def _finding(*suspects: Suspect, **fields: Any) -> Finding:  # noqa: ANN401 -- as Finding's
    given: dict[str, Any] = {
        "policy": "uid-p",
        "policy_name": "p",
        "source": Source.FALCO,
        "rule": "Shell",
        "namespace": "shop",
        "kind": "Deployment",
        "workload": "web",
        "container": "app",
        "suspects": suspects or (_suspect(),),
        **fields,
    }
    return Finding(**given)


def _trace(*suspects: Suspect, **fields: Any) -> Trace:  # noqa: ANN401 -- as Finding's
    [trace] = find_traces(_finding(*suspects, **fields), Response(action=Action.HOLD_IMAGE))
    return trace


def _hold(digest: str = BAD, *suspects: Suspect, **fields: Any) -> Hold:  # noqa: ANN401 -- as above
    return Hold(_trace(*suspects, **fields), "registry.example/app", digest)


def _held(digest: str = BAD, **fields: Any) -> HeldImage:  # noqa: ANN401 -- as HeldImage's
    [held] = put_on((), [_hold(digest)], NOW).listed
    return held.model_copy(update=fields)


def test_a_trace_is_as_bad_as_is_asked_for() -> None:
    suspects = [_suspect(each) for each in (Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)]
    found = find_traces(_finding(*suspects), Response(action=Action.HOLD_IMAGE))
    assert [each.suspect.severity for each in found] == [Severity.HIGH, Severity.CRITICAL]
    assert (_trace().workload, _trace().because) == ("shop/Deployment/web", "falco 'Shell', high")
    # The image is the same wherever it runs, and whatever its container is called.
    assert _trace(workload="db", container="x").finding == _trace().finding
    assert _trace(rule="Other").finding != _trace().finding
    assert _trace(executable="/bin/sh").finding != _trace().finding


@pytest.mark.parametrize(
    ("image_id", "expected"),
    [
        (f"registry.example/app@{BAD}", ("registry.example/app", BAD)),
        (f"docker-pullable://registry.example:5000/app@{BAD}", ("registry.example:5000/app", BAD)),
        # Of an image's configuration: no pod names it so.
        (BAD, None),
        (f"docker://{BAD}", None),
        ("registry.example/app:1", None),
        ("registry.example/app@sha256:short", None),
        ("", None),
    ],
)
def test_an_image_is_what_the_status_says(image_id: str, expected: tuple[str, str] | None) -> None:
    for group in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        other = {"name": "other", "imageID": f"other@{_digest(1)}"}
        pod: Manifest = {"status": {group: [other, {"name": "app", "imageID": image_id}]}}
        assert find_images(pod, "app") == ([expected] if expected else [])
        assert find_images(pod, "") == []
        assert find_images(pod, "gone") == []
    assert find_images({}, "app") == []


def test_what_a_pod_asks_for_is_held_beside_what_its_node_tells() -> None:
    asked = {"name": "app", "image": f"registry.example:5000/app:1@{BAD}"}
    pod: Manifest = {"spec": {"initContainers": [asked]}}
    by_index = ("registry.example:5000/app", BAD)
    assert find_images(pod, "app") == [by_index]
    platform = f"registry.example:5000/app@{_digest(2)}"
    # CRI-O tells an id of its own, or the digest of the platform's image.
    for told, more in (
        ("0123abcd", []),
        (f"registry.example:5000/app@{BAD}", []),
        (platform, [("registry.example:5000/app", _digest(2))]),
    ):
        pod["status"] = {"initContainerStatuses": [{"name": "app", "imageID": told}]}
        assert find_images(pod, "app") == [by_index, *more]


def test_a_workload_is_written_as_long_as_it_may_be() -> None:
    held = put_on((), [_hold(workload="w" * 600)], NOW).listed
    assert len(held[0].workload) == 512


def test_an_image_is_put_on_once_and_told_by_the_worst() -> None:
    first = put_on((), [_hold(), _hold()], NOW)
    assert first.begun == first.listed
    assert [each.digest for each in first.listed] == [BAD]
    later = NOW + timedelta(hours=1)
    worse = _hold(BAD, _suspect(Severity.CRITICAL), rule="Worse", workload="db")
    [held] = put_on(first.listed, [worse, _hold(rule="Mild")], later).listed
    assert (held.because, held.workload) == ("falco 'Worse', critical", "shop/Deployment/db")
    assert held.since == NOW
    assert len(held.findings) == 3
    more = [_hold(rule=f"{number}") for number in range(100)]
    after = put_on((held,), more, later)
    assert [len(each.findings) for each in after.listed] == [MOST_FINDINGS]
    assert (after.begun, after.dropped) == ((), ())
    # Nothing to write, whatever comes.
    assert put_on(after.listed, more, later).listed == after.listed


def test_what_was_released_comes_back_by_another_finding_of_later_alone() -> None:
    released = _held(released=NOW)
    late, early = NOW.timestamp() + 60, NOW.timestamp()
    for settled in (_hold(BAD, _suspect(at=late)), _hold(BAD, _suspect(at=early), rule="Other")):
        assert put_on((released,), [settled], NOW).listed == (released,)
    after = put_on((released,), [_hold(BAD, _suspect(at=late), rule="Other")], NOW)
    assert after.begun == after.listed
    assert after.listed[0].released is None
    assert len(after.listed[0].findings) == 2


def test_the_list_is_bounded_and_what_goes_is_told() -> None:
    full = put_on((), [_hold(_digest(number)) for number in range(MOST_HELD)], NOW).listed
    later = NOW + timedelta(hours=1)
    mild = put_on(full, [_hold(BAD, rule="New")], later)
    # Of those as bad the oldest; a released one goes first; the mildest never comes in.
    assert [each.digest for each in mild.dropped] == [_digest(0)]
    assert [each.digest for each in mild.begun] == [BAD]
    marked = (*full[:5], full[5].model_copy(update={"released": NOW}), *full[6:])
    after = put_on(marked, [_hold()], later)
    assert (after.dropped, _digest(5) in {each.digest for each in after.listed}) == ((), False)
    worst = tuple(each.model_copy(update={"severity": Severity.CRITICAL}) for each in full)
    after = put_on(worst, [_hold()], later)
    assert (after.listed, after.begun) == (worst, ())
    assert [each.digest for each in after.dropped] == [BAD]


def test_a_flood_of_digests_keeps_the_worst() -> None:
    bad = _hold(BAD, _suspect(Severity.CRITICAL), rule="Bad")
    flood = [_hold(_digest(number)) for number in range(10_000)]
    outcome = put_on((), [bad, *flood], NOW)
    assert len(outcome.listed) == MOST_HELD
    assert len(outcome.dropped) == 10_001 - MOST_HELD
    assert BAD in {each.digest for each in outcome.listed}
    longest = [
        each.model_copy(update={"because": "x" * 253, "image": "y" * 253, "workload": "z" * 400})
        for each in outcome.listed
    ]
    written = json.dumps([each.model_dump(mode="json") for each in longest])
    assert len(written) <= 48 * 1024


def test_the_words_name_the_worst_and_say_when_it_is_full() -> None:
    assert word_held(()) == ""
    assert word_held((_held(),)) == f"registry.example/app@{BAD[:19]}"
    full = tuple(_held(_digest(number)) for number in range(MOST_HELD))
    bad = _held(severity=Severity.CRITICAL)
    said = word_held((*full[1:], bad))
    assert said.startswith(f"registry.example/app@{BAD[:19]}, ")
    assert f", {MOST_HELD - 3} more, and no room is left" in said


def test_a_release_marks_the_image_and_nothing_else() -> None:
    listed = (_held(_digest(1)), _held())
    policy = _document(listed)
    assert find_held(policy, BAD[:19]) == [BAD]
    after = _apply(policy, release_image(policy, BAD, NOW))
    assert after["status"]["heldImages"][1].pop("released") == "2026-01-01T12:00:00.000+00:00"
    assert after == policy
    assert release_image(policy, _digest(7), NOW) == []
    read = build_policy(runtime={"respond": [{"action": "HoldImage"}]})
    status = HardeningPolicyStatus(held_images=(_held(), _held(_digest(1), released=NOW)))
    assert held_images(read.model_copy(update={"status": status})) == (_held(),)
    unasked = build_policy(runtime={"respond": [{"action": "Quarantine"}]})
    assert held_images(unasked.model_copy(update={"status": status})) == ()


def test_a_list_is_written_only_in_the_place_of_the_one_that_was_seen() -> None:
    policy = _document((_held(),))
    after = _apply(policy, rewrite(policy, (_held(), _held(_digest(1)))))
    assert [each["digest"] for each in after["status"]["heldImages"]] == [BAD, _digest(1)]
    with pytest.raises(ValueError, match="heldImages is another"):
        _apply(after, rewrite(policy, ()))
    bare: Manifest = {"metadata": {"uid": "u"}, "status": {}}
    assert _apply(bare, rewrite(bare, ()))["status"] == {"heldImages": []}
    # Whoever writes the rest of the status leaves it alone.
    assert "heldImages" not in render_status(HardeningPolicyStatus(held_images=(_held(),)))


def _apply(document: Manifest, operations: Sequence[Mapping[str, Any]]) -> Manifest:
    """Patch as the API server does: it writes nothing where a test fails."""
    tests = [each for each in operations if each["op"] == "test"]
    for each in tests:
        found: Any = document
        for step in split(each["path"]):
            found = found[int(step) if step.isdecimal() else step]
        if found != each["value"]:
            raise ValueError(f"{each['path']} is another")
    writes = [
        Operation(op="add", path=each["path"], value=each["value"])
        for each in operations[len(tests) :]
    ]
    patched: Manifest = apply_patch(document, writes)
    return patched


def _document(listed: tuple[HeldImage, ...]) -> Manifest:
    written = [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in listed]
    return {"metadata": {"name": "p", "uid": "u"}, "status": {"heldImages": written}}


def test_a_release_by_a_clock_that_is_ahead_silences_no_other_finding() -> None:
    released = _held(released=NOW + timedelta(days=365))
    later = NOW + timedelta(hours=1)
    again = _hold(BAD, _suspect(at=later.timestamp()))
    other = _hold(BAD, _suspect(at=later.timestamp()), rule="Other")
    assert put_on([released], [again], later).listed == (released,)
    assert put_on([released], [other], later).listed[0].released is None
    # A little ahead is any clock.
    released = _held(released=later + timedelta(minutes=1))
    assert put_on([released], [other], later).listed == (released,)
