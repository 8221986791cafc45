"""What the canary's client ends with; apart, since what runs in its pods imports nothing else."""

from enum import IntEnum


class Exit(IntEnum):
    """The end of a container; anything else means that it failed by itself."""

    SHOWN = 0
    """A connection was made; where two are compared, the denied one was dropped."""
    THROUGH = 3
    """The denied connection was made to the end, as was the allowed one."""
    UNCLEAR = 4
    """The connection that should be made was not."""
