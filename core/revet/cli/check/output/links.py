"""Where a control is documented on the web; apart, since text and SARIF both link there."""

from typing import Final

from revet.core.checks import BY_ID

_STANDARDS: Final = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"


def find_page(control: str) -> str | None:
    """Return the page that defines what a control asks; None for those that are Revet's own."""
    level = BY_ID[control].level
    return f"{_STANDARDS}#{level.value}" if level is not None else None
