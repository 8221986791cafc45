"""Makes policies in one line, the long way: through the document that people write."""

import json
from collections.abc import Mapping, Sequence

from revet.core.check import Check
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.policy import HardeningPolicy, parse_policy
from tests.support.standards import STANDARDS

NAME_LABEL = "kubernetes.io/metadata.name"
PROD: Mapping[str, object] = {"matchLabels": {"tier": "prod"}}


def named(*names: str) -> Mapping[str, object]:
    """Write the selector of namespaces by name."""
    return {"matchExpressions": [{"key": NAME_LABEL, "operator": "In", "values": names}]}


def override(enforcement: str, **labels: str) -> Mapping[str, object]:
    """Write an enforcement override for namespaces with these labels."""
    return {"namespaceSelector": {"matchLabels": labels}, "enforcement": enforcement}


def compile_policy(
    name: str = "production",
    selector: Mapping[str, object] = PROD,
    profile: str = "restricted",
    controls: Sequence[Mapping[str, object]] = (),
    catalog: Sequence[Check] = STANDARDS,
    **spec: object,
) -> CompiledPolicy:
    """Compile a policy; `spec` holds further fields, by their names in the document."""
    return CompiledPolicy.of(build_policy(name, selector, profile, controls, **spec), catalog)


def build_policy(
    name: str = "production",
    selector: Mapping[str, object] = PROD,
    profile: str = "restricted",
    controls: Sequence[Mapping[str, object]] = (),
    **spec: object,
) -> HardeningPolicy:
    """Read a policy as the operator does; `spec` as above."""
    document = {
        "apiVersion": "revet.dev/v1alpha1",
        "kind": "HardeningPolicy",
        "metadata": {"name": name, "generation": 1, "uid": f"uid-of-{name}"},
        "spec": {
            "namespaceSelector": selector,
            "profile": profile,
            "controls": controls,
            **spec,
        },
    }
    return parse_policy(json.dumps(document))
