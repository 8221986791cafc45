"""Runs `revet verify`: reads what it is given, asks the registry, prints, and says how it ended."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from revet.adapters.registry.client import Registry
from revet.adapters.registry.credentials import CredentialError, Several, parse_docker_config
from revet.adapters.registry.endpoints import Endpoints
from revet.cli.verify.sources import NamedRule, Sources, read_sources
from revet.cli.verify.text import render_verdict
from revet.core.image import canonical_name
from revet.core.message import plain
from revet.verify.verdict import Outcome
from revet.verify.verifier import Verdict, Verifier

_REJECTED: Final = 1
_BAD_INPUT: Final = 2


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: of which image, by which files, as whom."""

    image: str
    paths: Sequence[str]
    own_namespace: str
    docker_config: str | None
    is_explained: bool


def verify(question: Question, tell: Callable[[str], None], warn: Callable[[str], None]) -> int:
    """Verify an image; return 0 if it is verified, 1 if not, 2 where that can't be told."""
    # The library warns of what it meets in bundles; the verdict says what comes of it.
    logging.getLogger("sigstore").setLevel(logging.CRITICAL)
    sources = read_sources(question.paths, question.own_namespace)
    _add_credentials(question, sources)
    asked = [each for each in sources.rules if each.rule.is_about(question.image)]
    if not (sources.problems or asked):
        # To end with 0 would read as if something had been verified.
        sources.problems.append(f"no rule of spec.images.verify is about {question.image}")
    if sources.problems:
        for each in sources.problems:
            warn(plain(each))
        return _BAD_INPUT
    verdict = asyncio.run(_ask(question, sources, asked))
    policies = [each.policy for each in asked]
    tell(render_verdict(verdict, policies, is_explained=question.is_explained))
    return {Outcome.VERIFIED: 0, Outcome.REJECTED: _REJECTED}.get(verdict.outcome, _BAD_INPUT)


async def _ask(question: Question, sources: Sources, asked: Sequence[NamedRule]) -> Verdict:
    # Whoever runs this names the registry by naming the image.
    host = canonical_name(question.image).partition("/")[0].lower()
    clock = asyncio.get_running_loop().time
    endpoints = Endpoints([host], sources.endpoints)
    async with Registry.connect(endpoints, clock, Several(sources.credentials)) as client:
        verifier = Verifier(client, lambda: datetime.now(UTC))
        return await verifier.verify(question.image, [each.rule for each in asked])


def _add_credentials(question: Question, sources: Sources) -> None:
    """Take the person's own logins after those that policies name."""
    given = question.docker_config
    path = Path(given) if given else Path.home() / ".docker" / "config.json"
    if not given and not path.is_file():
        return
    try:
        sources.credentials.append(parse_docker_config(path.read_bytes()))
    except (CredentialError, OSError) as error:
        sources.problems.append(f"{path}: {error}")
