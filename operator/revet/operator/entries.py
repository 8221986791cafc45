"""What all policies share: the webhook's certificates, its entries, and the guards.

A Fail entry is written only after every ready replica has said that it judges by the policies that
need it; it is never taken away because a webhook is unhealthy.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from revet.adapters.kube import KubeError
from revet.core.entry import Entry
from revet.core.model.meta import Manifest, Owner
from revet.core.render.guard import NAME as GUARD
from revet.core.render.guard import guarded_keys, guards, selector_keys
from revet.core.render.webhook import NAME, Backend, webhook_configurations
from revet.operator.confirmations import Confirmations
from revet.operator.context import Context
from revet.operator.credentials import Credentials
from revet.operator.picture import CLUSTER, PolicySeen
from revet.operator.prober import Prober

_CONFIGURATIONS: Final = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
#: How long it may take until every API server has seen a new bundle: their watches take a moment.
_SEEN_EVERYWHERE: Final = timedelta(seconds=5)


class Entries:
    """Keeps certificates, entries and guards."""

    def __init__(self, context: Context) -> None:
        """Set up; nothing is confirmed yet."""
        self._context = context
        self._settings = context.settings
        self._picture = context.picture
        self._credentials = Credentials(context)
        self._prober = Prober(
            context.objects,
            context.settings.namespace,
            context.settings.service,
            context.settings.webhook_url,
        )
        #: Bundles that entries carry or have carried, with when they were last seen to.
        self._carried: dict[bytes, datetime] = {}
        self.confirmations = Confirmations(
            self._prober, lambda: context.queue.add(CLUSTER), context.log.complain
        )
        #: Paths of all entries that some policy has needed since we started.
        self._known_paths: set[str] = set()
        self._guarded_keys: frozenset[str] = frozenset()

    async def keep(self) -> None:
        """See that everything stands.

        Raises:
            KubeError: something could not be read or written.

        """
        owner = await self._owner()
        trusted = self._trusted_bundles()
        trust = await self._credentials.keep(owner, trusted)
        kept = [each for each in self._picture.policies.values() if each.is_kept]
        self._known_paths |= {path for each in self._all() for path in _paths(each)}
        self.confirmations.need(_needed(kept), trust.bundle)
        for manifest in self._configurations(kept, trust.bundle, owner):
            await self._context.writer.keep(manifest, CLUSTER)
        for manifest in guards(self._guarded(), owner):
            await self._context.writer.keep(manifest, CLUSTER)
        await self._prune(kept, trust.bundle, owner)
        self._context.metrics.fail_entries.set(len(self._standing_fail_paths()))
        if trusted - {trust.bundle}:
            # The serving certificate waits for the bundle to stand, wherever it is asked for.
            self._context.queue.add(CLUSTER, _SEEN_EVERYWHERE.total_seconds())

    def waiting(self, policy: PolicySeen) -> str:
        """Return what a policy's Fail entries wait for; empty where they stand, judged by it."""
        standing = self._standing_fail_paths()
        for entry in _fail_entries(policy):
            if not self.confirmations.cover(entry.path, {policy.name: _generation(policy)}):
                missing = self.confirmations.missing(entry.path)
                return f"the entry {entry.path} waits for every ready replica: {missing}"
            if entry.path not in standing:
                return f"the entry {entry.path} does not stand yet"
        return ""

    def fail_paths(self, policy: PolicySeen) -> list[str]:
        """Return the paths of the Fail entries that a policy needs."""
        return [entry.path for entry in _fail_entries(policy)]

    async def count_replicas(self) -> None:
        """Count the replicas that are ready, for the alert that there is none."""
        self._context.metrics.ready_replicas.set(len(await self._prober.replicas()))

    async def _owner(self) -> Owner:
        role = await self._context.objects.get("ClusterRole", self._settings.owner)
        if role is None:
            raise KubeError(f"the ClusterRole {self._settings.owner} is gone: nothing is made")
        api_version = "rbac.authorization.k8s.io/v1"
        return Owner(api_version, "ClusterRole", self._settings.owner, role["metadata"]["uid"])

    def _configurations(
        self, kept: list[PolicySeen], bundle: bytes, owner: Owner
    ) -> list[Manifest]:
        """Render what may stand: Ignore entries, and Fail entries that stand or are confirmed."""
        standing, needed = self._standing_fail_paths(), _needed(kept)
        paths = {
            entry.path
            for policy in kept
            if policy.compiled is not None
            for _, entry in policy.compiled.entries
            if not entry.fail
            or entry.path in standing
            or self.confirmations.cover(entry.path, needed[entry.path])
        }
        compiled = [each.compiled for each in kept if each.compiled is not None]
        backend = Backend(
            bundle,
            self._settings.webhook_url or "",
            self._settings.service,
            self._settings.namespace,
        )
        excluded = self._settings.system_namespaces
        manifests = webhook_configurations(compiled, backend, excluded, owner, paths)
        if len(kept) == len(self._picture.policies):
            return manifests
        return self._with_others(manifests, bundle)

    def _with_others(self, manifests: list[Manifest], bundle: bytes) -> list[Manifest]:
        """Leave as they are the entries of policies that are paused, or that we can't read.

        But for the bundle: with an old one nothing could be created where they are called.
        """
        joined = []
        trusted = b64encode(bundle).decode()
        for kind in _CONFIGURATIONS:
            manifest = next((each for each in manifests if each["kind"] == kind), None)
            live = self._picture.objects.get((kind, "", NAME))
            base = manifest or live
            if base is None:
                continue
            ours = manifest["webhooks"] if manifest else []
            names = {each["name"] for each in ours}
            theirs = [
                {**deepcopy(each), "clientConfig": {**each["clientConfig"], "caBundle": trusted}}
                for each in (live or {}).get("webhooks") or ()
                if each["name"] not in names and self._is_left(_validating_path(each))
            ]
            if not ours and not theirs:
                continue
            fields = ("apiVersion", "kind")
            metadata = deepcopy(manifest["metadata"]) if manifest else _own_metadata(base)
            joined.append(
                {**{name: base[name] for name in fields}, "metadata": metadata}
                | {"webhooks": [*ours, *theirs]}
            )
        return joined

    def _is_left(self, path: str) -> bool:
        """Tell whether an entry that no policy in our care needs is to stay.

        One that was of a policy that is gone is not: its calls would be refused as unknown.
        """
        paused = (path in _paths(each) for each in self._all() if each.is_paused)
        return any(paused) or (self._has_unread() and path not in self._known_paths)

    def _guarded(self) -> frozenset[str]:
        """Return the label keys to guard; while a policy can't be read, none is given up."""
        keys = frozenset(
            key
            for policy in self._all()
            if policy.policy is not None
            for key in selector_keys(policy.policy.spec)
        )
        if self._has_unread():
            live = self._picture.objects.get(("ValidatingAdmissionPolicy", "", GUARD))
            keys |= self._guarded_keys or (guarded_keys(live) if live else frozenset())
        self._guarded_keys = keys
        return keys

    def _all(self) -> Iterable[PolicySeen]:
        return self._picture.policies.values()

    def _has_unread(self) -> bool:
        return any(each.is_unread for each in self._all())

    async def _prune(self, kept: list[PolicySeen], bundle: bytes, owner: Owner) -> None:
        wanted = {each["kind"] for each in self._configurations(kept, bundle, owner)}
        for kind in _CONFIGURATIONS:
            live = self._picture.objects.get((kind, "", NAME))
            if live is not None and kind not in wanted:
                await self._context.writer.prune(live)

    def _standing(self) -> Iterable[Manifest]:
        for kind in _CONFIGURATIONS:
            yield from self._picture.objects.get((kind, "", NAME), {}).get("webhooks") or ()

    def _standing_fail_paths(self) -> set[str]:
        paths = map(_validating_path, self._standing())
        return {path for path in paths if not path.startswith("/audit/")}

    def _trusted_bundles(self) -> set[bytes]:
        """Return the bundles that entries carry, or did a moment ago: some API server may yet."""
        now = self._context.now()
        carried = (each["clientConfig"].get("caBundle", "") for each in self._standing())
        self._carried |= {b64decode(each): now for each in carried}
        self._carried = {
            bundle: at for bundle, at in self._carried.items() if now - at < _SEEN_EVERYWHERE
        }
        return set(self._carried)


