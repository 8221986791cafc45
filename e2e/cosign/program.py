"""cosign run as people run it, but for the services of the public instance: there are none."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_TIMEOUT_S: Final = 120
#: Neither the public log nor its settings, which cosign would fetch.
_OFFLINE: Final = ("--yes", "--use-signing-config=false", "--tlog-upload=false")


class CosignError(Exception):
    """cosign ended with an error; the text is what it wrote."""


@dataclass(frozen=True)
class Cosign:
    """The program, with a home of its own and a registry's CA and login."""

    path: Path
    home: Path
    ca_file: Path
    login: tuple[str, str] | None = None

    def make_key(self, name: str) -> Path:
        """Make a pair of keys; return the private one, beside which NAME.pub is."""
        self._run("generate-key-pair", "--output-key-prefix", str(self.home / name))
        return self.home / f"{name}.key"

    def import_key(self, name: str, pem: bytes) -> Path:
        """Take a private key that was made elsewhere."""
        source = self.home / f"{name}.pem"
        source.write_bytes(pem)
        prefix = str(self.home / name)
        self._run("import-key-pair", "--key", str(source), "--output-key-prefix", prefix, "--yes")
        return self.home / f"{name}.key"

    def sign(self, reference: str, key: Path, *more: str) -> None:
        """Sign an image with a key."""
        self._run("sign", "--key", str(key), *_OFFLINE, *more, *self._registry(), reference)

    def attest(self, reference: str, key: Path, kind: str, predicate: object, *more: str) -> None:
        """Attest something of an image with a key."""
        path = self.home / "predicate.json"
        path.write_text(json.dumps(predicate), encoding="utf-8")
        options = ["--type", kind, "--predicate", str(path), "--key", str(key)]
        self._run("attest", *options, *_OFFLINE, *more, *self._registry(), reference)

    def verify(self, reference: str, *more: str) -> list[dict[str, Any]]:
        """Have it verify an image; return what it took for signatures."""
        found = self._run("verify", *more, *self._registry(), "--output", "json", reference)
        answer: list[dict[str, Any]] = json.loads(found)
        return answer

    def make_root(self, **parts: str) -> bytes:
        """Make a trusted_root.json of files in its home."""
        named = [f"--{name}={part}" for name, part in parts.items()]
        self._run("trusted-root", "create", "--out", "trusted_root.json", *named)
        return (self.home / "trusted_root.json").read_bytes()

    def _registry(self) -> list[str]:
        options = ["--registry-cacert", str(self.ca_file)]
        if self.login:
            user, password = self.login
            options += ["--registry-username", user, "--registry-password", password]
        return options

    def _run(self, *arguments: str) -> str:
        environment = {"HOME": str(self.home), "PATH": os.defpath, "COSIGN_PASSWORD": ""}
        done = subprocess.run(
            [str(self.path), *arguments],
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise CosignError(f"cosign {arguments[0]}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout
