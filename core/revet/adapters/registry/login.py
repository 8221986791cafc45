"""How a registry is logged in to: basic or bearer, and to whom credentials may be shown.

https://distribution.github.io/distribution/spec/auth/token/
"""

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec

from revet.adapters.registry.credentials import Credential
from revet.adapters.registry.endpoints import Endpoints, address, host_of
from revet.adapters.registry.error import RegistryError

_PARAMETER: Final = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))')
#: How long a token is used whose server does not say (the specification's own default).
_DEFAULT_LIFE_S: Final = 60.0
_CLIENT: Final = "revet"


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What to ask a token server; `form` is posted where there is one."""

    url: str
    authorization: str
    form: str


@dataclass(frozen=True, slots=True)
class Token:
    """An Authorization header, and until when it is good on the clock that made it."""

    header: str
    until: float


class _TokenAnswer(msgspec.Struct):
    token: str = ""
    access_token: str = ""
    expires_in: float | None = None


def basic(credential: Credential) -> str:
    """Return the header of a basic login."""
    text = f"{credential.user}:{credential.password}".encode()
    return f"Basic {b64encode(text).decode()}"


def is_basic(challenge: str) -> bool:
    """Return whether a registry asks for a basic login."""
    return challenge.partition(" ")[0].lower() == "basic"


def token_request(
    host: str, repository: str, challenge: str, credential: Credential | None, endpoints: Endpoints
) -> TokenRequest:
    """Return what to ask the token server that a registry's challenge names.

    Raises:
        RegistryError: it names none that may be asked.

    """
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() != "bearer":
        raise RegistryError(host, 401, f"asks for a login by {scheme or 'nothing'!r}, not known")
    fields = {name: quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
    realm = fields.get("realm", "")
    _check_realm(host, realm, endpoints)
    scope = {"service": fields.get("service", ""), "scope": f"repository:{repository}:pull"}
    if credential is not None and credential.identity_token:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": credential.identity_token,
            "client_id": _CLIENT,
            **scope,
        }
        return TokenRequest(realm, "", urlencode(form))
    separator = "&" if "?" in realm else "?"
    url = f"{realm}{separator}{urlencode(scope)}"
    return TokenRequest(url, basic(credential) if credential else "", "")


def read_token(host: str, body: bytes, now: float) -> Token:
    """Read what a token server answered.

    Raises:
        RegistryError: it is no token.

    """
    try:
        answer = msgspec.json.decode(body, type=_TokenAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = _TokenAnswer()
    text = answer.token or answer.access_token
    if not text or not text.isprintable() or not text.isascii():
        raise RegistryError(host, 0, "its token server answered without a token")
    life_s = answer.expires_in if answer.expires_in is not None else _DEFAULT_LIFE_S
    # Renewed a little early: a token must not run out on its way.
    return Token(f"Bearer {text}", now + life_s * 0.8)


def _check_realm(host: str, realm: str, endpoints: Endpoints) -> None:
    """See to it that credentials go to the registry itself, or where the policy says."""
    try:
        parts = urlsplit(realm)
        is_plain = parts.username is not None or parts.fragment or not parts.hostname
    except ValueError:
        parts, is_plain = urlsplit(""), True
    if parts.scheme != "https" or is_plain:
        raise RegistryError(host, 401, "its token server must be named by an https URL")
    other = host_of(realm)
    if other != address(host) and other not in endpoints.named:
        text = f"its token server is {other}; if it may be asked, name it in images.hosts"
        raise RegistryError(host, 401, text)