def _fail_entries(policy: PolicySeen) -> list[Entry]:
    if policy.compiled is None:
        return []
    return [entry for _, entry in policy.compiled.entries if entry.fail]


def _paths(policy: PolicySeen) -> set[str]:
    """Return the paths of all entries that a policy needs."""
    return {entry.path for _, entry in policy.compiled.entries} if policy.compiled else set()


def _generation(policy: PolicySeen) -> int:
    """Return the generation in force: the webhook never judges by one that is not valid."""
    return policy.compiled.generation if policy.compiled else 0


def _needed(policies: Iterable[PolicySeen]) -> dict[str, dict[str, int]]:
    """Return, by path of a Fail entry, the generation of each policy that has to be judged by."""
    needed: dict[str, dict[str, int]] = {}
    for policy in policies:
        for entry in _fail_entries(policy):
            needed.setdefault(entry.path, {})[policy.name] = _generation(policy)
    return needed


def _validating_path(entry: Manifest) -> str:
    """Return the path of an entry, or that of the validating one that it goes with."""
    config = entry["clientConfig"]
    if "service" in config:
        path = str(config["service"].get("path", ""))
    else:
        path = str(urlsplit(config.get("url", "")).path)
    return path.replace("/mutate/", "/validate/")


def _own_metadata(live: Manifest) -> Manifest:
    metadata = live["metadata"]
    return {
        "name": metadata["name"],
        "labels": metadata.get("labels") or {},
        "ownerReferences": metadata.get("ownerReferences") or [],
    }
