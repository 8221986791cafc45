"""How registries are reached as one policy says: its CAs, its mirrors, its logins, followed."""

from collections.abc import Callable, Iterable
from typing import Final

from revet.adapters.registry.client import Registry
from revet.adapters.registry.credentials import CredentialError, DockerConfig
from revet.adapters.registry.endpoints import Endpoint, Endpoints
from revet.core.model.image_facts import RegistryAccess
from revet.core.model.policy_images import RegistryHost
from revet.webhook.logins import NamedLogins, read_pull_secret
from revet.webhook.references import CONFIG_MAP, SECRET, Data, Reference, References

#: An authority that can't be had must not be replaced by the system's; this is one that fails.
_NO_CA: Final = "there is no CA"


class Reach:
    """A registry client as a policy says, made anew when what the policy refers to has changed."""

    def __init__(
        self,
        access: RegistryAccess,
        references: References,
        clock: Callable[[], float],
        close: Callable[[Registry], None],
    ) -> None:
        self._access = access
        self._references = references
        self._clock = clock
        self._close = close
        self._wanted = host_references(access.hosts)
        self._made_of: list[Data | None] | None = None
        self._registry: Registry | None = None
        self.logins = NamedLogins({})

    async def registry(self, host: str) -> Registry:
        """Return the client, once everything was looked for that it needs for a host."""
        await self._references.seen(self._needed(host))
        found = [self._references.find(each) for each in self._wanted]
        if self._registry is None or found != self._made_of:
            self.end()
            self._made_of = found
            self.logins = NamedLogins(dict(filter(None, map(self._login, self._access.hosts))))
            endpoints = Endpoints(self._access.named, map(self._endpoint, self._access.hosts))
            self._registry = Registry.connect(endpoints, self._clock, self.logins)
        return self._registry

    def unread(self, host: str) -> str:
        """Say what was not read yet of what is needed for a host; empty where all was."""
        unseen = self._references.unseen(self._needed(host))
        names = ", ".join(map(self._references.describe, unseen))
        return f"{names} has not been read yet" if names else ""

    def _needed(self, host: str) -> list[Reference]:
        told = [each for each in self._access.hosts if each.host == host]
        mirrors = {mirror for each in told for mirror in each.mirrors}
        return host_references(
            [*told, *(each for each in self._access.hosts if each.host in mirrors)]
        )

    def end(self) -> None:
        """Let go of the client."""
        if self._registry is not None:
            self._close(self._registry)
            self._registry = None

    def _endpoint(self, host: RegistryHost) -> Endpoint:
        if host.ca_ref is None:
            return Endpoint(host.host, "", host.mirrors)
        ref = host.ca_ref.config_map_ref
        data = self._references.find(Reference(CONFIG_MAP, ref.name)) or {}
        ca_pem = data.get(ref.key, b"").decode(errors="replace")
        return Endpoint(host.host, ca_pem or _NO_CA, host.mirrors)

    def _login(self, host: RegistryHost) -> tuple[str, DockerConfig | str] | None:
        if host.pull_secret_ref is None:
            return None
        reference = Reference(SECRET, host.pull_secret_ref.name)
        try:
            return host.host, read_pull_secret(self._references.find(reference))
        except CredentialError as error:
            return host.host, f"{self._references.describe(reference)} {error}"


def host_references(hosts: Iterable[RegistryHost]) -> list[Reference]:
    """Return the objects that hosts refer to."""
    hosts = list(hosts)
    found = [
        Reference(CONFIG_MAP, host.ca_ref.config_map_ref.name)
        for host in hosts
        if host.ca_ref is not None
    ]
    found += [
        Reference(SECRET, host.pull_secret_ref.name)
        for host in hosts
        if host.pull_secret_ref is not None
    ]
    return list(dict.fromkeys(found))
