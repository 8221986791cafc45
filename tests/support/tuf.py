"""A TUF repository with one key for all its roles, signed anew as a test wants it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined] # as below
from tuf.api.metadata import (  # type: ignore[attr-defined] # it marks none for export
    Key,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

_Signed = TypeVar("_Signed", Root, Targets, Snapshot, Timestamp)
_ROLES = ("root", "timestamp", "snapshot", "targets")


class Repository:
    """A folder that a web server can give out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signer = CryptoSigner.generate_ed25519()
        self.version = 0
        folder.mkdir()
        (folder / "targets").mkdir()
        self.anchor = self._write_root(self.signer.public_key)

    def publish(self, name: str, content: bytes, lasts: timedelta = timedelta(days=7)) -> None:
        """Sign a next version, in which this is the only file; it expires after a while."""
        self.version += 1
        ends = datetime.now(UTC).replace(microsecond=0) + lasts
        file = TargetFile.from_data(name, content)
        prefix = next(iter(file.hashes.values()))
        (self.folder / "targets" / f"{prefix}.{name}").write_bytes(content)
        targets = Targets(version=self.version, expires=ends, targets={name: file})
        self._write(targets, f"{self.version}.targets.json")
        meta = {"targets.json": MetaFile(self.version)}
        self._write(Snapshot(version=self.version, expires=ends, meta=meta), self._snapshot())
        timestamp = Timestamp(version=self.version, expires=ends)
        timestamp.snapshot_meta = MetaFile(self.version)
        self._write(timestamp, "timestamp.json")

    def _snapshot(self) -> str:
        return f"{self.version}.snapshot.json"

    def _write_root(self, key: Key) -> bytes:
        root = Root(expires=datetime.now(UTC).replace(microsecond=0) + timedelta(days=365))
        for role in _ROLES:
            root.add_key(key, role)
        return self._write(root, "1.root.json")

    def _write(self, signed: _Signed, name: str) -> bytes:
        metadata = Metadata(signed)
        metadata.sign(self.signer)
        data = metadata.to_bytes()
        (self.folder / name).write_bytes(data)
        return data
