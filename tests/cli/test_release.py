"""`revet release` of an image: which one is meant, and what else happens meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pytest

from revet.adapters.kube import KubeError
from revet.adapters.objects import Objects
from revet.cli.release import let_go
from tests.cli.command import invoke
from tests.support.held import HELD
from tests.support.manifests import Manifest

OTHER: Final = f"sha256:{'a' * 12}{'b' * 52}"


class Cluster(Objects):
    """Policies with lists; what is patched is written down, and may be refused."""

    def __init__(self, **lists: Sequence[str]) -> None:
        self.policies = {name: _policy(name, digests) for name, digests in lists.items()}
        self.refuses: list[KubeError] = []
        self.patched: list[str] = []

    async def list(
        self,
        kind: str,
        namespace: str = "",
        selector: str = "",
        fields: str = "",
        trim: Callable[[Manifest], Manifest] = dict,
    ) -> list[Manifest]:
        """Give the policies."""
        assert (kind, namespace, selector, fields) == ("HardeningPolicy", "", "", "")
        return [trim(each) for each in self.policies.values()]

    async def patch(
        self, manifest: Manifest, operations: Sequence[Mapping[str, Any]], subresource: str = ""
    ) -> Manifest:
        """Mark the image, as the API server would."""
        if self.refuses:
            raise self.refuses.pop()
        *_, index, mark = operations[-1]["path"].split("/")
        assert (subresource, mark) == ("/status", "released")
        manifest["status"]["heldImages"][int(index)][mark] = operations[-1]["value"]
        self.patched.append(manifest["metadata"]["name"])
        return manifest


def _policy(name: str, digests: Sequence[str]) -> Manifest:
    held = HELD.model_dump(mode="json", by_alias=True, exclude_none=True)
    listed = [{**held, "digest": digest} for digest in digests]
    return {"metadata": {"name": name, "uid": name}, "status": {"heldImages": listed}}


async def test_an_image_is_let_go_by_each_policy_that_holds_it() -> None:
    cluster = Cluster(a=[HELD.digest], b=[], c=[f"sha256:{'c' * 64}", HELD.digest])
    assert await let_go(cluster, HELD.digest[:19]) == ""
    assert cluster.patched == ["a", "c"]
    assert "no policy holds" in await let_go(cluster, HELD.digest)


async def test_a_digest_that_may_be_two_is_not_guessed() -> None:
    cluster = Cluster(a=[HELD.digest], b=[OTHER])
    assert "give more digits" in await let_go(cluster, OTHER[:19])
    assert cluster.patched == []
    assert await let_go(cluster, OTHER) == ""
    assert cluster.patched == ["b"]


async def test_a_list_that_has_changed_is_read_again() -> None:
    cluster = Cluster(a=[HELD.digest])
    cluster.refuses = [KubeError("the test failed", 422)]
    assert await let_go(cluster, HELD.digest) == ""
    cluster = Cluster(a=[HELD.digest])
    cluster.refuses = [KubeError("forbidden", 403)]
    with pytest.raises(KubeError, match="forbidden"):
        await let_go(cluster, HELD.digest)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["web"], "a pod needs its --namespace"),
        (["sha256:12"], "'sha256:12' is no digest"),
        (["app:1", "-n", "shop"], "'app:1' is no digest"),
        ([HELD.digest, "-n", "shop"], "an image is of no namespace"),
    ],
)
def test_what_can_not_be_meant_is_refused(args: list[str], said: str) -> None:
    code, _, told = invoke("release", *args)
    assert code == 2
    assert said in told
