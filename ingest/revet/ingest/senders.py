"""Who may send: by a token's hash, by a client certificate's name, or by a ServiceAccount.

Nobody is let in who is not in the file. A secret never is in it, nor in any message.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from revet.adapters.address import SettingsError
from revet.core.model.policy_runtime import Source

_HASH_LENGTH: Final = 64
_MOST_SENDERS: Final = 5000


class Sender(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One that may send, and how it is known: by exactly one of the last three.

    Attributes:
        name: what logs and metrics call it.
        sources: what it may send; empty: anything.
        node: the node that it speaks for; empty: any.
        token_sha256: SHA-256, in hex, of its token.
        common_name: that of its certificate.
        service_account: NAMESPACE/NAME.
        own_node: whether a ServiceAccount speaks only for the node that its pod runs on.

    """

    name: str
    sources: tuple[Source, ...] = ()
    node: str = ""
    token_sha256: str = ""
    common_name: str = ""
    service_account: str = ""
    own_node: bool = False

    def may_send(self, source: Source) -> bool:
        """Return whether it may send events of such a sensor."""
        return not self.sources or source in self.sources


class _File(msgspec.Struct, forbid_unknown_fields=True):
    senders: list[Sender]


class Senders:
    """Those that may send, found by what they show."""

    def __init__(self, senders: list[Sender]) -> None:
        """Index them."""
        self._by_hash = [(each.token_sha256.lower().encode(), each) for each in senders]
        self._by_hash = [pair for pair in self._by_hash if pair[0]]
        self._by_name = {each.common_name: each for each in senders if each.common_name}
        self._by_account = {each.service_account: each for each in senders if each.service_account}
        #: Comparing each time with all of them would be slow; a wrong token is never kept.
        self._known: dict[bytes, Sender] = {}

    @property
    def knows_accounts(self) -> bool:
        """Whether anybody is known by a ServiceAccount."""
        return bool(self._by_account)

    def by_token(self, token: str) -> Sender | None:
        """Find who has a token."""
        shown = sha256(token.encode(errors="replace")).hexdigest().encode()
        known = self._known.get(shown)
        if known is not None:
            return known
        found = None
        # All are compared: how long it takes tells nothing.
        for each, sender in self._by_hash:
            if hmac.compare_digest(each, shown):
                found = sender
        if found is not None:
            self._known[shown] = found
        return found

    def by_certificate(self, certificate: Mapping[str, object] | None) -> Sender | None:
        """Find whose certificate this is, as Python's ssl tells of one that it has verified."""
        if not certificate:
            return None
        subject = certificate.get("subject")
        if not isinstance(subject, tuple):
            return None
        names = [value for part in subject for key, value in part if key == "commonName"]
        return self._by_name.get(names[0]) if len(names) == 1 else None

    def by_account(self, account: str) -> Sender | None:
        """Find who is a ServiceAccount, by NAMESPACE/NAME."""
        return self._by_account.get(account)


def read_senders(path: Path) -> Senders:
    """Read the file, YAML or JSON.

    Raises:
        SettingsError: it can't be read, or says what is not allowed.

    """
    try:
        file = msgspec.yaml.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"--senders {path}: {error}") from error
    if len(file.senders) > _MOST_SENDERS:
        raise SettingsError(f"--senders {path}: at most {_MOST_SENDERS} senders are allowed")
    for number, each in enumerate(file.senders):
        problem = _find_problem(each)
        if problem:
            raise SettingsError(f"--senders {path}: senders[{number}]: {problem}")
    return Senders(file.senders)


def _find_problem(sender: Sender) -> str:
    shown = [sender.token_sha256, sender.common_name, sender.service_account]
    if not sender.name:
        return "name is empty"
    if sum(map(bool, shown)) != 1:
        return "must have exactly one of tokenSha256, commonName and serviceAccount"
    hexadecimal = sender.token_sha256.lower()
    if hexadecimal and (
        len(hexadecimal) != _HASH_LENGTH or set(hexadecimal) - set("0123456789abcdef")
    ):
        return "tokenSha256 must be 64 hexadecimal digits"
    if sender.service_account and sender.service_account.count("/") != 1:
        return "serviceAccount must be NAMESPACE/NAME"
    if sender.own_node and not sender.service_account:
        return "ownNode is for a serviceAccount only"
    return ""
