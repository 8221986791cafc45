"""`revet check --cluster`: judges what stands in a cluster, with the rights of whoever asks.

What may not be read is said. It has not passed, and what is read is judged all the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from revet.adapters.kube import KubeError
from revet.cli.check.judge import Judge
from revet.cli.check.policies import Policies, read_policies
from revet.cli.check.progress import track
from revet.cli.check.report import NotChecked, Problem, Report
from revet.cli.check.scope import Namespaces, Scopes
from revet.cli.load import Document
from revet.cli.load.cluster import CLUSTER_NAME, Cluster, make_document, open_cluster
from revet.core.errors import Error, ManifestError
from revet.core.kinds import BY_NAME, KINDS, Kind
from revet.core.model.policy import Profile
from revet.core.neighbours import NEIGHBOURS, Neighbours, read_neighbour

_NAMESPACE: Final = BY_NAME["Namespace"]
#: A role of one namespace may be given to ServiceAccounts of another.
_FAR_REACHING: Final = "RoleBinding"


class ClusterError(Error):
    """The question can't be answered at all; the message says what is needed."""


@dataclass(frozen=True, slots=True)
class ClusterQuestion:
    """Which cluster is to be checked, and by what.

    Attributes:
        kubeconfig: the file that names it.
        policies: files of policies, or names of profiles; empty: those of the cluster, or else the
            profile `restricted`.
        namespace: only what is in this namespace; empty: all, and what is in none.

    """

    kubeconfig: str
    policies: tuple[str, ...] = ()
    namespace: str = ""


def check_cluster(question: ClusterQuestion) -> Report:
    """Answer the question.

    Raises:
        KubeError: the server did not answer.
        ClusterError: the policies may not be read, or there is no such namespace.

    """
    with open_cluster(question.kubeconfig) as cluster:
        return _Survey(question, cluster).run()


@dataclass(slots=True)
class _Survey:
    """One walk through a cluster."""

    question: ClusterQuestion
    cluster: Cluster
    policies: Policies = field(default_factory=Policies)
    notes: list[str] = field(default_factory=list)
    unread: list[NotChecked] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def run(self) -> Report:
        self._choose_policies()
        self.notes += self.policies.list_ceilings()
        namespaces = Namespaces()
        found = self._find_namespaces()
        for each in found:
            metadata = each.value["metadata"]
            namespaces.add(metadata["name"], metadata.get("labels") or {})
        scopes = Scopes(tuple(self.policies.selecting), namespaces, bool(self.policies.problems))
        judge = Judge(scopes, None, around=self._look_beside())
        for document in track(self._find_objects(found), "Judging"):
            judge.add(document)
        problems = (*self.policies.problems, *self.problems)
        return judge.report(self.policies.used, self.unread, problems, self.notes)

    def _choose_policies(self) -> None:
        for text in self.question.policies:
            read_policies(text, self.policies)
        if self.question.policies:
            return
        found = self._find_policies()
        for document in found:
            self.policies.add(document)
        if found:
            self.notes.append("The policies are those of the cluster; -p names others.")
        else:
            self.policies.add_profile(Profile.RESTRICTED)
            why = "The cluster has no policy: that of the profile restricted is built in; see -p."
            self.notes.append(why)

    def _find_policies(self) -> list[Document]:
        try:
            return self.cluster.policies()
        except KubeError as error:
            if error.status == HTTPStatus.NOT_FOUND:  # Revet is not installed
                return []
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            raise ClusterError(
                "you may not list hardeningpolicies.revet.dev: ask for the ClusterRole "
                "revet-policy-viewer by a ClusterRoleBinding, or name policies or a profile by -p"
            ) from error

    def _find_namespaces(self) -> list[Document]:
        """Return the Namespaces: they tell which policies select, and are judged themselves."""
        name = self.question.namespace
        with self._reading(_NAMESPACE, is_judged=self._judges(_NAMESPACE)):
            if not name:
                return list(self.cluster.documents(_NAMESPACE))
            found = self.cluster.namespace(name)
            if found is None:
                raise ClusterError(f"there is no Namespace {name}")
            self.notes.append(f"Only Namespace {name} was looked at, and nothing outside of it.")
            return [make_document(found)]
        return []

    def _find_objects(self, namespaces: list[Document]) -> Iterator[Document]:
        if self._judges(_NAMESPACE):
            yield from namespaces
        name = self.question.namespace
        for kind in KINDS:
            is_there = kind.is_namespaced or not name
            if is_there and kind is not _NAMESPACE and self._judges(kind):
                with self._reading(kind, is_judged=True):
                    yield from self.cluster.documents(kind, name)

    def _look_beside(self) -> Neighbours:
        """Return what the controls ask for beside an object."""
        seen: set[str] = set()
        neighbours = Neighbours(seen.__contains__)
        needs = {kind for each in self.policies.selecting for kind in each.compiled.all_needs}
        for name in track(sorted(needs), "Reading", len(needs)):
            kind = NEIGHBOURS[name]
            home = "" if name == _FAR_REACHING else self.question.namespace
            with self._reading(kind, home=home):
                self._take(kind, home, neighbours)
                seen.add(name)
            if name not in seen and home != self.question.namespace:
                with self._reading(kind):
                    self._take(kind, self.question.namespace, neighbours)
        return neighbours

    def _take(self, kind: Kind, namespace: str, neighbours: Neighbours) -> None:
        for page in self.cluster.pages(kind, namespace):
            for data in page:
                neighbours.put(read_neighbour(kind.name, data))

    def _judges(self, kind: Kind) -> bool:
        return any(kind.name in each.compiled.judged_kinds for each in self.policies.selecting)

    @contextmanager
    def _reading(
        self, kind: Kind, *, is_judged: bool = False, home: str | None = None
    ) -> Iterator[None]:
        """Note what may not be read, and go on; a kind that the cluster does not have is not there.

        Where it `is_judged`, the answer may be anything. Where others are judged by it, they tell.
        """
        home = self.question.namespace if home is None else home
        where = f"in Namespace {home}" if home else "in all namespaces"
        what = f"{kind.plural} {where if kind.is_namespaced else ''}".strip()
        try:
            yield
        except ManifestError as error:
            self.problems.append(Problem(CLUSTER_NAME, None, str(error)))
        except KubeError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return
            if error.status in {0, HTTPStatus.UNAUTHORIZED}:
                raise
            if error.status == HTTPStatus.FORBIDDEN:
                left = NotChecked(CLUSTER_NAME, f"{what} may not be read", undecided=is_judged)
                self.unread.append(left)
            else:  # A list that took too long, say: some of it is missing.
                self.problems.append(Problem(CLUSTER_NAME, None, f"{what}: {error}"))
