"""What stands in namespaces of the kinds that baselines are made of, people's and ours.

Watched only while a policy asks for a kind, or something of ours is left of it. Most are none of
ours, so they are not among what `watches.py` watches by our label.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from revet.adapters.kube import Collection
from revet.adapters.objects import path_of
from revet.adapters.watcher import Copy, Freshness
from revet.adapters.watches import Opened, Watches
from revet.core import account
from revet.core.account import Account
from revet.core.bounds import KINDS as BOUNDS
from revet.core.bounds import comparable
from revet.core.model.meta import Manifest
from revet.core.model.policy import HardeningPolicy
from revet.core.render.bounds import bounds, quiets
from revet.operator.context import Context
from revet.operator.ownership import may_be_ours, strip
from revet.operator.picture import CLUSTER, Key

ACCOUNT: Final = "ServiceAccount"
KINDS: Final = (*BOUNDS, ACCOUNT)


class Holdings:
    """Copies of what stands, by namespace. What is ours of the bounds is in the picture, too."""

    def __init__(self, context: Context) -> None:
        """Start with all kinds: something of ours may be left of any."""
        self._context = context
        self._clock = asyncio.get_running_loop().time
        self._fresh: dict[str, Freshness] = {}
        self._watches = Watches[str](self._open, self._close, context.log.complain)
        self._watches.want(KINDS)
        self._bounds: dict[str, _Bounds] = {}
        self._accounts: _Accounts | None = None

    async def run(self) -> None:
        """Watch what is needed, until cancelled."""
        await self._watches.run(self._context.kube)

    def review(self) -> None:
        """Have watched from now on what policies ask for, and that of which something is left."""
        asked = {kind for kind in KINDS if self._is_asked_for(kind)}
        left = {kind for kind in self._watches.wanted - asked if self._is_left(kind)}
        self._watches.want(asked | left)

    def is_seen(self, kind: str) -> bool:
        """Return whether everything of a kind was listed."""
        return kind in self._fresh and self._fresh[kind].is_synced

    def others(self, kind: str, namespace: str) -> dict[str, Manifest]:
        """Return the specs of people's own bounds in a namespace, by name."""
        copy = self._bounds.get(kind)
        return dict(copy.others.get(namespace, {})) if copy else {}

    def own(self, kind: str, namespace: str) -> list[Manifest]:
        """Return the bounds in a namespace that may be ours."""
        names = self._bounds[kind].own.get(namespace, ()) if kind in self._bounds else ()
        found = (self._context.picture.objects.get((kind, namespace, each)) for each in names)
        return [each for each in found if each is not None]

    def note_own(self, manifest: Manifest) -> None:
        """Note that we have written one, before its watch tells."""
        namespace, name = _place(manifest)
        self._bounds[manifest["kind"]].own.setdefault(namespace, {}).setdefault(name, manifest)

    def account(self, namespace: str) -> Account | None:
        """Return the ServiceAccount `default` of a namespace."""
        return self._accounts.all.get(namespace) if self._accounts else None

    def see_account(self, manifest: Manifest) -> None:
        """Take in the answer to a write of ours."""
        if self._accounts is not None:
            self._accounts.see(Account.of(manifest))

    def _is_asked_for(self, kind: str) -> bool:
        policies = self._context.picture.policies.values()
        return any(seen.policy is not None and kind in kinds_of(seen.policy) for seen in policies)

    def _is_left(self, kind: str) -> bool:
        """Tell whether something of ours is there, or nobody can tell yet."""
        if not self.is_seen(kind):
            return True
        if kind == ACCOUNT:
            accounts = self._accounts.all.values() if self._accounts else ()
            return any(each.has_traces for each in accounts)
        return any(place[0] == kind for place in self._context.picture.objects)

    def _open(self, kind: str) -> Opened:
        fresh = self._fresh[kind] = Freshness(self._clock)
        fields = account.SELECTED if kind == ACCOUNT else ""
        return Opened(Collection(path_of(kind), fields=fields), self._copy(kind), fresh)

    def _copy(self, kind: str) -> Copy:
        if kind == ACCOUNT:
            self._accounts = _Accounts(self._context, self._look_everywhere)
            return self._accounts
        self._bounds[kind] = _Bounds(kind, self._context, self._look_everywhere)
        return self._bounds[kind]

    def _look_everywhere(self, kind: str) -> None:
        """Have all namespaces looked at, if anybody has waited for the list of a kind."""
        self._context.queue.add(CLUSTER)
        if self._is_asked_for(kind):
            namespaces = self._context.picture.namespaces
            self._context.queue.add_all(Key("namespace", name) for name in namespaces)

    def _close(self, kind: str) -> None:
        del self._fresh[kind]
        if kind == ACCOUNT:
            self._accounts = None
        else:
            del self._bounds[kind]


