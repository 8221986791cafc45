"""What `revet check` is measured on must be what the figure says."""

from pathlib import Path

import yaml

from bench.command import write_manifests


def test_so_many_manifests_are_in_so_many_files(tmp_path: Path) -> None:
    write_manifests(tmp_path, files=3, manifests=24)
    files = sorted(tmp_path.iterdir())
    texts = [path.read_text(encoding="utf-8") for path in files]
    documents = [each for text in texts for each in yaml.safe_load_all(text)]
    assert len(files) == 3
    assert len({each["metadata"]["name"] for each in documents}) == len(documents) == 24
    assert {each["kind"] for each in documents} == {"Deployment", "StatefulSet", "DaemonSet", "Pod"}
    assert sum("hostNetwork: true" in text for text in texts) == 3
