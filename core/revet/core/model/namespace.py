"""Namespaces as the checks read them, and what bounds the resources that their pods may take.

https://kubernetes.io/docs/concepts/policy/limit-range/
"""

from typing import Any

from revet.core.model.wire import Wire


class Namespace(Wire, frozen=True, gc=False):
    """A Namespace, which is judged by its metadata and by what stands in it."""


class LimitRangeItem(Wire, frozen=True, gc=False):
    """What a LimitRange says of one type of object; without a default the maximum is one."""

    type: str = ""
    default: dict[str, Any] | None = None
    default_request: dict[str, Any] | None = None
    max: dict[str, Any] | None = None
    min: dict[str, Any] | None = None
    max_limit_request_ratio: dict[str, Any] | None = None


class LimitRangeSpec(Wire, frozen=True, gc=False):
    """A LimitRange's spec."""

    limits: tuple[LimitRangeItem, ...] | None = None


class LimitRange(Wire, frozen=True, gc=False):
    """A LimitRange, but for its metadata."""

    spec: LimitRangeSpec = LimitRangeSpec()


class ResourceQuotaSpec(Wire, frozen=True, gc=False):
    """A ResourceQuota's spec."""

    hard: dict[str, Any] | None = None
    scopes: tuple[str, ...] | None = None
    scope_selector: dict[str, Any] | None = None


class ResourceQuota(Wire, frozen=True, gc=False):
    """A ResourceQuota, but for its metadata."""

    spec: ResourceQuotaSpec = ResourceQuotaSpec()
