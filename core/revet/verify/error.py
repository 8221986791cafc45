"""The error of verification; apart, so that every module may name it without a cycle."""

from revet.core.errors import Error


class SignatureError(Error):
    """Something is not what a signature must be; the text says what, and what was wanted."""
