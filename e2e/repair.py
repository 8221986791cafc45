"""Makes random pods valid: what the API server objects to is taken out, until it takes the rest."""

import re
from typing import Any, Final

from e2e.api import Answer, Api

_MOST_TRIES: Final = 12
_TOKEN: Final = re.compile(r"[^.\[\]]+")
Manifest = dict[str, Any]


def make_valid(api: Api, manifest: Manifest, namespace: str) -> Answer | None:
    """Repair the manifest in place; return the server's answer, None where that did not do."""
    for _ in range(_MOST_TRIES):
        answer = api.create(manifest, namespace, dry_run=True)
        if answer.is_success:
            return answer
        causes = answer.body.get("details", {}).get("causes", ())
        # From the back, so that places in lists stay where they were.
        fields = sorted({cause.get("field", "") for cause in causes}, reverse=True)
        taken_out = sum(_take_out(manifest, _TOKEN.findall(field)) for field in fields)
        if not taken_out:
            return None
    return None


def _take_out(manifest: Manifest, tokens: list[str]) -> bool:
    """Take out what stands at a place, or the nearest thing around it; pod and spec stay."""
    while len(tokens) > 1:
        place = _find(manifest, tokens[:-1])
        last = tokens[-1]
        if isinstance(place, dict) and last in place:
            if last == "name" and len(tokens) > 2:  # a thing without its name is invalid too
                tokens = tokens[:-1]
                continue
            del place[last]
            return True
        if isinstance(place, list) and last.isdigit() and int(last) < len(place):
            del place[int(last)]
            return True
        tokens = tokens[:-1]
    return False


def _find(place: Any, tokens: list[str]) -> Any:  # noqa: ANN401 -- a JSON value
    for token in tokens:
        if isinstance(place, list) and token.isdigit() and int(token) < len(place):
            place = place[int(token)]
        elif isinstance(place, dict):
            place = place.get(token)
        else:
            return None
    return place
