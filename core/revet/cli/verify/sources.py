"""What `revet verify` is given: policies, and the ConfigMaps and Secrets that they name."""

import base64
import binascii
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from revet.adapters.registry.credentials import CredentialError, DockerConfig, parse_docker_config
from revet.adapters.registry.endpoints import Endpoint
from revet.cli.load import Document, InputProblem, find_inputs, find_renderers, load
from revet.core.errors import PolicyError
from revet.core.model.policy import GROUP, parse_policy
from revet.core.model.policy_images import Images, RegistryHost
from revet.verify.error import SignatureError
from revet.verify.rule import Place, Rule, compile_rule

_HELD: Final = ("ConfigMap", "Secret")
_DOCKER_CONFIG: Final = ".dockerconfigjson"


class NamedRule(NamedTuple):
    """A rule, and the policy that it is of."""

    policy: str
    rule: Rule


@dataclass
class Sources:
    """The rules of all policies, how registries are reached, and what could not be read."""

    namespace: str
    rules: list[NamedRule] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)
    credentials: list[DockerConfig] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _held: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)

    def read(self, place: Place) -> bytes:
        """Return what stands in a ConfigMap or Secret of the files."""
        found = self._held.get((place.kind, place.name), {}).get(place.key)
        if found is None:
            raise SignatureError(f"{place}: is in none of the files, give it with -p")
        return found

    def hold(self, value: dict[str, Any]) -> None:
        """Keep a ConfigMap or Secret of Revet's own namespace."""
        metadata = value.get("metadata") or {}
        if metadata.get("namespace", self.namespace) != self.namespace:
            return
        plain, encoded = (
            ("data", "binaryData") if value["kind"] == "ConfigMap" else ("stringData", "data")
        )
        entries = {key: str(text).encode() for key, text in (value.get(plain) or {}).items()}
        for key, text in (value.get(encoded) or {}).items():
            try:
                entries.setdefault(key, base64.b64decode(text, validate=True))
            except (binascii.Error, TypeError, ValueError):
                name = metadata.get("name")
                self.problems.append(f"{value['kind']} {name}: {key} is not base64")
        self._held[value["kind"], str(metadata.get("name"))] = entries

    def take(self, document: Document) -> None:
        """Take the rules of a policy, or what is wrong with it."""
        name = (document.value.get("metadata") or {}).get("name")
        try:
            policy = parse_policy(msgspec.json.encode(document.value))
        except (PolicyError, OverflowError, RecursionError, UnicodeError) as error:
            lines = str(error).splitlines()
            self.problems += (f"{document.source.file}: policy {name}: {line}" for line in lines)
            return
        images = policy.spec.images or Images()
        for index, each in enumerate(images.verify):
            try:
                self.rules.append(NamedRule(str(name), compile_rule(each, self.read)))
            except SignatureError as error:
                place = f"spec.images.verify[{index}]"
                self.problems.append(f"{document.source.file}: policy {name}: {place}.{error}")
        for host in images.hosts:
            self._reach(host)

    def _reach(self, host: RegistryHost) -> None:
        try:
            ca = ""
            if host.ca_ref is not None:
                reference = host.ca_ref.config_map_ref
                ca = self.read(Place("ConfigMap", reference.name, reference.key)).decode()
            self.endpoints.append(Endpoint(host.host, ca, host.mirrors))
            if host.pull_secret_ref is not None:
                place = Place("Secret", host.pull_secret_ref.name, _DOCKER_CONFIG)
                self.credentials.append(parse_docker_config(self.read(place)))
        except (SignatureError, CredentialError, UnicodeDecodeError) as error:
            self.problems.append(f"spec.images.hosts: {host.host}: {error}")


def read_sources(paths: Iterable[str], namespace: str) -> Sources:
    """Read policies, and what they name, from files."""
    sources = Sources(namespace)
    policies: list[Document] = []
    for loaded in load(find_inputs(tuple(paths)), find_renderers(), sys.stdin.buffer):
        match loaded:
            case Document(value={"kind": kind}) if kind in _HELD:
                sources.hold(loaded.value)
            case Document(value={"apiVersion": str(version)}) if version.startswith(f"{GROUP}/"):
                policies.append(loaded)
            case InputProblem(file, line, message):
                place = f"{file}:{line}" if line else file
                sources.problems.append(f"{place}: {message}")
    for policy in policies:
        sources.take(policy)
    if not policies and not sources.problems:
        sources.problems.append("the files hold no HardeningPolicy, must hold one")
    return sources
