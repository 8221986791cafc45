"""What all policies share: the webhook's certificates, its entries, and the guards.

A Fail entry is written only after every ready replica has said that it judges by the policies that
need it, also where it stood before; it is never taken away because a webhook is unhealthy.
"""

from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from math import nan
from typing import Final

from revet.adapters.kube import KubeError
from revet.core.entry import Entry
from revet.core.model.meta import Manifest, Owner
from revet.core.render.webhook import Backend, webhook_configurations
from revet.core.status import listed
from revet.operator.confirmations import Confirmations
from revet.operator.context import Context
from revet.operator.credentials import Credentials
from revet.operator.guarding import Guarding
from revet.operator.owner import read_owner
from revet.operator.picture import CLUSTER, PolicySeen
from revet.operator.prober import Prober
from revet.operator.room import find_crowded, without
from revet.operator.standing import KINDS, Standing, validating_path

#: How long it may take until every API server has seen a new bundle: their watches take a moment.
_SEEN_EVERYWHERE: Final = timedelta(seconds=5)


class Entries:
    """Keeps certificates, entries and guards."""

    def __init__(self, context: Context, credentials: Credentials | None = None) -> None:
        """Set up; nothing is confirmed yet."""
        self._context = context
        self._settings = context.settings
        self._picture = context.picture
        self._standing = Standing(context.picture)
        #: The entries that stood when we last looked: name and path, by kind.
        self._stood: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        self._credentials = credentials or Credentials(context)
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
        self._guarding = Guarding(context)
        #: Paths of the entries that there is no room for.
        self._crowded: frozenset[str] = frozenset()
        self._bundle = b""
        context.metrics.fail_entries.set_function(lambda: len(self._standing.fail_paths(*KINDS)))

    async def keep(self) -> None:
        """See that everything stands.

        Raises:
            KubeError: something could not be read or written; the rest was tried all the same.

        """
        owner = await read_owner(self._context.objects, self._settings.owner)
        trusted = self._trusted_bundles()
        trust = await self._credentials.keep(owner, trusted)
        self._bundle = trust.bundle
        self._known_paths |= {path for each in self._all() for path in _paths(each)}
        problems = []
        for kind in KINDS:
            try:
                await self._keep_entries(kind, trust.bundle, owner)
            except KubeError as error:
                problems.append(str(error))
        problems += await self._guarding.keep(owner)
        if trusted - {trust.bundle}:
            # The serving certificate waits for the bundle to stand, wherever it is asked for.
            self._context.queue.add(CLUSTER, _SEEN_EVERYWHERE.total_seconds())
        if problems:
            raise KubeError(listed(problems))

    def left_out(self, policy: PolicySeen) -> list[str]:
        """Say what of a policy is not written because there is no room for it."""
        entries = sorted(_paths(policy) & self._crowded)
        found = [_no_room(path) for path in entries]
        return [*found, *filter(None, [self._guarding.left_out(policy)])]

    def waiting(self, policy: PolicySeen) -> str:
        """Return what a policy's Fail entries wait for; empty where they stand, judged by it."""
        validating, mutating = map(self._standing.fail_paths, KINDS)
        for entry in _fail_entries(policy):
            if entry.path in self._crowded:
                return _no_room(entry.path)
            if not self.confirmations.cover(entry.path, {policy.uid: _generation(policy)}):
                missing = self.confirmations.missing(entry.path)
                return f"the entry {entry.path} waits for every ready replica: {missing}"
            if entry.path not in (validating & mutating if entry.patches else validating):
                return f"the entry {entry.path} does not stand yet"
        return ""

    def fail_paths(self, policy: PolicySeen) -> list[str]:
        """Return the paths of the Fail entries that a policy needs."""
        return [entry.path for entry in _fail_entries(policy)]

    async def count_replicas(self) -> bool:
        """Count the replicas that are ready, for the alert that there is none; tell whether it did.

        Raises:
            KubeError: the API server does not tell; what was counted before is not told any more.

        """
        if not self._bundle:
            return False  # by what is a replica to be trusted that is asked?
        counted = self._context.metrics.ready_replicas
        try:
            counted.set(await self._prober.count(self._bundle))
        except KubeError:
            counted.set(nan)
            raise
        return True

    async def _keep_entries(self, kind: str, bundle: bytes, owner: Owner) -> None:
        """See that the configuration of a kind is as it may be now, or is gone."""
        # Looked at anew for each: while one is written, somebody may take the other one away.
        kept = [each for each in self._all() if each.is_kept]
        self.confirmations.need(_needed(kept), bundle)
        self._note_loss(kept, bundle, owner)
        stands = {each: set(self._standing.paths(each)) for each in KINDS}
        manifest = self._configurations(kept, bundle, owner, stands).get(kind)
        live = self._standing.configuration(kind)
        if manifest is not None:
            await self._context.writer.keep(manifest, CLUSTER)
        elif live is not None:
            await self._context.writer.prune(live)
        self._stood[kind] = self._standing.paths(kind)

    def _note_loss(self, kept: list[PolicySeen], bundle: bytes, owner: Owner) -> None:
        """Tell of entries that somebody took away, and forget what was said of them.

        They come back when every replica that is ready now has said again that it serves them.
        """
        stands = {kind: set(self._standing.paths(kind)) for kind in KINDS}
        lost = {kind: self._stood[kind].keys() - stands[kind] for kind in KINDS}
        if not any(lost.values()):
            return
        stood = {kind: stands[kind] | lost[kind] for kind in KINDS}
        writer = self._context.writer
        for kind, manifest in self._configurations(kept, bundle, owner, stood).items():
            if lost[kind] & {each["name"] for each in manifest["webhooks"]}:
                writer.may_write(manifest, self._standing.configuration(kind), CLUSTER)
                # Told once: that it is written again later is our own change.
                writer.note_written({**manifest, "webhooks": []})
        paths = (self._stood[kind][name] for kind in KINDS for name in lost[kind])
        self.confirmations.forget(set(paths))
        self._stood = {kind: self._standing.paths(kind) for kind in KINDS}

    def _configurations(
        self,
        kept: list[PolicySeen],
        bundle: bytes,
        owner: Owner,
        stands: Mapping[str, Collection[str]],
    ) -> dict[str, Manifest]:
        """Render what may stand, by kind: Ignore entries, Fail entries that `stands` or a word."""
        compiled = [each.compiled for each in kept if each.compiled is not None]
        backend = Backend(
            bundle,
            self._settings.webhook_url or "",
            self._settings.service,
            self._settings.namespace,
        )
        needed = _needed(kept)
        manifests = {}
        excluded = self._settings.system_namespaces
        for manifest in webhook_configurations(compiled, backend, excluded, owner):
            kind = manifest["kind"]
            entries = [
                each
                for each in manifest["webhooks"]
                if each["failurePolicy"] == "Ignore"
                or each["name"] in stands[kind]
                or self.confirmations.cover(path := validating_path(each), needed[path])
            ]
            if entries:
                manifests[kind] = {**manifest, "webhooks": entries}
        if len(kept) != len(self._picture.policies):
            manifests = self._with_others(manifests, bundle)
        self._crowded = find_crowded(manifests.values(), stands)
        return without(manifests, self._crowded)

    def _with_others(self, manifests: dict[str, Manifest], bundle: bytes) -> dict[str, Manifest]:
        """Leave as they are the entries of policies that are paused, or that we can't read.

        But for the bundle: with an old one nothing could be created where they are called.
        """
        joined = {}
        trusted = b64encode(bundle).decode()
        for kind in KINDS:
            manifest = manifests.get(kind)
            base = manifest or self._standing.configuration(kind)
            if base is None:
                continue
            ours = manifest["webhooks"] if manifest else []
            names = {each["name"] for each in ours}
            theirs = [
                {**deepcopy(each), "clientConfig": {**each["clientConfig"], "caBundle": trusted}}
                for each in self._standing.entries(kind)
                if each["name"] not in names and self._is_left(validating_path(each))
            ]
            if not ours and not theirs:
                continue
            fields = ("apiVersion", "kind")
            metadata = deepcopy(manifest["metadata"]) if manifest else _own_metadata(base)
            said = {name: base[name] for name in fields}
            joined[kind] = {**said, "metadata": metadata, "webhooks": [*ours, *theirs]}
        return joined

    def _is_left(self, path: str) -> bool:
        """Tell whether an entry that no policy in our care needs is to stay.

        One that was of a policy that is gone is not: its calls would be refused as unknown.
        """
        paused = (path in _paths(each) for each in self._all() if each.is_paused)
        return any(paused) or (self._has_unread() and path not in self._known_paths)

    def _all(self) -> Iterable[PolicySeen]:
        return self._picture.policies.values()

    def _has_unread(self) -> bool:
        return any(each.is_unread for each in self._all())

    def _trusted_bundles(self) -> set[bytes]:
        """Return the bundles that entries carry, or did a moment ago: some API server may yet."""
        now = self._context.now()
        entries = (each for kind in KINDS for each in self._standing.entries(kind))
        carried = (each["clientConfig"].get("caBundle", "") for each in entries)
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
    """Return, by path of a Fail entry, the generation that is needed of each policy, by uid."""
    needed: dict[str, dict[str, int]] = {}
    for policy in policies:
        for entry in _fail_entries(policy):
            needed.setdefault(entry.path, {})[policy.uid] = _generation(policy)
    return needed


def _no_room(path: str) -> str:
    return (
        f"there is no room left for the entry {path} in the webhook configuration, which all"
        " policies share: give this one fewer overrides, or shorter selectors"
    )


def _own_metadata(live: Manifest) -> Manifest:
    metadata = live["metadata"]
    return {
        "name": metadata["name"],
        "labels": metadata.get("labels") or {},
        "ownerReferences": metadata.get("ownerReferences") or [],
    }
