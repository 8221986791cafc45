"""Hands findings to the operator's leader, who asks for what is newer than what it has.

Nothing is forgotten by asking: whoever leads next asks for everything, and gets it.
"""

import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs
from uuid import uuid4

import msgspec
from aiohttp import web

from revet.adapters.address import SettingsError
from revet.core.runtime.handover import Portion
from revet.core.runtime.pipeline import Pipeline

_SHORTEST: Final = 32


class Handover:
    """What stands behind `GET /v1/handover?after=INSTANCE:VERSION`."""

    def __init__(self, pipeline: Pipeline, token: Path, clock: Callable[[], float]) -> None:
        """Read the token that the operator has to show.

        Raises:
            SettingsError: there is none.

        """
        self._pipeline = pipeline
        self._path = token
        self._clock = clock
        #: Another one after each start: then the versions begin anew.
        self._instance = uuid4().hex
        self._started = clock()
        self._token = b""
        self.read()
        if not self._token:
            raise SettingsError(
                f"--handover-token {token}: must be a file with at least {_SHORTEST} characters"
            )

    def read(self) -> None:
        """Read the token again; one that can't be read changes nothing."""
        try:
            found = self._path.read_bytes().strip()
        except OSError:
            return
        if len(found) >= _SHORTEST:
            self._token = found

    def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer the operator."""
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        is_right = hmac.compare_digest(shown.encode(errors="replace"), self._token)
        if scheme.lower() != "bearer" or not is_right:
            return web.Response(status=401, text="only the operator is answered here")
        if request.method != "GET":
            return web.Response(status=405, text="only GET", headers={"Allow": "GET"})
        query = parse_qs(request.raw_path.partition("?")[2])
        instance, _, version = query.get("after", [""])[0].partition(":")
        after = int(version) if instance == self._instance and version.isdecimal() else 0
        return web.Response(body=self._write(after), content_type="application/json")

    def _write(self, after: int) -> bytes:
        findings, omitted = self._pipeline.findings.since(after)
        portion = Portion(
            instance=self._instance,
            version=self._pipeline.findings.version,
            started=self._started,
            findings=findings,
            omitted=omitted,
            feed=self._pipeline.feed.report(),
        )
        return msgspec.json.encode(portion)
