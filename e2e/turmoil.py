"""Random edits of policies, namespaces and what we made, and what should stand meanwhile.

The renderer says what is wanted after each edit; so that whoever deletes what was wanted is found.
"""

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from e2e.api import APPLY, MERGE, Api
from e2e.standing import NAMESPACES, POLICIES
from e2e.webhook import policy
from revet.core.model.policy import parse_policy
from revet.core.network import facts
from revet.core.render.networkpolicy import network_policies

STEADY: Final = "steady"
MOODS: Final = ("calm", "wild")
_LABELS: Final = {"turmoil": "yes"}
_NETWORK_POLICIES: Final = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"
#: Namespace and name of a NetworkPolicy.
Place = tuple[str, str]


class Turmoil:
    """The edits, and the book of what is wanted."""

    def __init__(self, api: Api, namespaces: list[str], seed: int) -> None:
        self._api = api
        self._random = random.Random(seed)
        self._moods: dict[str, str] = dict.fromkeys(namespaces, "")
        self._specs: dict[str, dict[str, Any]] = {}
        #: What was wanted from when on.
        self.book: list[tuple[datetime, frozenset[Place]]] = []
        #: What others have deleted, and when.
        self.deleted: list[tuple[datetime, Place]] = []
        for name in (STEADY, *MOODS):
            self._apply(name, {"isolate": ["Ingress", "Egress"], "allow": {"dns": True}})
        self._note()

    @property
    def wanted(self) -> frozenset[Place]:
        """What is wanted now."""
        return self.book[-1][1]

    def steady(self) -> frozenset[Place]:
        """Return what was wanted all the time."""
        return frozenset.intersection(*(wanted for _, wanted in self.book))

    def edit(self) -> None:
        """Make a random edit."""
        choices = (self.delete, self._meddle, self._relabel, self._rewrite)
        [chosen] = self._random.choices(choices, weights=(4, 3, 2, 1))
        chosen()

    def delete(self) -> None:
        """Delete something that is wanted, if it stands."""
        place = self._pick()
        self.delete_one(place)

    def delete_one(self, place: Place) -> None:
        """Delete it, if it stands."""
        path = f"{_NETWORK_POLICIES.format(place[0])}/{place[1]}"
        at = datetime.now(UTC)
        if self._api.send("DELETE", path).is_success:
            self.deleted.append((at, place))

    def _meddle(self) -> None:
        """Edit something that is wanted: wider, narrower, or without our label."""
        changes: tuple[Mapping[str, Any], ...] = (
            {"spec": {"podSelector": {"matchLabels": {"app": "none"}}}},
            {"spec": {"policyTypes": ["Ingress"]}},
            {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}},
            {"metadata": {"annotations": {"revet.dev/source": "me"}}},
        )
        place = self._pick()
        path = f"{_NETWORK_POLICIES.format(place[0])}/{place[1]}?fieldManager=meddler"
        self._api.send("PATCH", path, self._random.choice(changes), MERGE)

    def _relabel(self) -> None:
        """Have a namespace selected by another policy, or by none besides the steady one."""
        name = self._random.choice(list(self._moods))
        self._moods[name] = self._random.choice(("", *MOODS))
        change = {"metadata": {"labels": {"mood": self._moods[name] or None}}}
        self._api.send("PATCH", f"{NAMESPACES}/{name}", change, MERGE)
        self._note()

    def _rewrite(self) -> None:
        """Have a policy allow more or less; the steady one never less than it did at first."""
        name = self._random.choice((STEADY, *MOODS))
        allow = {"dns": name == STEADY or self._flip(), "sameNamespace": self._flip()}
        self._apply(name, {"isolate": ["Ingress", "Egress"], "allow": allow})
        self._note()

    def _apply(self, name: str, network: dict[str, Any]) -> None:
        labels = _LABELS if name == STEADY else {"mood": name}
        asked = policy(name, labels, network={"mode": "Enforce", **network})
        path = f"{POLICIES}/{name}?fieldManager=turmoil&force=true"
        answer = self._api.send("PATCH", path, asked, APPLY)
        assert answer.is_success, answer.message
        self._specs[name] = asked

    def _note(self) -> None:
        found: set[Place] = set()
        for namespace, mood in self._moods.items():
            for name in (STEADY, mood) if mood else (STEADY,):
                manifest = self._specs[name]
                metadata = {**manifest["metadata"], "uid": "u", "generation": 1}
                parsed = parse_policy(json.dumps({**manifest, "metadata": metadata}))
                made = network_policies(parsed, facts.Place(namespace))
                found |= {(namespace, each["metadata"]["name"]) for each in made}
        self.book.append((datetime.now(UTC), frozenset(found)))

    def _pick(self) -> Place:
        return self._random.choice(sorted(self.wanted))

    def _flip(self) -> bool:
        return self._random.random() < 0.5


def stands(api: Api, namespaces: list[str]) -> frozenset[Place]:
    """Return the NetworkPolicies that stand."""
    return frozenset(
        (namespace, each["metadata"]["name"])
        for namespace in namespaces
        for each in api.send("GET", _NETWORK_POLICIES.format(namespace)).body["items"]
    )


def was_wanted(book: list[tuple[datetime, frozenset[Place]]], place: Place, at: datetime) -> bool:
    """Return whether something was wanted all through the seconds before a moment."""
    begin = at.timestamp() - 10
    within = [
        place in wanted
        for index, (since, wanted) in enumerate(book)
        if since <= at and (index + 1 == len(book) or book[index + 1][0].timestamp() >= begin)
    ]
    return all(within)
