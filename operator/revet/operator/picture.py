"""What the operator has seen: policies, namespaces and our own objects, kept true by events."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Self

from revet.core.bounds import KINDS as BOUNDS
from revet.core.compiled_policy import CompiledPolicy
from revet.core.errors import PolicyError
from revet.core.model.meta import (
    BREAK_GLASS_LABEL,
    PAUSED_ANNOTATION,
    POD_SECURITY_ANNOTATION,
    Manifest,
)
from revet.core.model.policy import HardeningPolicy, parse_policy
from revet.core.plan import identify
from revet.core.render.baseline import rewritten
from revet.core.render.isolation_names import ISOLATING, is_named_for
from revet.core.restoration import read_before
from revet.core.runtime.held_images import held_images
from revet.core.status import was_valid
from revet.operator.ownership import Sharing, list_owners, may_be_ours, strip


class Key(NamedTuple):
    """What has to be looked at again: a policy, a namespace, what all policies share, a status.

    `network` is a namespace, too, but only what policies isolate there.
    """

    about: Literal["policy", "namespace", "network", "cluster", "status"]
    name: str = ""


CLUSTER: Final = Key("cluster")
_REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class PolicySeen:
    """A policy as it stands; `problem` says why its spec is not valid, empty where it is.

    `policy` and `compiled` are what is in force: of the last version that was valid, None where
    there was none that we have seen. The webhook judges by the same.
    """

    manifest: Manifest
    policy: HardeningPolicy | None
    compiled: CompiledPolicy | None
    problem: str = ""

    @classmethod
    def of(cls, manifest: Manifest, before: Self | None = None) -> Self:
        """Read a policy; one that is not valid leaves in force what was `before`."""
        try:
            policy = parse_policy(json.dumps(manifest))
        except PolicyError as error:
            if before is None or before.uid != manifest["metadata"]["uid"]:
                return cls(manifest, None, None, str(error))
            return cls(manifest, before.policy, before.compiled, str(error))
        return cls(manifest, policy, CompiledPolicy.of(policy))

    @property
    def name(self) -> str:
        """The policy's name."""
        name: str = self.manifest["metadata"]["name"]
        return name

    @property
    def uid(self) -> str:
        """The policy's uid."""
        uid: str = self.manifest["metadata"]["uid"]
        return uid

    @property
    def held(self) -> frozenset[str]:
        """The images that are held: by these it judges, too, whatever its generation."""
        held = held_images(self.policy) if self.policy is not None else ()
        return frozenset(each.digest for each in held)

    @property
    def is_paused(self) -> bool:
        """Whether people asked us to keep our hands off what it needs."""
        annotations = self.manifest["metadata"].get("annotations") or {}
        return bool(annotations.get(PAUSED_ANNOTATION) == "true")

    @property
    def is_kept(self) -> bool:
        """Whether we make its objects: we know what is in force, and it is not paused."""
        return self.policy is not None and not self.is_paused

    @property
    def is_unread(self) -> bool:
        """Whether it was valid, before we started: what it needs stands, and we can't tell what."""
        return self.policy is None and was_valid(self.manifest.get("status"))


