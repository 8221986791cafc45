"""Writes label selectors for manifests: without the empty parts that the API server drops."""

from collections.abc import Iterable

from revet.core.model.meta import Manifest
from revet.core.model.selector import LabelSelector, Requirement


def render_selector(selector: LabelSelector, further: Iterable[Requirement] = ()) -> Manifest:
    """Write a selector, with `further` requirements after its own."""
    manifest: Manifest = {}
    requirements = (*selector.match_expressions, *further)
    if requirements:
        manifest["matchExpressions"] = [_render(each) for each in requirements]
    if selector.match_labels:
        manifest["matchLabels"] = dict(selector.match_labels)
    return manifest


def _render(requirement: Requirement) -> Manifest:
    manifest: Manifest = {"key": requirement.key, "operator": requirement.operator.value}
    if requirement.values:
        manifest["values"] = list(requirement.values)
    return manifest
