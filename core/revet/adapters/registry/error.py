"""What a registry's failure is: which registry, and what it answered; never its answer's body."""

from revet.core.errors import Error


class RegistryError(Error):
    """A registry did not answer, refused, or answered something that can't be trusted.

    Attributes:
        host: the registry, as references name it.
        status: the HTTP status; 0 where there was no answer, or none that may be used.
        message: what happened, without the host.

    """

    def __init__(self, host: str, status: int, message: str) -> None:
        super().__init__(f"{host}: {message}")
        self.host = host
        self.status = status
        self.message = message
