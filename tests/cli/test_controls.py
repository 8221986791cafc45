"""`revet controls`: every control once, in a table and in JSON."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from revet.cli.main import app
from revet.core.check import Default
from revet.core.checks import ALL, BY_ID
from revet.core.kinds import BY_NAME

PROFILES = ("baseline", "restricted", "high")


def _run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["controls", *args])
    return result.exit_code, result.stdout, result.stderr


def _document(*args: str) -> dict[str, Any]:
    code, text, errors = _run("-o", "json", *args)
    assert (code, errors) == (0, "")
    document: dict[str, Any] = json.loads(text)
    return document


def test_the_table_has_a_row_for_each_control() -> None:
    code, text, errors = _run()
    head, *rows = text.splitlines()
    assert (code, errors) == (0, "")
    assert head.split() == [
        "CONTROL",
        "TIER",
        "JUDGES",
        "BASELINE",
        "RESTRICTED",
        "HIGH",
        "CAN",
        "PATCH",
    ]
    assert [row.split()[0] for row in rows] == [check.id for check in ALL]
    assert len({row.rstrip().rfind("  ") for row in [head, *rows]}) == 1


def test_a_row_says_what_the_control_does() -> None:
    rows = {row.split()[0]: row for row in _run()[1].splitlines()}
    assert "Pods and templates" in rows["seccomp-required"]
    assert rows["seccomp-required"].endswith("yes")
    assert " Service " in rows["service-node-port"]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_shows_what_it_runs(profile: str) -> None:
    head, *rows = _run("--profile", profile)[1].splitlines()
    running = [check.id for check in ALL if check.profiles.of(profile) is not Default.DISABLED]
    assert [row.split()[0] for row in rows] == running
    assert head.split()[3:4] == [profile.upper()]
    assert [each["id"] for each in _document("--profile", profile)["controls"]] == running


def test_json_has_all_of_each_control() -> None:
    document = _document()
    assert document["version"] == 1
    assert [each["id"] for each in document["controls"]] == list(BY_ID)
    for each in document["controls"]:
        check = BY_ID[each["id"]]
        assert set(each["judges"]) <= set(BY_NAME)
        assert each["judges"]
        assert each["profiles"] == {
            name: {
                "mode": check.profiles.of(name).value[0],
                "patch": check.profiles.of(name).value[1],
            }
            for name in PROFILES
        }
        assert each["tier"] in {1, 2, 3}
        assert [setting["name"] for setting in each["settings"]] == [
            parameter.field for parameter in check.parameters
        ]


@pytest.mark.parametrize("args", [("-o", "yaml"), ("--profile", "strict")])
def test_what_is_not_known_is_bad_input(args: tuple[str, ...]) -> None:
    assert _run(*args)[0] == 2
