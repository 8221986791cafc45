"""What a process of ours is told on its command line: addresses, and that something is wrong."""

import re
from dataclasses import dataclass
from typing import Self

from revet.core.errors import Error

_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]]*):(?P<port>[0-9]{1,5})")
_LAST_PORT = 65535


class SettingsError(Error):
    """A setting is not valid; the text names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, flag: str) -> Self:
        """Read `HOST:PORT`; an empty host means all interfaces.

        Raises:
            SettingsError: another form.

        """
        match = _ADDRESS.fullmatch(text)
        if match is None or int(match["port"]) > _LAST_PORT:
            raise SettingsError(f"{flag} {text!r} is no address, must be HOST:PORT such as :9443")
        return cls(match["host"].strip("[]"), int(match["port"]))
