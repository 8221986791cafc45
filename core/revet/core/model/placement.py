"""Which nodes a pod asks for, and which it puts up with, as the checks read it."""

import msgspec

from revet.core.model.wire import Wire


class Toleration(Wire, frozen=True, gc=False):
    """Which taint of a node is put up with; without a key: every one, without an effect: each."""

    key: str | None = None
    effect: str | None = None


class NodeRequirement(Wire, frozen=True, gc=False):
    """A label that a node must have, or must not."""

    key: str = ""
    operator: str = ""


class NodeTerm(Wire, frozen=True, gc=False):
    """Requirements that a node must meet all."""

    match_expressions: tuple[NodeRequirement, ...] | None = None
    #: Of the node's fields there is only metadata.name.
    match_fields: tuple[NodeRequirement, ...] | None = None


class NodeSelector(Wire, frozen=True, gc=False):
    """Terms, of which a node must meet one."""

    node_selector_terms: tuple[NodeTerm, ...] | None = None


class NodeAffinity(Wire, frozen=True, gc=False):
    """Which nodes a pod asks for."""

    required: NodeSelector | None = msgspec.field(
        name="requiredDuringSchedulingIgnoredDuringExecution", default=None
    )


class Affinity(Wire, frozen=True, gc=False):
    """Where a pod wants to be."""

    node_affinity: NodeAffinity | None = None