@dataclass(frozen=True, slots=True)
class NamespaceSeen:
    """A namespace as it stands."""

    name: str
    uid: str
    labels: Mapping[str, str]
    #: Ours alone: of others' there may be much.
    annotations: Mapping[str, str]
    is_terminating: bool
    #: Pod Security labels that are ours, with what stood there before; and those of them that
    #: others have written since.
    before: Mapping[str, str | None]
    rewritten: frozenset[str]
    #: Who wrote which fields; by itself no reason to look at a namespace again.
    managers: tuple[Manifest, ...] = field(compare=False)
    version: str = field(compare=False)

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Read a namespace."""
        metadata = manifest["metadata"]
        before = read_before(manifest)
        return cls(
            metadata["name"],
            metadata["uid"],
            metadata.get("labels") or {},
            {
                key: value
                for key, value in (metadata.get("annotations") or {}).items()
                if key == POD_SECURITY_ANNOTATION
            },
            bool(metadata.get("deletionTimestamp")),
            before,
            rewritten(manifest, before),
            tuple(strip(manifest)["metadata"].get("managedFields") or ()),
            metadata.get("resourceVersion", ""),
        )

    @property
    def hands_off(self) -> str:
        """Why nothing is written in it, whatever policies ask for; empty where it is."""
        if self.is_terminating:
            return "it is being deleted"
        return f"{BREAK_GLASS_LABEL} is set" if BREAK_GLASS_LABEL in self.labels else ""

    @property
    def reference(self) -> Manifest:
        """What is told of it when it is gone."""
        metadata = {"name": self.name, "uid": self.uid, "resourceVersion": self.version}
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


@dataclass(slots=True)
class Picture:
    """Everything seen; each `see` returns what has to be looked at again.

    Events and the answers to our own writes come by different ways, so not always in order: what is
    older than what was seen is passed over, and what is gone does not come back. But for what was
    just `listed`, which is so: after a restore of etcd versions are lower.
    """

    policies: dict[str, PolicySeen] = field(default_factory=dict)
    namespaces: dict[str, NamespaceSeen] = field(default_factory=dict)
    #: Our own objects by (kind, namespace, name).
    objects: dict[tuple[str, str, str], Manifest] = field(default_factory=dict)
    _sharing: Sharing = field(default_factory=Sharing)
    #: The uids of what went last, with the version at which it did.
    _gone: dict[str, int] = field(default_factory=dict)

    @property
    def gone(self) -> frozenset[str]:
        """The uids of what went last."""
        return frozenset(self._gone)

    def see_policy(self, manifest: Manifest, *, gone: bool, listed: bool = False) -> set[Key]:
        """Take in a policy that came, changed or went."""
        name: str = manifest["metadata"]["name"]
        before = self.policies.get(name)
        held = before.manifest if before else None
        if not self._is_news(manifest, held, gone=gone, listed=listed):
            return set()
        after = None if gone else PolicySeen.of(manifest, before)
        if after is None:
            self.policies.pop(name, None)
        else:
            self.policies[name] = after
        if before is not None and after is not None and _says_the_same(before, after):
            return set()
        touched = self._selected_by(before) | self._selected_by(after)
        return {CLUSTER, Key("policy", name), *(Key("namespace", each) for each in touched)}

    def see_namespace(self, manifest: Manifest, *, gone: bool, listed: bool = False) -> set[Key]:
        """Take in a namespace that came, changed or went."""
        after = NamespaceSeen.of(manifest)
        before = self.namespaces.get(after.name)
        held = before.reference if before else None
        if not self._is_news(manifest, held, gone=gone, listed=listed):
            return set()
        if gone:
            self.namespaces.pop(after.name, None)
        else:
            self.namespaces[after.name] = after
        if before == after and not gone:
            return set()
        touched = {Key("namespace", after.name)}
        for policy in self.policies.values():
            seen = (each for each in (before, after) if each is not None)
            if any(self._selects(policy, each) for each in seen):
                touched.add(Key("policy", policy.name))
        return touched

    def see_object(self, manifest: Manifest, *, gone: bool, listed: bool = False) -> set[Key]:
        """Take in an object of ours that came, changed or went."""
        place = identify(manifest)
        before = self.objects.get(place)
        if not self._is_news(manifest, before, gone=gone, listed=listed):
            return set()
        if before is None and not may_be_ours(manifest):
            return set()
        if gone or not may_be_ours(manifest):
            self.objects.pop(place, None)
        else:
            self.objects[place] = self._sharing.share(strip(manifest))
            if before is not None and _version(before) == _version(manifest):
                return set()
        if manifest["kind"] in BOUNDS:
            return {Key("namespace", place[1])}
        if manifest["kind"] not in ISOLATING:
            return {CLUSTER}
        # With another owner, or none, it is still in the way of the one that should be there.
        owners = list_owners(manifest) | (list_owners(before) if before else set())
        return {
            Key("policy", policy.name)
            for policy in self.policies.values()
            if policy.uid in owners or is_named_for(place[2], policy.name)
        }

    def forget_object(self, manifest: Manifest) -> None:
        """Forget an object that we have deleted; an event tells when it is really gone."""
        self.objects.pop(identify(manifest), None)

    def owned(self, kinds: Collection[str], uid: str) -> list[Manifest]:
        """Return our objects of some kinds that this uid owns."""
        return [
            manifest
            for (each, _, _), manifest in self.objects.items()
            if each in kinds and uid in list_owners(manifest)
        ]

    def _is_news(
        self, manifest: Manifest, held: Manifest | None, *, gone: bool, listed: bool
    ) -> bool:
        """Tell whether this is newer than what is held under the same name."""
        uid = manifest["metadata"].get("uid", "")
        is_same = held is not None and held["metadata"].get("uid", "") == uid
        if listed:
            self._gone.pop(uid, None)
            return True
        # Without our label it is gone to the watch, and comes again by a later version.
        is_older = held is not None and is_same and _number(manifest) < _number(held)
        if gone:
            self._note_gone(uid, _number(manifest))
            return held is None or (is_same and not is_older)
        return not is_older and _number(manifest) > self._gone.get(uid, -1)

    def _note_gone(self, uid: str, version: int) -> None:
        self._gone[uid] = max(version, self._gone.pop(uid, -1))
        if len(self._gone) > _REMEMBERED:
            del self._gone[next(iter(self._gone))]

    def _selected_by(self, policy: PolicySeen | None) -> set[str]:
        if policy is None:
            return set()
        return {each.name for each in self.namespaces.values() if self._selects(policy, each)}

    @staticmethod
    def _selects(policy: PolicySeen, namespace: NamespaceSeen) -> bool:
        if policy.compiled is None:
            return False
        return policy.compiled.ceiling(namespace.name, namespace.labels, frozenset()) is not None


def _version(manifest: Manifest) -> str:
    version: str = manifest["metadata"].get("resourceVersion", "")
    return version


def _number(manifest: Manifest) -> int:
    """Return the version as a number, which grows; 0 where it is none."""
    version = _version(manifest)
    return int(version) if version.isdecimal() else 0


def _says_the_same(one: PolicySeen, other: PolicySeen) -> bool:
    """Tell whether nothing changed but the rest of the status, which is ours."""
    return (
        one.uid == other.uid
        and one.manifest.get("spec") == other.manifest.get("spec")
        and (one.is_paused, one.held) == (other.is_paused, other.held)
    )
