"""Lets senders in, or says why not: by certificate, by token, by ServiceAccount; and how much.

Apart from the HTTP, so that what is decided can be tested without it.
"""

import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec

from revet.core.errors import Error
from revet.core.model.policy_runtime import Source
from revet.ingest.senders import Sender, Senders
from revet.ingest.tokens import Tokens

_LONGEST_TOKEN: Final = 8192
_BURST_S: Final = 2.0
_MOST_BUCKETS: Final = 5000


class RefusedError(Error):
    """A request is not taken; `status` says how, `again_s` when to come again."""

    def __init__(self, status: HTTPStatus, text: str, again_s: int = 0) -> None:
        super().__init__(text)
        self.status = status
        self.again_s = again_s


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Doorkeeper:
    """Knows the senders, and how much each has sent."""

    def __init__(
        self, senders: Senders, tokens: Tokens, rate: float, clock: Callable[[], float]
    ) -> None:
        """Set up; each may send `rate` events a second, with a burst of two seconds' worth."""
        self.senders = senders
        self._tokens = tokens
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def admit(
        self, source: Source, certificate: Mapping[str, object] | None, header: str
    ) -> Sender:
        """Return who it is; `header` is the request's `Authorization`.

        Raises:
            RefusedError: nobody who may send this.

        """
        sender = self.senders.by_certificate(certificate)
        if sender is None and header:
            sender = self._by_token(_read_token(header))
        if sender is None:
            shown = "what was shown is not known" if header or certificate else "nothing was shown"
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED,
                f"{shown}: a client certificate, or a token (Bearer, or the password of Basic), "
                "of one of the senders is needed",
            )
        if not sender.may_send(source):
            raise RefusedError(
                HTTPStatus.FORBIDDEN, f"sender {sender.name} may not send events of {source}"
            )
        return sender

    def charge(self, sender: Sender, events: int) -> None:
        """Count events against what a sender may send.

        Raises:
            RefusedError: it is too much.

        """
        now, most = self._clock(), self._rate * _BURST_S
        bucket = self._buckets.setdefault(sender.name, _Bucket(most, now))
        self._buckets.move_to_end(sender.name)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        bucket.left = min(most, bucket.left + (now - bucket.at) * self._rate)
        bucket.at = now
        # One body may be larger than what is left: it is taken, and paid for by the next ones.
        if bucket.left <= 0:
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"sender {sender.name} sends more than {self._rate:g} events a second",
                again_s=1,
            )
        bucket.left -= events

    def _by_token(self, token: str) -> Sender | None:
        if not token or len(token) > _LONGEST_TOKEN:
            return None
        sender = self.senders.by_token(token)
        if sender is not None or not self.senders.knows_accounts:
            return sender
        try:
            account = self._tokens.find(token)
        except LookupError:
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS, "the token is being reviewed", again_s=1
            ) from None
        if account is None:
            return None
        found = self.senders.by_account(account.name)
        if found is None or not found.own_node:
            return found
        if not account.node:
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED,
                f"the token of {account.name} does not say on which node its pod runs",
            )
        name = f"{found.name}@{account.node}"
        return msgspec.structs.replace(found, name=name, node=account.node)


def _read_token(header: str) -> str:
    """Read a token; one as the password of Basic is for those who can only set a URL."""
    scheme, _, value = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic":
            try:
                text = base64.b64decode(value, validate=True).decode()
            except (binascii.Error, ValueError):
                return ""
            return text.partition(":")[2]
        case _:
            return ""
