"""What the webhook says of keys and roots comes into the status of the policies that name them."""

from collections.abc import Mapping, Sequence

import pytest

from revet.adapters.kube import KubeError
from revet.operator import signers
from revet.operator.context import Context
from revet.operator.credentials import Credentials
from revet.operator.picture import Key
from revet.operator.prober import Prober, Replica
from revet.operator.signers import SignersWatch
from tests.operator.test_writer import Written
from tests.support.manifests import policy

REPLICA = Replica("https://127.0.0.1:1", None)
VERIFY = [
    {"name": "ci", "images": ["*"], "anyOf": [{"key": {"configMapRef": {"name": "k", "key": "p"}}}]}
]


class Replicas(Prober):
    """Replicas that answer as the test says."""

    def __init__(self) -> None:
        super().__init__(Written(), "revet-system", "revet-webhook", None)
        self.answers: Sequence[Mapping[str, str] | None] = [{"u": ""}]
        self.is_away = False
        self.rounds = 0
        self.lists = 0

    async def replicas(self) -> list[Replica]:
        """Name them, unless the API server does not tell."""
        if self.is_away:
            raise KubeError("away")
        self.lists += 1
        return [REPLICA]

    async def signers(
        self, replicas: Sequence[Replica], bundle: bytes
    ) -> Sequence[Mapping[str, str] | None]:
        """Return what the test has said."""
        assert (list(replicas), bundle) == ([REPLICA], b"bundle")
        self.rounds += 1
        return self.answers


@pytest.fixture
def replicas() -> Replicas:
    return Replicas()


@pytest.fixture
def watch(context: Context, replicas: Replicas) -> SignersWatch:
    credentials = Credentials(context)
    credentials.bundle = b"bundle"
    return SignersWatch(context, credentials, prober=replicas)


def see(context: Context, generation: int = 1, **spec: object) -> None:
    """Have the policy be so."""
    manifest = policy("strict", {"a": "b"}, **spec)
    manifest["metadata"] |= {"uid": "u", "resourceVersion": str(generation)}
    manifest["metadata"]["generation"] = generation
    context.picture.see_policy(manifest, gone=False)


async def test_nobody_is_asked_where_no_policy_wants_signatures(
    context: Context, watch: SignersWatch, replicas: Replicas
) -> None:
    see(context)
    await watch.look(0)
    assert replicas.rounds == 0


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([], None),
        ([None], None),
        ([{}], None),
        ([{"u": ""}, None], None),
        ([{"u": ""}, {"u": ""}], ""),
        ([{"u": "no key"}, None], "no key"),
        ([{"u": "no key"}, {"u": "no root"}, {"u": "no key"}], "no key; no root"),
    ],
)
async def test_what_is_told_of_a_policy(
    context: Context,
    watch: SignersWatch,
    replicas: Replicas,
    answers: Sequence[Mapping[str, str] | None],
    problem: str | None,
) -> None:
    see(context, images={"verify": VERIFY})
    replicas.answers = answers
    await watch.look(0)
    assert watch.problem("u") == problem
    assert watch.problem("other") is None


async def test_a_status_is_written_where_it_is_another(
    context: Context, watch: SignersWatch, replicas: Replicas
) -> None:
    see(context, images={"verify": VERIFY})
    await watch.look(0)
    assert await context.statuses.get() == Key("status", "strict")
    context.statuses.done(Key("status", "strict"))
    await watch.look(signers._SOON_S)
    assert replicas.rounds == 2
    assert not context.statuses._due
    # What can't be asked is not told anew.
    replicas.is_away = True
    watch.look_again()
    await watch.look(2 * signers._SOON_S)
    assert watch.problem("u") == ""
    replicas.is_away, replicas.answers = False, [{"u": "no key"}]
    rest = 2 * signers._SOON_S + signers._REST_S
    await watch.look(rest - 1)
    assert watch.problem("u") == ""
    await watch.look(rest)
    assert watch.problem("u") == "no key"
    # A change of the policy is asked about at once.
    rounds = replicas.rounds
    see(context, generation=2, images={"verify": VERIFY})
    await watch.look(rest + 1)
    assert replicas.rounds == rounds + 1


async def test_replicas_are_listed_only_where_they_may_have_changed(
    context: Context, watch: SignersWatch, replicas: Replicas
) -> None:
    see(context, images={"verify": VERIFY})
    now = 0.0
    for answers, lists in (([{"u": ""}], 1), ([{"u": ""}], 1), ([None], 1), ([{"u": ""}], 2)):
        replicas.answers = answers
        await watch.look(now)
        assert replicas.lists == lists
        now += signers._REST_S
    watch.look_again()
    rounds = replicas.rounds
    await watch.look(now - signers._REST_S + 1)
    assert (replicas.lists, replicas.rounds) == (3, rounds + 1)


async def test_a_root_that_grows_old_is_told_beside(context: Context, replicas: Replicas) -> None:
    credentials = Credentials(context)
    credentials.bundle = b"bundle"
    old = {"u": ""}
    watch = SignersWatch(context, credentials, old.__getitem__, replicas)
    see(context, images={"verify": VERIFY})
    assert watch.problem("u") is None
    old["u"] = "the root is old"
    assert watch.problem("u") == "the root is old"
    replicas.answers = [{"u": "a key is bad"}]
    await watch.look(0)
    assert watch.problem("u") == "a key is bad; the root is old"
    old["u"] = ""
    assert watch.problem("u") == "a key is bad"
