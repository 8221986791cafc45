"""network-config-analyzer as the judge of NetworkPolicies: which connections they leave.

It pins what other tests need in other versions, so it is a program in an environment of its own.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.support.manifests import Manifest

ROOT: Final = Path(__file__).parent.parent.parent
_EVERYWHERE: Final = "0.0.0.0-255.255.255.255"
_LINE: Final = re.compile(r"(\S.*) => (.*) : (.*)")
_PORTS: Final = re.compile(r"\{protocols:([A-Z]+(?:, [A-Z]+)*)(?:,dst_ports:([0-9,-]+))?\}")
#: What it knows of; the rest of a cluster is nothing to it.
_KINDS: Final = {"Namespace", "Pod", "NetworkPolicy"}


@cache
def _program() -> str:
    """Make its environment, once; where that can't be, skip the tests and say why."""
    script = (str(ROOT / "tools/evaluator.sh"), sys.executable)
    made = subprocess.run(script, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"the evaluator can't be installed: {made.stderr.strip()[-300:]}")
    return made.stdout.strip()


def find_connections(
    cases: Mapping[str, Sequence[Manifest]], folder: Path
) -> dict[str, frozenset[str]]:
    """Return what each of some clusters lets through, such as `shop/web -> shop/api: TCP 8080`.

    `*` is every address that is no pod's. All cases are one run: each start costs half a second.
    """
    program = _program()
    for name, manifests in cases.items():
        text = yaml.safe_dump_all(_readable(each) for each in manifests if each["kind"] in _KINDS)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    scheme = folder / "scheme.yaml"
    scheme.write_text(yaml.safe_dump(_scheme(cases, folder)), encoding="utf-8")
    command = (program, "--scheme", str(scheme), "--return_0")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Total time" in done.stdout, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    parts = done.stdout.split("Running query ")[1:]
    found = {part.split("\n", 1)[0].strip(): frozenset(_read(part)) for part in parts}
    assert found.keys() == cases.keys()
    return found


def _scheme(cases: Iterable[str], folder: Path) -> Manifest:
    files = {name: str(folder / f"{name}.yaml") for name in cases}
    output = {"outputFormat": "txt_no_fw_rules", "outputEndpoints": "pods"}
    return {
        "networkConfigList": [
            {"name": name, "namespaceList": path, "podList": path, "networkPolicyList": [path]}
            for name, path in files.items()
        ],
        "queries": [
            {"name": name, "connectivityMap": [name], "outputConfiguration": output}
            for name in files
        ],
    }


def _readable(manifest: Manifest) -> Manifest:
    """Leave out the empty lists, as the API server does: it takes them for a mistake."""
    if manifest["kind"] != "NetworkPolicy":
        return manifest
    spec = {key: value for key, value in manifest["spec"].items() if value != []}
    return {**manifest, "spec": {"podSelector": {}, **spec}}


def _read(part: str) -> Iterable[str]:
    for line in part.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        source, target, ports = found.groups()
        ends = f"{_name(source)} -> {_name(target)}"
        if ports == "All connections":
            yield f"{ends}: all"
            continue
        said = _PORTS.fullmatch(ports)
        assert said is not None, line
        for protocol in said[1].split(", "):
            yield f"{ends}: {protocol} {said[2] or ''}".rstrip()


def _name(end: str) -> str:
    return "*" if end == _EVERYWHERE else end
