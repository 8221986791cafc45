"""One GET from a registry: login, redirects, limits. What comes back is bytes, trusted by nobody.

Apart from the client, which knows what the bytes should be.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from revet.adapters.registry.credentials import CredentialSource
from revet.adapters.registry.endpoints import Endpoints, address, host_of
from revet.adapters.registry.error import RegistryError
from revet.adapters.registry.guard import Guard
from revet.adapters.registry.login import Token, basic, is_basic, read_token, token_request
from revet.core.errors import Error

#: The longest that one request takes.
REQUEST_S: Final = 10.0
_CONNECT_S: Final = 3.0
_CHUNK: Final = 65536
_MOST_REDIRECTS: Final = 4
_MOST_TOKEN_BYTES: Final = 64 * 1024
#: Requests at once to one registry, and the pauses before a busy one is asked again.
_MOST_AT_ONCE: Final = 32
_PAUSES_S: Final = (0.2, 0.8)
_LONGEST_WAIT_S: Final = 2.0

_REDIRECTS: Final = {301, 302, 303, 307, 308}
_TRANSIENT: Final = {429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Answer:
    """A body, its media type, and where a list goes on."""

    body: bytes
    media_type: str
    link: str


class _BusyError(RegistryError):
    """The registry asks us to come again."""

    def __init__(self, host: str, status: int, wait_s: float) -> None:
        super().__init__(host, status, f"answered {_word(status)}")
        self.wait_s = wait_s


class Connections:
    """TLS connections, and how many requests are under way to whom."""

    def __init__(self, endpoints: Endpoints, timeout_s: float) -> None:
        """Set up; `timeout_s` is the longest that one request takes."""
        named = {urlsplit(f"//{host}").hostname or "" for host in endpoints.named}
        self.guard = Guard(named)
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self.guard, limit=0),
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=_CONNECT_S),
            # A body is limited as it comes; unpacked it could be of any size.
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "revet"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._turns: dict[str, asyncio.Semaphore] = {}

    def turn(self, host: str) -> asyncio.Semaphore:
        """Return what lets so many at once ask a host, and no more."""
        return self._turns.setdefault(host, asyncio.Semaphore(_MOST_AT_ONCE))


class Transport:
    """Sends GETs over TLS, and only to whom `endpoints` names or a registry redirects to."""

    def __init__(
        self,
        endpoints: Endpoints,
        connections: Connections,
        credentials: CredentialSource,
        clock: Callable[[], float],
    ) -> None:
        """Set up, logged in nowhere; `clock` is the event loop's."""
        self._endpoints = endpoints
        self._connections = connections
        self._credentials = credentials
        self._clock = clock
        self._tokens: dict[tuple[str, str], Token] = {}

    def logged_in_as(self, credentials: CredentialSource) -> "Transport":
        """Return one that shares the connections, and not the logins."""
        return Transport(self._endpoints, self._connections, credentials, self._clock)

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.session.close()

    async def get(
        self, host: str, repository: str, path: str, *, accept: str, most_bytes: int
    ) -> Answer:
        """Get `/v2/REPOSITORY/PATH` from one host; a busy one is asked three times.

        Raises:
            RegistryError: no answer, a refusal, or more than `most_bytes`.

        """
        url = f"https://{address(host)}/v2/{repository}/{path}"
        async with self._connections.turn(host):
            for pause_s in _PAUSES_S:
                try:
                    return await self._log_in_and_get(host, repository, url, accept, most_bytes)
                except _BusyError as error:
                    if error.wait_s > _LONGEST_WAIT_S:
                        raise
                    await asyncio.sleep(max(pause_s, error.wait_s))
            return await self._log_in_and_get(host, repository, url, accept, most_bytes)

    async def _log_in_and_get(
        self, host: str, repository: str, url: str, accept: str, most_bytes: int
    ) -> Answer:
        headers = {"Accept": accept}
        token = self._tokens.get((host, repository))
        if token is not None and self._clock() < token.until:
            headers["Authorization"] = token.header
        try:
            return await self._follow(host, url, headers, most_bytes)
        except _ChallengedError as error:
            # Tokens may have been withdrawn, so this is no reason to give up.
            token = await self._log_in(host, repository, error.challenge)
            headers["Authorization"] = token.header
            self._tokens[host, repository] = token
        try:
            return await self._follow(host, url, headers, most_bytes)
        except _ChallengedError as error:
            del self._tokens[host, repository]
            raise RegistryError(host, 401, error.message) from None

    async def _log_in(self, host: str, repository: str, challenge: str) -> Token:
        try:
            credential = await self._credentials.credential(host, repository)
        except RegistryError:
            raise
        except Error as error:
            raise RegistryError(host, 401, f"wants a login, and {error}") from error
        if is_basic(challenge):
            if credential is None:
                raise RegistryError(host, 401, "wants a login, and there are no credentials for it")
            return Token(basic(credential), float("inf"))
        request = token_request(host, repository, challenge, credential, self._endpoints)
        headers = {"Authorization": request.authorization} if request.authorization else {}
        if request.form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        async with self._send(host, request.url, headers, request.form) as response:
            if response.status != HTTPStatus.OK:
                text = f"its token server answered {_word(response.status)}"
                raise RegistryError(host, 401, text)
            body = await _read(host, response, _MOST_TOKEN_BYTES)
        return read_token(host, body, self._clock())

    async def _follow(
        self, host: str, url: str, headers: Mapping[str, str], most_bytes: int
    ) -> Answer:
        """Get what a URL leads to; whom it leads to gets no credentials."""
        origin = host_of(url)
        for _ in range(_MOST_REDIRECTS + 1):
            is_origin = host_of(url) == origin
            shown = headers if is_origin else {"Accept": headers["Accept"]}
            async with self._send(host, url, shown) as response:
                if response.status not in _REDIRECTS:
                    _raise_for_status(host, response, is_origin=is_origin)
                    body = await _read(host, response, most_bytes)
                    link = response.headers.get("Link", "") if is_origin else ""
                    return Answer(body, response.content_type, link)
                url = _target(host, url, response.headers.get("Location", ""))
        raise RegistryError(host, 0, f"redirected us more than {_MOST_REDIRECTS} times")

    @asynccontextmanager
    async def _send(
        self, host: str, url: str, headers: Mapping[str, str], form: str = ""
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        target = host_of(url)
        tls = self._endpoints.tls(target)
        try:
            self._connections.guard.check_literal(urlsplit(url).hostname or "")
            async with self._connections.session.request(
                "POST" if form else "GET",
                URL(url, encoded=True),
                headers=headers,
                data=form or None,
                allow_redirects=False,
                ssl=tls,
            ) as response:
                yield response
        except TimeoutError as error:
            raise RegistryError(host, 0, f"{target} gave no answer in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise RegistryError(host, 0, f"{target} can't be asked: {_reason(error)}") from error


class _ChallengedError(RegistryError):
    """The registry asks who we are."""

    def __init__(self, host: str, challenge: str) -> None:
        super().__init__(host, 401, f"answered {_word(401)}")
        self.challenge = challenge


def _raise_for_status(host: str, response: aiohttp.ClientResponse, *, is_origin: bool) -> None:
    status = response.status
    if status == HTTPStatus.OK:
        return
    if status == HTTPStatus.UNAUTHORIZED and is_origin:
        raise _ChallengedError(host, response.headers.get("WWW-Authenticate", ""))
    if status in _TRANSIENT:
        after = response.headers.get("Retry-After", "0")
        raise _BusyError(host, status, float(after) if after.isdecimal() else 0.0)
    raise RegistryError(host, status, f"answered {_word(status)}")


async def _read(host: str, response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    too_long = RegistryError(host, 0, f"answered with more than {most_bytes} bytes")
    if (response.content_length or 0) > most_bytes:
        raise too_long
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise RegistryError(host, 0, "answered with a packed body, which nobody asked for")
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > most_bytes:
            raise too_long
    return bytes(body)


def _target(host: str, url: str, location: str) -> str:
    """Return where a redirect leads; only to TLS, and without a user in it."""
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        is_sound = parts.scheme == "https" and parts.hostname and parts.username is None
    except ValueError:
        target, is_sound = "", False
    if not location or not is_sound:
        raise RegistryError(host, 0, "redirected us to what is no https URL")
    return target


def _word(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _reason(error: Exception) -> str:
    """Return what went wrong, in one line; aiohttp wraps the reason twice."""
    inner = getattr(error, "os_error", None) or error.__cause__ or error
    text = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return str(text).splitlines()[0][:200] if text else type(error).__name__
