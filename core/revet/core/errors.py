"""The errors that core raises; apart, so that every module may name them without a cycle.

The entry points translate them, once: to an HTTP status, an exit code or a condition.
"""


class Error(Exception):
    """Any error that Revet raises on purpose; its text is written for a person."""


class PolicyError(Error):
    """A HardeningPolicy is not valid; the text has one line for each thing that is wrong."""


class ManifestError(Error):
    """A Kubernetes object cannot be read as the kind that it says it is."""


class ReviewError(Error):
    """A request to the webhook is not an AdmissionReview that can be answered."""


def describe(error: Exception) -> str:
    """Name an error that nobody expected, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
