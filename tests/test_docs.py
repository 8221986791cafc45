"""The docs say what is so: links, names, commands, flags, metrics, examples and texts."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer
import yaml
from prometheus_client import CollectorRegistry

from revet.core.admission import Request, judge
from revet.core.checks import BY_ID
from revet.core.compiled_policy import CompiledPolicy, apply
from revet.core.message import denial
from revet.core.model.catalog import PATCHABLE, UNSUPPORTED
from revet.core.model.policy import parse_policy
from revet.core.model.policy_control import Control
from revet.core.model.unsupported import word_refusal
from revet.core.workload import read
from revet.ingest.main import serve as serve_ingest
from revet.ingest.metrics import Metrics as IngestMetrics
from revet.operator.main import serve as serve_operator
from revet.operator.metrics import Metrics as OperatorMetrics
from revet.webhook.main import serve as serve_webhook
from revet.webhook.metrics import Metrics

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = sorted((*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))
TEXTS: Final = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in PAGES}
MAKEFILE: Final = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))[
    "project"
]

# What README's refusal is about.
DEPLOYMENT: Final = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: app, image: 'registry.example.com/web:1.4', securityContext: {privileged: true}}
      volumes:
      - {name: logs, hostPath: {path: /var/log}}
"""


def _blocks(language: str) -> Iterator[tuple[str, str]]:
    for name, text in TEXTS.items():
        for block in re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            yield name, block


def _anchors(text: str) -> set[str]:
    """Name the headings of a page as GitHub's links do."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def _rows(text: str, heading: str) -> list[list[str]]:
    """Read the tables below a heading, up to the next one."""
    _, _, rest = text.partition(f"\n## {heading}\n")
    section, _, _ = rest.partition("\n## ")
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows]


def _named(rows: list[list[str]]) -> list[str]:
    """Return what stands in backquotes at the beginning of each row."""
    return [found[1] for row in rows if (found := re.match(r"`([^` ]+)", row[0]))]


def _source(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name: str) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", TEXTS[name]):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        page = TEXTS.get(str(target.relative_to(ROOT)), "")
        if not target.exists() or (anchor and anchor not in _anchors(page)):
            broken.append(link)
    assert broken == []


def test_commands_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE))
    inline = re.findall(r"`make ([a-z][a-z0-9-]*)", "\n".join(TEXTS.values()))
    # At the start of a line it is a command in a block only: prose breaks anywhere.
    blocks = "\n".join(block for _, block in _blocks(r"\w*"))
    found = [*inline, *re.findall(r"^make ([a-z][a-z0-9-]*)", blocks, re.MULTILINE)]
    assert {"demo", "test"} <= set(found) <= targets
    table = set(re.findall(r"^\| `make ([a-z0-9-]+)`", TEXTS["CONTRIBUTING.md"], re.MULTILINE))
    assert targets - table == {"help", "setup"}


def test_names_in_the_code_exist() -> None:
    found = re.findall(r"`([\w/]+\.py):([\w.]+)`", TEXTS["docs/architecture.md"])
    assert len(found) > 10
    missing = [
        f"{path}:{name}"
        for path, name in found
        for part in name.split(".")
        if not re.search(rf"^ *(async )?(def|class) {part}\b", _source(path), re.MULTILINE)
    ]
    assert missing == []


def test_every_dependency_has_its_reason() -> None:
    text = TEXTS["docs/dependencies.md"]
    groups = {"base": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    wanted: dict[str, set[str]] = {}
    for group, requirements in groups.items():
        for requirement in requirements:
            wanted.setdefault(re.split(r"[<>=\[ ]", requirement)[0], set()).add(group)
    runs = _rows(text, "What runs")
    written = {row[0].strip("`"): set(row[1].split(", ")) for row in runs if row[0].startswith("`")}
    written |= {name: {"dev"} for name in _named(_rows(text, "What development needs"))}
    assert written == wanted


@pytest.mark.parametrize(
    ("page", "serve"),
    [("webhook", serve_webhook), ("operator", serve_operator), ("runtime", serve_ingest)],
)
def test_every_flag_is_told(page: str, serve: Callable[..., None]) -> None:
    app = typer.Typer()
    app.command()(serve)
    parameters = typer.main.get_command(app).params
    flags = {flag for each in parameters for flag in each.opts if each.name != "help"}
    flags -= {"--install-completion", "--show-completion"}
    assert set(_named(_rows(TEXTS[f"docs/{page}.md"], "Flags"))) == flags


def _ingest_metrics() -> CollectorRegistry:
    metrics = IngestMetrics()
    metrics.follow(*[lambda: 0.0] * 5)
    return metrics.registry


METRICS: Final[dict[str, CollectorRegistry]] = {
    "webhook": Metrics(lambda: 0.0, lambda: 0.0, dict).registry,
    "operator": OperatorMetrics().registry,
    "runtime": _ingest_metrics(),
}


@pytest.mark.parametrize(("page", "registry"), METRICS.items(), ids=METRICS)
def test_every_metric_is_told(page: str, registry: CollectorRegistry) -> None:
    names = {
        f"{each.name}_total" if each.type == "counter" else each.name for each in registry.collect()
    }
    assert set(_named(_rows(TEXTS[f"docs/{page}.md"], "Metrics"))) == names


def test_policies_in_the_docs_are_good() -> None:
    policies = [
        (name, block) for name, block in _blocks("yaml") if "kind: HardeningPolicy" in block
    ]
    assert {name for name, _ in policies} >= {"README.md", "docs/policy.md"}
    for _, block in policies:
        parse_policy(json.dumps(yaml.safe_load(block)))


def test_the_refusal_in_the_readme_is_what_revet_says() -> None:
    block = next(block for name, block in _blocks("yaml") if name == "README.md")
    policy = CompiledPolicy.of(parse_policy(json.dumps(yaml.safe_load(block))))
    document = json.dumps(yaml.safe_load(DEPLOYMENT)).encode()
    subject = read("apps", "Deployment", document)
    applied = apply([policy], "shop", {"tier": "prod"}, frozenset())
    decision = judge(Request(subject, None, document), applied)
    assert denial(subject, "shop", decision) in TEXTS["README.md"]
    assert policy.entries[0][1].hash in TEXTS["README.md"]


def test_what_is_refused_for_now_is_told() -> None:
    _, _, rest = TEXTS["docs/policy.md"].partition("\n## What is refused for now\n")
    section, _, _ = rest.partition("\n## ")
    items = "\n".join(line for line in section.splitlines() if line.startswith("- "))
    assert set(re.findall(r"`([^`]+)`", items)) == set(UNSUPPORTED)
    for name in ("README.md", "docs/policy.md"):
        (said,) = set(re.findall(r"(spec\.[\w.]+) is not supported in this version", TEXTS[name]))
        assert word_refusal(said) in set(map(word_refusal, UNSUPPORTED))


def test_what_patches_and_what_a_control_may_set_is_told() -> None:
    text = TEXTS["docs/policy.md"]
    assert set(_named(_rows(text, "Modes"))) >= set(PATCHABLE)
    assert set(_named(_rows(text, "Modes"))) & set(BY_ID) == set(PATCHABLE)
    fields = {info.alias or name for name, info in Control.model_fields.items()}
    assert set(_named(_rows(text, "Single controls"))) == fields - {"id"}