class _Bounds:
    """The ResourceQuotas or the LimitRanges: ours go into the picture, of others' what they say."""

    def __init__(self, kind: str, context: Context, listed: Callable[[str], None]) -> None:
        self._kind = kind
        self._context = context
        self._listed = listed
        self.others: dict[str, dict[str, Manifest]] = {}
        self.own: dict[str, dict[str, Manifest]] = {}

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these for all there are; what is not among them is gone."""
        listed = [self._decode(data) for data in objects]
        there = {_place(each) for each in listed}
        for manifest in [each for ours in self.own.values() for each in ours.values()]:
            if _place(manifest) not in there:
                self._forget(manifest)
        for namespace, theirs in self.others.items():
            for name in [each for each in theirs if (namespace, each) not in there]:
                del theirs[name]
        for manifest in listed:
            self._take(manifest)
        self._listed(self._kind)

    def put(self, data: bytes) -> None:
        """Take one that is new or has changed."""
        self._take(self._decode(data))

    def drop(self, data: bytes) -> None:
        """Forget one that was deleted."""
        self._forget(self._decode(data))

    def _take(self, manifest: Manifest) -> None:
        namespace, name = _place(manifest)
        if may_be_ours(manifest):
            self._note_other(namespace, name, None)
            before = self.own.setdefault(namespace, {}).get(name)
            self.own[namespace][name] = manifest
            touched = self._context.picture.see_object(manifest, gone=False)
            # What it bounds comes and goes all the time, and is counted in its status.
            if before is None or not _says_the_same(before, manifest):
                self._context.queue.add_all(touched)
            return
        self.own.get(namespace, {}).pop(name, None)
        self._note_other(namespace, name, manifest)

    def _forget(self, manifest: Manifest) -> None:
        namespace, name = _place(manifest)
        self.own.get(namespace, {}).pop(name, None)
        self._context.queue.add_all(self._context.picture.see_object(manifest, gone=True))
        self._note_other(namespace, name, None)

    def _note_other(self, namespace: str, name: str, manifest: Manifest | None) -> None:
        theirs = self.others.setdefault(namespace, {})
        before, spec = theirs.get(name), None if manifest is None else manifest.get("spec") or {}
        if spec is None:
            theirs.pop(name, None)
        else:
            theirs[name] = spec
        if not theirs:
            del self.others[namespace]
        if before != spec:
            self._context.queue.add(Key("namespace", namespace))

    def _decode(self, data: bytes) -> Manifest:
        read: dict[str, Any] = msgspec.json.decode(data)
        read.pop("status", None)
        return strip({"apiVersion": "v1", "kind": self._kind, **read})


class _Accounts:
    """The ServiceAccounts `default`, by namespace."""

    def __init__(self, context: Context, listed: Callable[[str], None]) -> None:
        self._context = context
        self._listed = listed
        self.all: dict[str, Account] = {}

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these for all there are."""
        listed = {each.namespace: each for each in map(_read_account, objects)}
        self.all = {name: each for name, each in self.all.items() if name in listed}
        for each in listed.values():
            self._take(each)
            if each.has_traces:
                self._context.queue.add(Key("namespace", each.namespace))
        self._listed(ACCOUNT)

    def put(self, data: bytes) -> None:
        """Take one that is new or has changed."""
        self.see(_read_account(data))

    def drop(self, data: bytes) -> None:
        """Forget one that was deleted."""
        gone = _read_account(data)
        held = self.all.get(gone.namespace)
        if held is not None and held.uid == gone.uid:
            del self.all[gone.namespace]
            self._context.queue.add(Key("namespace", gone.namespace))

    def see(self, seen: Account) -> None:
        """Take in one that is new or has changed."""
        if self._take(seen):
            self._context.queue.add(Key("namespace", seen.namespace))

    def _take(self, seen: Account) -> bool:
        """Keep one, unless what is held is newer: answers to our writes come by another way."""
        held = self.all.get(seen.namespace)
        if held is not None and held.uid == seen.uid and int(seen.version) < int(held.version):
            return False
        self.all[seen.namespace] = seen
        return held != seen


def kinds_of(policy: HardeningPolicy) -> frozenset[str]:
    """Return the kinds of which a policy wants something written."""
    return frozenset(bounds(policy, "")) | ({ACCOUNT} if quiets(policy) else frozenset[str]())


def _read_account(data: bytes) -> Account:
    manifest: Manifest = msgspec.json.decode(data)
    return Account.of(manifest)


def _place(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _says_the_same(one: Manifest, other: Manifest) -> bool:
    """Tell whether nothing changed that is compared with what should stand."""
    parts = ("uid", "labels", "annotations", "ownerReferences")
    kind = one["kind"]
    return all(one["metadata"].get(each) == other["metadata"].get(each) for each in parts) and (
        comparable(kind, one.get("spec") or {}) == comparable(kind, other.get("spec") or {})
    )
