"""`revet cleanup`: takes back what Revet wrote, also with all of its pods dead.

Run before `helm uninstall`. Whatever has an owner goes with it by the garbage collector; the Pod
Security labels on people's namespaces have none, nor has the field of their ServiceAccounts, so
somebody must put back what stood there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from revet.adapters.kube import Kube, KubeError
from revet.adapters.objects import Objects
from revet.core import account
from revet.core.account import Account
from revet.core.bounds import KINDS as BOUNDS
from revet.core.model.meta import (
    FIELD_MANAGER,
    MANAGED_SELECTOR,
    POD_SECURITY_ANNOTATION,
    Manifest,
    is_labelled,
)
from revet.core.render.bounds import NAMES as BOUNDS_NAMES
from revet.core.render.database_guard import NAME as DATABASE_GUARD
from revet.core.render.guard import NAME as GUARD
from revet.core.render.hold_guard import NAME as HOLD_GUARD
from revet.core.render.isolation_names import ISOLATING, NAMES
from revet.core.render.owned import is_policys
from revet.core.render.quarantine_guard import NAME as QUARANTINE_GUARD
from revet.core.render.webhook import NAME as ENTRIES
from revet.core.restoration import restoration

_GUARDS: Final = {GUARD, DATABASE_GUARD, QUARANTINE_GUARD, HOLD_GUARD}
#: What is cluster-scoped, with its names. Entries first: nothing is refused while the rest goes.
_NAMES: Final = {
    "ValidatingWebhookConfiguration": {ENTRIES},
    "MutatingWebhookConfiguration": {ENTRIES},
    "ValidatingAdmissionPolicyBinding": _GUARDS,
    "ValidatingAdmissionPolicy": _GUARDS,
}
#: What is in namespaces, and how it is named.
_NAMESPACED: Final = {**dict.fromkeys(ISOLATING, NAMES), **dict.fromkeys(BOUNDS, BOUNDS_NAMES)}
_OWN_KINDS: Final = (*_NAMES, *_NAMESPACED)
#: What the API server says where an object has changed since it was read.
_CHANGED: Final = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
_MOST_ATTEMPTS: Final = 5


@dataclass(slots=True)
class Leftovers:
    """What there is to take back."""

    policies: list[Manifest] = field(default_factory=list)
    objects: list[Manifest] = field(default_factory=list)
    #: They carry our label, and we did not write them: copies of people's.
    others: list[Manifest] = field(default_factory=list)
    namespaces: list[Manifest] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)

    def describe(self) -> str:
        """Say what would go, a line a kind."""
        lines = [f"HardeningPolicy: {len(self.policies)}, deleted"]
        for kind in _OWN_KINDS:
            number = sum(each["kind"] == kind for each in self.objects)
            lines.append(f"{kind}: {number}, deleted")
        lines.append(f"Namespace: {len(self.namespaces)}, Pod Security labels put back")
        number = len(self.accounts)
        lines.append(f"ServiceAccount {account.NAME}: {number}, {account.FIELD} put back")
        lines += (f"{_name(each)}: left alone: labelled, not ours" for each in self.others)
        return "\n".join(lines)


async def find(kube: Kube) -> Leftovers:
    """Look for everything that Revet wrote.

    Raises:
        KubeError: something could not be listed.

    """
    objects = Objects(kube)
    found = Leftovers(policies=await objects.list("HardeningPolicy"))
    for kind in _OWN_KINDS:
        # What is ours by name is so without the label, too; in namespaces there may be many.
        for each in await _list(objects, kind):
            if _is_ours(each):
                found.objects.append(each)
            elif is_labelled(each):
                found.others.append(each)
    found.namespaces = [
        each
        for each in await objects.list("Namespace")
        if POD_SECURITY_ANNOTATION in (each["metadata"].get("annotations") or {})
    ]
    accounts = await objects.list("ServiceAccount", fields=account.SELECTED)
    found.accounts = [each for each in map(Account.of, accounts) if each.has_traces]
    return found


async def _list(objects: Objects, kind: str) -> list[Manifest]:
    """List what may be ours of a kind; one that is not served has none."""
    try:
        return await objects.list(kind, selector=MANAGED_SELECTOR if kind in _NAMESPACED else "")
    except KubeError as error:
        if kind in _NAMES or error.status != HTTPStatus.NOT_FOUND:
            raise
        return []


async def remove(objects: Objects, found: Leftovers, say: Callable[[str], None]) -> list[str]:
    """Take back all that can be; `say` is told of each thing that is done. Return what failed."""
    failed: list[str] = []
    # Policies first: an operator that still runs would put back what they ask for.
    for manifest in (*found.policies, *found.objects):
        try:
            await objects.delete(manifest)
        except KubeError as error:
            failed.append(f"{_name(manifest)} is not deleted: {error}")
        else:
            say(f"deleted {_name(manifest)}")
    for namespace in found.namespaces:
        try:
            await _put_back(objects, namespace["metadata"]["name"])
        except KubeError as error:
            failed.append(f"{_name(namespace)} has not got its labels back: {error}")
        else:
            say(f"put back the Pod Security labels of {_name(namespace)}")
    for each in found.accounts:
        try:
            await _release(objects, each.namespace)
        except KubeError as error:
            failed.append(f"{_name(each.manifest)} is not as it was: {error}")
        else:
            say(f"put back {account.FIELD} of {_name(each.manifest)}")
    return failed


async def _put_back(objects: Objects, name: str) -> None:
    """Put back the labels of a namespace as it stands now: an operator may still do so, too."""
    for attempt in range(_MOST_ATTEMPTS):
        namespace = await objects.get("Namespace", name)
        annotations = (namespace or {}).get("metadata", {}).get("annotations") or {}
        if namespace is None or POD_SECURITY_ANNOTATION not in annotations:
            return
        try:
            await objects.patch(namespace, restoration(namespace))
        except KubeError as error:
            if error.status not in _CHANGED or attempt + 1 == _MOST_ATTEMPTS:
                raise
        else:
            return


async def _release(objects: Objects, namespace: str) -> None:
    """Take our field from a ServiceAccount as it stands now, as above."""
    for attempt in range(_MOST_ATTEMPTS):
        found = await objects.get("ServiceAccount", account.NAME, namespace)
        live = None if found is None else Account.of(found)
        if live is None or not live.has_traces:
            return
        try:
            if back := account.put_back(live):
                await objects.patch(live.manifest, back)
            await objects.apply(account.released(live))
        except KubeError as error:
            if error.status not in _CHANGED or attempt + 1 == _MOST_ATTEMPTS:
                raise
        else:
            return


def _is_ours(manifest: Manifest) -> bool:
    """Tell whether we wrote an object: a copy that somebody made keeps our label."""
    name: str = manifest["metadata"]["name"]
    kind = manifest["kind"]
    if kind in _NAMES:
        return name in _NAMES[kind] and (is_labelled(manifest) or _is_written_by_us(manifest))
    if is_policys(manifest):
        return True
    # Without its owner it is ours by its name and by who wrote it, which no copy takes along.
    return _NAMESPACED[kind].fullmatch(name) is not None and _is_written_by_us(manifest)


def _is_written_by_us(manifest: Manifest) -> bool:
    managers = manifest["metadata"].get("managedFields") or ()
    return any(each.get("manager") == FIELD_MANAGER for each in managers)


def _name(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    place = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"{manifest['kind']} {place}{metadata['name']}"
