"""What the library `sigstore` brings of the public instance, and where a newer root is kept.

Apart from the roots' reading, which takes half a second to import: the operator only stores them.
"""

from importlib.resources import files
from typing import Final
from urllib.parse import quote

#: The ConfigMap, in Revet's own namespace, in which the operator keeps the refreshed root.
CONFIG_MAP_NAME: Final = "revet-public-root"
ROOT: Final = "trusted_root.json"
_STORE: Final = quote("https://tuf-repo-cdn.sigstore.dev", safe="")


def read_bundled_root() -> bytes:
    """Read the trusted_root.json of the public instance, as the library brings it."""
    return _read(ROOT)


def read_tuf_anchor() -> bytes:
    """Read the root of the public instance's TUF repository, by which all newer ones are signed."""
    return _read("root.json")


def _read(name: str) -> bytes:
    return (files("sigstore") / "_store" / _STORE / name).read_bytes()
