"""Lists of referrers that hide, flood or lead away."""

import json

import pytest
from aiohttp import web

from revet.adapters.registry.error import RegistryError
from tests.adapters.conftest import MakeClient
from tests.support.registry import OCI_INDEX, OCI_MANIFEST, FakeRegistry, always, digest_of, image


def _listing(digests: list[str]) -> web.Response:
    manifests = [{"mediaType": OCI_MANIFEST, "digest": each, "size": 1} for each in digests]
    return web.Response(
        body=json.dumps({"schemaVersion": 2, "manifests": manifests}), content_type=OCI_INDEX
    )


async def test_an_empty_list_hides_no_tag(server: FakeRegistry, client: MakeClient) -> None:
    server.has_referrers = False
    subject = server.push("app", image("one"))
    wanted = server.push("app", image("two", subject={"digest": subject}))
    server.instead[f"/v2/app/referrers/{subject}"] = always(lambda: _listing([]))
    found = await client().referrers(f"{server.host}/app", subject)
    assert [each.digest for each in found] == [wanted]


async def test_a_page_of_the_makers_is_no_list(server: FakeRegistry, client: MakeClient) -> None:
    subject = server.push("app", image("one"))
    page = always(lambda: web.Response(text="<html>", content_type="text/html"))
    server.instead[f"/v2/app/referrers/{subject}"] = page
    assert await client().referrers(f"{server.host}/app", subject) == []


@pytest.mark.parametrize(
    ("digests", "text"),
    [
        ([digest_of(str(number).encode()) for number in range(1001)], "more than 1000"),
        (["sha256:../../x"], "what is no digest"),
        (["sha512:" + "a" * 64], "what is no digest"),
    ],
)
async def test_lists_that_are_refused(
    server: FakeRegistry, client: MakeClient, digests: list[str], text: str
) -> None:
    subject = digest_of(b"x")
    server.instead[f"/v2/app/referrers/{subject}"] = always(lambda: _listing(digests))
    with pytest.raises(RegistryError, match=text):
        await client().referrers(f"{server.host}/app", subject)


@pytest.mark.parametrize("link", ["/v2/other/referrers/x", "https://thief.example/", "%"])
async def test_a_list_that_goes_on_elsewhere(
    server: FakeRegistry, client: MakeClient, link: str
) -> None:
    subject = digest_of(b"x")

    def lead_away() -> web.Response:
        response = _listing([digest_of(b"y")])
        response.headers["Link"] = f'<{link}>; rel="next"'
        return response

    server.instead[f"/v2/app/referrers/{subject}"] = always(lead_away)
    with pytest.raises(RegistryError, match="continues a list of referrers elsewhere"):
        await client().referrers(f"{server.host}/app", subject)


async def test_a_list_without_an_end(server: FakeRegistry, client: MakeClient) -> None:
    subject = digest_of(b"x")
    path = f"/v2/app/referrers/{subject}"

    def go_on() -> web.Response:
        response = _listing([digest_of(b"y")])
        response.headers["Link"] = f'<{path}?again>; rel="next"'
        return response

    server.instead[path] = always(go_on)
    with pytest.raises(RegistryError, match="does not end"):
        await client().referrers(f"{server.host}/app", subject)
