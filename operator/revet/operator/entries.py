"""What all policies share: the webhook's certificates, its entries, and the guards.

A Fail entry is written only after every ready replica has said that it judges by the policies that
need it; it is never taken away because a webhook is unhealthy.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Final
from urllib.parse import urlsplit

from revet.adapters.kube import KubeError
from revet.core.entry import Entry
from revet.core.model.meta import Manifest, Owner
from revet.core.render.guard import NAME as GUARD
from revet.core.render.guard import guarded_keys, guards, selector_keys
from revet.core.render.webhook import NAME, Backend, webhook_configurations
from revet.operator.context import Context
from revet.operator.credentials import Credentials
from revet.operator.picture import CLUSTER, PolicySeen
from revet.operator.prober import Prober

_CONFIGURATIONS: Final = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
_ASK_AGAIN_S: Final = 1.0
_SEEN_EVERYWHERE_S: Final = 5.0  # by every API server: their watches take a moment


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
        #: By path of a Fail entry: the generation of each policy that all replicas judge by.
        self._confirmed: dict[str, Mapping[str, int]] = {}
        #: Paths of all entries that some policy has needed since we started.
        self._known_paths: set[str] = set()
        self._guarded_keys: frozenset[str] = frozenset()

    async def keep(self) -> None:
        """See that everything stands.

        Raises:
            KubeError: something could not be read or written.

        """
        owner = await self._owner()
        carried = self._standing_bundles()
        trust = await self._credentials.keep(owner, carried)
        kept = [each for each in self._picture.policies.values() if each.is_kept]
        self._known_paths |= {path for each in self._all() for path in _paths(each)}
        await self._confirm(kept, trust.bundle)
        for manifest in self._configurations(kept, trust.bundle, owner):
            await self._context.writer.keep(manifest, CLUSTER)
        for manifest in guards(self._guarded(), owner):
            await self._context.writer.keep(manifest, CLUSTER)
        await self._prune(kept, trust.bundle, owner)
        self._context.metrics.fail_entries.set(len(self._standing_fail_paths()))
        if carried - {trust.bundle}:
            # The serving certificate has waited for the bundle to stand; now it does.
            self._context.queue.add(CLUSTER, _SEEN_EVERYWHERE_S)

    def waiting(self, policy: PolicySeen) -> str:
        """Return what a policy's Fail entries wait for; empty where they stand, judged by it."""
        standing = self._standing_fail_paths()
        for entry in _fail_entries(policy):
            confirmed = self._confirmed.get(entry.path, {})
            if confirmed.get(policy.name, -1) < _generation(policy):
                return f"no answer yet from every ready replica for the entry {entry.path}"
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

    async def _confirm(self, kept: list[PolicySeen], bundle: bytes) -> None:
        """Ask the replicas about each Fail entry that some policy's generation is not known for."""
        needed: dict[str, dict[str, int]] = {}
        for policy in kept:
            for entry in _fail_entries(policy):
                needed.setdefault(entry.path, {})[policy.name] = _generation(policy)
        self._confirmed = {path: self._confirmed.get(path, {}) for path in needed}
        unknown = [
            path for path, want in needed.items() if not _covers(self._confirmed[path], want)
        ]
        if not unknown:
            return
        replicas = await self._prober.replicas()
        for path in unknown:
            answers = [await self._prober.generations(each, path, bundle) for each in replicas]
            self._confirmed[path] = _agreed(answers)
            if not _covers(self._confirmed[path], needed[path]):
                self._context.queue.add(CLUSTER, _ASK_AGAIN_S)

    def _configurations(
        self, kept: list[PolicySeen], bundle: bytes, owner: Owner
    ) -> list[Manifest]:
        """Render what may stand: Ignore entries, and Fail entries that stand or are confirmed."""
        standing = self._standing_fail_paths()
        paths = {
            entry.path
            for policy in kept
            if policy.compiled is not None
            for _, entry in policy.compiled.entries
            if not entry.fail or entry.path in standing or self._is_confirmed(entry.path, kept)
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

    def _is_confirmed(self, path: str, kept: list[PolicySeen]) -> bool:
        want = {
            policy.name: _generation(policy)
            for policy in kept
            if any(entry.path == path for entry in _fail_entries(policy))
        }
        return _covers(self._confirmed.get(path, {}), want)

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

    def _standing_bundles(self) -> set[bytes]:
        return {b64decode(each["clientConfig"].get("caBundle", "")) for each in self._standing()}


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


def _covers(confirmed: Mapping[str, int], wanted: Mapping[str, int]) -> bool:
    return all(confirmed.get(name, -1) >= generation for name, generation in wanted.items())


def _agreed(answers: list[Mapping[str, int] | None]) -> dict[str, int]:
    """Return the generation of each policy that every replica has reached."""
    if not answers or None in answers:
        return {}
    told = [answer for answer in answers if answer is not None]
    names = set.intersection(*(set(answer) for answer in told))
    return {name: min(answer[name] for answer in told) for name in names}


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
