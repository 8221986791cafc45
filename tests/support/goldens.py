"""Goldens: what is expected word for word, in tests/data/goldens; `make goldens` rewrites them."""

import os
from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "data" / "goldens"
_WRITES = os.environ.get("REVET_WRITE_GOLDENS") == "1"


def assert_golden(name: str, text: str) -> None:
    """Compare a text with the golden of that name, or write it where that is asked for."""
    path = _FOLDER / name
    if _WRITES:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"{path} is missing, run: make goldens"
    assert text == path.read_text(encoding="utf-8"), f"{path} differs; if meant, run: make goldens"
