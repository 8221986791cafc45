"""Tokens of ServiceAccounts: reviewed by the API server in the background, then remembered.

The handler never waits for the API server: whoever shows a token for the first time is asked to
come again. While the API server is away, what it has said stays true for half an hour.
"""

import asyncio
import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from revet.adapters.kube import Kube, KubeError

_FRESH_S: Final = 300.0
_REFUSED_S: Final = 60.0
_STALE_S: Final = 1800.0
_MOST_KNOWN: Final = 4096
_MOST_WAITING: Final = 64
_PAUSE_S: Final = 0.1  # ten a second, whoever makes up tokens
_PATH: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
_NODE: Final = "authentication.kubernetes.io/node-name"
_PREFIX: Final = "system:serviceaccount:"


class Account(NamedTuple):
    """A ServiceAccount, as NAMESPACE/NAME, and the node of the pod that its token is for."""

    name: str
    node: str


class _Known(NamedTuple):
    account: Account | None
    at: float


class _User(msgspec.Struct):
    username: str = ""
    extra: dict[str, list[str]] = {}


class _Status(msgspec.Struct):
    authenticated: bool = False
    user: _User | None = None
    audiences: list[str] = []


class _Review(msgspec.Struct):
    status: _Status


class _Claims(msgspec.Struct):
    aud: str | list[str] = ""
    exp: float = 0.0


class Tokens:
    """What is known of tokens, by their hash; the tokens themselves are kept only till reviewed."""

    def __init__(
        self,
        kube: Kube,
        audience: str,
        clock: Callable[[], float],
        complain: Callable[[str], None],
    ) -> None:
        """Set up; `clock` gives seconds since the epoch."""
        self._kube = kube
        self._audience = audience
        self._clock = clock
        self._complain = complain
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._waiting: asyncio.Queue[str] = asyncio.Queue(_MOST_WAITING)
        self._asked: set[bytes] = set()

    def find(self, token: str) -> Account | None:
        """Return whose token it is, None where it is nobody's.

        Raises:
            LookupError: that is being found out.

        """
        if not self._may_be_good(token):
            return None
        key = sha256(token.encode()).digest()
        known, now = self._known.get(key), self._clock()
        if known is None:
            self._ask(key, token)
            raise LookupError
        age_s = now - known.at
        if age_s > (_REFUSED_S if known.account is None else _FRESH_S):
            self._ask(key, token)
        if age_s > _STALE_S:
            raise LookupError
        return known.account

    async def run(self) -> None:
        """Have tokens reviewed, one after another, until cancelled."""
        while True:
            token = await self._waiting.get()
            key = sha256(token.encode()).digest()
            try:
                self._note(key, await self._review(token))
            except KubeError as error:
                self._complain(f"a token could not be reviewed: {error}")
            finally:
                self._asked.discard(key)
            await asyncio.sleep(_PAUSE_S)

    def _ask(self, key: bytes, token: str) -> None:
        if key not in self._asked and not self._waiting.full():
            self._asked.add(key)
            self._waiting.put_nowait(token)

    def _note(self, key: bytes, account: Account | None) -> None:
        self._known[key] = _Known(account, self._clock())
        self._known.move_to_end(key)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def _may_be_good(self, token: str) -> bool:
        """Look at what a token says of itself, so that made-up ones cost no review."""
        parts = token.split(".")
        if len(parts) != len(("header", "claims", "signature")):
            return False
        try:
            text = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
            claims = msgspec.json.decode(text, type=_Claims)
        except (ValueError, binascii.Error, msgspec.DecodeError):
            return False
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        return self._audience in audiences and claims.exp > self._clock()

    async def _review(self, token: str) -> Account | None:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [self._audience]},
        }
        answer = await self._kube.request("POST", _PATH, body=body)
        try:
            status = msgspec.json.decode(answer, type=_Review).status
        except msgspec.DecodeError as error:
            raise KubeError(f"{_PATH}: the answer is no review: {error}") from error
        user = status.user or _User()
        is_ours = status.authenticated and self._audience in status.audiences
        if not is_ours or not user.username.startswith(_PREFIX):
            return None
        name = user.username.removeprefix(_PREFIX).replace(":", "/")
        return Account(name, "".join(user.extra.get(_NODE, [])[:1]))
