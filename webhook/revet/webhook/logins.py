"""As whom registries are asked: by Secrets that a policy names, and by a pod's own if it says so.

Another CredentialSource, such as a login of a cloud, goes beside these two.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from revet.adapters.kube import Kube, KubeError
from revet.adapters.registry.credentials import (
    Credential,
    CredentialError,
    DockerConfig,
    parse_docker_config,
)
from revet.webhook.references import SECRET, Data, read_data

#: How long a pod's Secret is used as it was read: pods come in dozens.
_FRESH_S: Final = 30.0
_MOST_KEPT: Final = 1_000
_KEYS: Final = (".dockerconfigjson", ".dockercfg")


def read_pull_secret(data: Data | None) -> DockerConfig:
    """Read the docker config that a Secret holds.

    Raises:
        CredentialError: there is none.

    """
    if data is None:
        raise CredentialError("is not there")
    for key in _KEYS:
        if key in data:
            return parse_docker_config(data[key])
    raise CredentialError(f"has no {_KEYS[0]}")


class NamedLogins:
    """The Secrets that a policy names, each for its host and no other."""

    def __init__(self, configs: Mapping[str, DockerConfig | str]) -> None:
        """Take by host a docker config, or why there is none."""
        self._configs = configs

    async def credential(self, host: str, repository: str) -> Credential | None:
        """Return the credential for a host, None where no Secret is named for it."""
        config = self._configs.get(host)
        if isinstance(config, str):
            raise CredentialError(config)
        return config.find(host, repository) if config is not None else None


class PodLogins:
    """Image pull secrets of pods, read by name when they are needed, and kept for a moment."""

    def __init__(self, kube: Kube, clock: Callable[[], float]) -> None:
        """Start with none; `clock` is the event loop's."""
        self._kube = kube
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], tuple[DockerConfig | str, float]] = OrderedDict()

    async def config(self, namespace: str, name: str) -> DockerConfig | str:
        """Return a Secret's docker config, or why there is none."""
        kept = self._kept.get((namespace, name))
        if kept is not None and self._clock() - kept[1] < _FRESH_S:
            return kept[0]
        found = await self._read(namespace, name)
        self._kept[namespace, name] = (found, self._clock())
        self._kept.move_to_end((namespace, name))
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return found

    async def _read(self, namespace: str, name: str) -> DockerConfig | str:
        try:
            path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
            return read_pull_secret(read_data(SECRET, await self._kube.request("GET", path)))
        except (KubeError, CredentialError) as error:
            # The API server's own text names the Secret, and says whether we may read it.
            text = "can't be read" if isinstance(error, KubeError) else str(error)
            status = f" ({error.status})" if isinstance(error, KubeError) else ""
            return f"Secret {namespace}/{name} {text}{status}"


class PodLogin:
    """The pull secrets of one pod, in its own order."""

    def __init__(self, logins: PodLogins, namespace: str, names: tuple[str, ...]) -> None:
        """Take the names of the Secrets."""
        self._logins = logins
        self._namespace = namespace
        self._names = names

    async def credential(self, host: str, repository: str) -> Credential | None:
        """Return the first credential for a host; a Secret without one is no error, unless all are.

        Raises:
            CredentialError: none has one, and some could not be read.

        """
        problems: list[str] = []
        for name in self._names:
            config = await self._logins.config(self._namespace, name)
            if isinstance(config, str):
                problems.append(config)
            elif (found := config.find(host, repository)) is not None:
                return found
        if problems:
            raise CredentialError("; ".join(problems))
        return None
