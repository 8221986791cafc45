"""Kubernetes minor versions, as the Pod Security Standards count them."""

from typing import NamedTuple, Self

from revet.core.errors import PolicyError


class KubeVersion(NamedTuple):
    """A Kubernetes minor version such as 1.36; ordered."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `latest` or `v1.N`, N from 0 to 36.

        Raises:
            PolicyError: any other text.

        """
        if text == "latest":
            return cls(*LATEST)
        prefix, _, minor = text.partition(".")
        if prefix == "v1" and minor.isascii() and minor.isdigit() and int(minor) <= LATEST.minor:
            return cls(1, int(minor))
        raise PolicyError(f"{text!r} is not a version, must be latest or v1.0 to v1.{LATEST.minor}")

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}"


LATEST = KubeVersion(1, 36)
