"""The entries that stand in the webhook configurations, as they were last seen."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from revet.core.model.meta import Manifest
from revet.core.render.webhook import NAME
from revet.operator.picture import Picture

VALIDATING: Final = "ValidatingWebhookConfiguration"
MUTATING: Final = "MutatingWebhookConfiguration"
KINDS: Final = (VALIDATING, MUTATING)


class Standing:
    """Reads the picture at each call: it may have changed since the last one."""

    def __init__(self, picture: Picture) -> None:
        """Set up."""
        self._picture = picture

    def configuration(self, kind: str) -> Manifest | None:
        """Return the configuration of a kind, None where there is none."""
        return self._picture.objects.get((kind, "", NAME))

    def entries(self, kind: str) -> Iterator[Manifest]:
        """Return the entries in the configuration of a kind."""
        yield from (self.configuration(kind) or {}).get("webhooks") or ()

    def paths(self, kind: str) -> dict[str, str]:
        """Return, by name, the path that each entry of a kind belongs to."""
        return {each["name"]: validating_path(each) for each in self.entries(kind)}

    def fail_paths(self, *kinds: str) -> set[str]:
        """Return the paths that Fail entries of these kinds belong to."""
        entries = (each for kind in kinds for each in self.entries(kind))
        return {validating_path(each) for each in entries if each.get("failurePolicy") == "Fail"}


def validating_path(entry: Manifest) -> str:
    """Return the path of an entry, or that of the validating one that it goes with."""
    config = entry["clientConfig"]
    if "service" in config:
        path = str(config["service"].get("path", ""))
    else:
        path = str(urlsplit(config.get("url", "")).path)
    return path.replace("/mutate/", "/validate/")
