"""Tells of foreign edits that were undone: counted, and as an Event where the object is.

Who has deleted something the API server tells nobody but its audit log.
"""

from typing import Final

from revet.adapters.events import Notice, Recorder
from revet.core.model.meta import Manifest
from revet.core.model.pod import OwnerReference
from revet.operator.metrics import Metrics

_REASON: Final = "DriftCorrected"
#: Where Events about what is in no namespace are kept.
_NO_NAMESPACE: Final = "default"


class DriftTeller:
    """Counts, and records Events."""

    def __init__(self, metrics: Metrics, recorder: Recorder) -> None:
        """Set up."""
        self._metrics = metrics
        self._recorder = recorder

    def tell(self, manifest: Manifest, text: str) -> None:
        """Tell what was done to an object, and undone."""
        self._metrics.drift_corrections.labels(manifest["kind"]).inc()
        metadata = manifest["metadata"]
        about = OwnerReference(
            api_version=manifest["apiVersion"],
            kind=manifest["kind"],
            name=metadata["name"],
            uid=metadata.get("uid", ""),
        )
        namespace = metadata.get("namespace") or _NO_NAMESPACE
        self._recorder.record(Notice(namespace, about, _REASON, f"{text}; it is put back"))
