"""What every wire type is made of; apart, since pods and all other kinds share it."""

import msgspec


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A JSON object of the API; absent and null are both None."""


class Present(Wire, frozen=True, gc=False):
    """An object of which only the presence counts."""
