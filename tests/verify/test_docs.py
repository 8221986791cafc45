"""What docs/signatures.md shows of policies is good."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from revet.core.model.policy_images import Images
from revet.verify.rule import Place, compile_rule
from tests.support.sigstore.authority import new_key
from tests.support.sigstore.world import Sigstore, public_pem

PAGE = Path(__file__).parents[2] / "docs" / "signatures.md"
WRITTEN = (
    yaml.safe_load(block)
    for block in re.findall(
        r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
)
#: The others are not of policies.
BLOCKS: list[dict[str, Any]] = [block for block in WRITTEN if "images" in block]


@pytest.mark.parametrize("block", BLOCKS, ids=["key", "keyless", "private"])
def test_a_rule_is_made_of_it(block: dict[str, Any], sigstore: Sigstore) -> None:
    def read(place: Place) -> bytes:
        if place.key == "cosign.pub":
            return public_pem(new_key()).encode()
        return json.dumps(sigstore.root()).encode()

    images = Images.model_validate_json(json.dumps(block["images"]))
    for each in images.verify:
        assert compile_rule(each, read).is_about("registry.example.com/web:1")
