"""The chart with a TUF repository of the public trust root, and without one."""

from typing import Final

from tests.chart.charts import CHANGES, find, render, render_text

_VALUES: Final = {"publicRoot.tufUrl": CHANGES["publicRoot.tufUrl"]}


def test_without_a_repository_there_is_no_trace_of_it() -> None:
    assert "tuf" not in render_text()
    assert "revet-public-root" not in render_text()


def test_who_refreshes_the_public_root_has_somewhere_to_write() -> None:
    pod = find(render(_VALUES), "Deployment", "revet-operator")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    places = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    # Python's temporary files go to /tmp, where the root filesystem is read-only.
    assert places == {"/var/lib/revet/tuf": "tuf", "/tmp": "tuf"}  # noqa: S108 -- a pod's own
    assert [each["name"] for each in pod["volumes"]] == ["tuf"]
