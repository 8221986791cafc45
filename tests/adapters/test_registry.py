"""The registry client against an honest registry: it finds what is there, logged in or not."""

import asyncio
import json

import pytest
from aiohttp import web

from revet.adapters.registry.client import Registry
from revet.adapters.registry.credentials import (
    Anonymous,
    Credential,
    CredentialError,
    DockerConfig,
    Several,
    parse_docker_config,
)
from revet.adapters.registry.error import RegistryError
from tests.adapters.conftest import MakeClient
from tests.support.registry import (
    EMPTY_CONFIG,
    OCI_MANIFEST,
    FakeRegistry,
    digest_of,
    image,
    index,
)

ME = Credential("me", "secret")


def _signature(subject: str, number: int = 0) -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": "application/vnd.example" if number % 2 else "application/x",
            "config": EMPTY_CONFIG,
            "layers": [{"mediaType": "text/plain", "digest": digest_of(b"x"), "size": number}],
            "subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1},
        }
    ).encode()


async def test_a_tag_stands_for_the_digest_of_its_bytes(
    server: FakeRegistry, client: MakeClient
) -> None:
    digest = server.push("team/app", image("one"), "1.4")
    assert await client().resolve(f"{server.host}/team/app:1.4") == digest
    assert server.paths() == ["/v2/team/app/manifests/1.4"]


async def test_no_tag_is_latest(server: FakeRegistry, client: MakeClient) -> None:
    digest = server.push("app", index(image("amd64"), image("arm64")), "latest")
    assert await client().resolve(f"{server.host}/app") == digest


async def test_a_digest_needs_no_registry(server: FakeRegistry, client: MakeClient) -> None:
    reference = f"{server.host}/app:1@{digest_of(b'x')}"
    assert await client().resolve(reference) == digest_of(b"x")
    assert server.asked == []


async def test_manifests_and_blobs_come_as_they_are(
    server: FakeRegistry, client: MakeClient
) -> None:
    digest = server.push("app", image("one"))
    blob = server.push_blob("app", b"a layer")
    registry = client()
    assert await registry.manifest(f"{server.host}/app@{digest}") == image("one")
    assert await registry.blob(f"{server.host}/app", blob) == b"a layer"


async def test_what_is_not_there_is_said_so(server: FakeRegistry, client: MakeClient) -> None:
    with pytest.raises(RegistryError, match="answered 404 Not Found") as caught:
        await client().resolve(f"{server.host}/app:2")
    assert (caught.value.host, caught.value.status) == (server.host, 404)


@pytest.mark.parametrize("has_api", [True, False], ids=["api", "tag"])
async def test_referrers_are_found(
    server: FakeRegistry, client: MakeClient, *, has_api: bool
) -> None:
    server.has_referrers = has_api
    subject = server.push("app", image("one"), "1")
    wanted = [server.push("app", _signature(subject, number)) for number in range(3)]
    registry = client()
    found = await registry.referrers(f"{server.host}/app", subject)
    assert [each.digest for each in found] == wanted
    some = await registry.referrers(f"{server.host}/app", subject, "application/vnd.example")
    assert [each.digest for each in some] == [wanted[1]]
    assert await registry.referrers(f"{server.host}/app", wanted[0]) == []


async def test_a_list_of_referrers_goes_on(server: FakeRegistry, client: MakeClient) -> None:
    server.page = 2
    subject = server.push("app", image("one"))
    wanted = [server.push("app", _signature(subject, number)) for number in range(5)]
    found = await client().referrers(f"{server.host}/app", subject)
    assert [each.digest for each in found] == wanted
    assert len(server.asked) == 3


@pytest.mark.parametrize("bearer", [False, True], ids=["basic", "bearer"])
async def test_a_login_is_made_once(
    server: FakeRegistry, client: MakeClient, *, bearer: bool
) -> None:
    server.users, server.bearer = {"me": "secret"}, bearer
    digest = server.push("team/app", image("one"), "1")
    registry = client(DockerConfig({f"{server.host}/team": ME}))
    for _ in range(2):
        assert await registry.resolve(f"{server.host}/team/app:1") == digest
    manifest = "/v2/team/app/manifests/1"
    login = "/token?service=fake&scope=repository%3Ateam%2Fapp%3Apull"
    assert server.paths() == [manifest, *([login] if bearer else []), manifest, manifest]


async def test_an_identity_token_is_posted(server: FakeRegistry, client: MakeClient) -> None:
    server.users, server.bearer = {"x": "the-token"}, True
    digest = server.push("app", image("one"), "1")
    config = DockerConfig({server.host: Credential(identity_token="the-token")})  # noqa: S106 -- none
    assert await client(config).resolve(f"{server.host}/app:1") == digest
    assert "the-token" not in "".join(server.paths())


@pytest.mark.parametrize("bearer", [False, True], ids=["basic", "bearer"])
async def test_a_wrong_password_is_told_without_it(
    server: FakeRegistry, client: MakeClient, *, bearer: bool
) -> None:
    server.users, server.bearer = {"me": "other"}, bearer
    with pytest.raises(RegistryError, match="answered 401 Unauthorized") as caught:
        await client(DockerConfig({server.host: ME})).resolve(f"{server.host}/app:1")
    assert caught.value.status == 401
    assert "secret" not in repr(caught.value)
    assert "secret" not in repr(ME)


async def test_who_has_no_credentials_is_told(server: FakeRegistry, client: MakeClient) -> None:
    server.users = {"me": "secret"}
    with pytest.raises(RegistryError, match="there are no credentials for it"):
        await client().resolve(f"{server.host}/app:1")


async def test_a_mirror_is_asked_first(
    server: FakeRegistry, other: FakeRegistry, client: MakeClient
) -> None:
    digest = server.push("app", image("one"), "1")
    registry = client(mirrors=(other.host,), names_other=True)
    assert await registry.manifest(f"{server.host}/app@{digest}") == image("one")
    assert (len(other.asked), len(server.asked)) == (1, 1)
    other.push("app", image("one"), "1")
    assert await registry.resolve(f"{server.host}/app:1") == digest
    assert (len(other.asked), len(server.asked)) == (2, 1)


async def test_a_busy_registry_is_asked_again(server: FakeRegistry, client: MakeClient) -> None:
    digest = server.push("app", image("one"), "1")
    path = "/v2/app/manifests/1"

    async def be_busy(_: web.Request) -> web.Response:
        del server.instead[path]
        return web.Response(status=429)

    server.instead[path] = be_busy
    assert await client().resolve(f"{server.host}/app:1") == digest


async def test_many_at_once_share_connections(server: FakeRegistry, client: MakeClient) -> None:
    tags = [str(number) for number in range(40)]
    digest = server.push("app", image("one"), *tags)
    registry: Registry = client()
    found = await asyncio.gather(*(registry.resolve(f"{server.host}/app:{tag}") for tag in tags))
    assert set(found) == {digest}


@pytest.mark.parametrize(
    ("key", "host", "repository", "matches"),
    [
        ("registry.example.com", "registry.example.com", "a/b", True),
        ("https://registry.example.com", "registry.example.com", "a", True),
        ("https://registry.example.com/v1/", "registry.example.com", "a", True),
        ("https://index.docker.io/v1/", "docker.io", "library/nginx", True),
        ("registry.example.com/a", "registry.example.com", "a/b", True),
        ("registry.example.com/a", "registry.example.com", "ab", False),
        ("*.example.com", "registry.example.com", "a", True),
        ("*.example.com", "example.com", "a", False),
        ("*.example.com", "a.b.example.com", "a", False),
        ("registry.example.com", "registry.example.com:5000", "a", False),
        ("registry.example.com", "registry.example.com.evil.test", "a", False),
    ],
)
def test_keys_of_a_docker_config(key: str, host: str, repository: str, *, matches: bool) -> None:
    assert (DockerConfig({key: ME}).find(host, repository) is ME) is matches


def test_the_longest_key_counts() -> None:
    team = Credential("team", "x")
    config = DockerConfig({"r.example": ME, "r.example/team": team})
    assert config.find("r.example", "team/app") is team
    assert config.find("r.example", "app") is ME


@pytest.mark.parametrize(
    "text",
    [
        '{"auths": {"r.example": {"auth": "bWU6c2VjcmV0"}}}',
        '{"auths": {"r.example": {"username": "me", "password": "secret"}}, "credsStore": "x"}',
        '{"r.example": {"auth": "bWU6c2VjcmV0", "email": "x"}}',
    ],
)
def test_docker_configs_are_read(text: str) -> None:
    assert parse_docker_config(text.encode()).find("r.example", "a") == ME


@pytest.mark.parametrize(
    "text", ["", "[]", '{"auths": []}', '{"auths": {"r": {"auth": "!secret"}}}', '{"auths": 1}']
)
def test_what_is_no_docker_config_is_refused_without_its_content(text: str) -> None:
    with pytest.raises(CredentialError) as caught:
        parse_docker_config(text.encode())
    assert "secret" not in str(caught.value)


async def test_several_sources_are_asked_in_order() -> None:
    sources = Several([Anonymous(), DockerConfig({"r.example": ME})])
    assert await sources.credential("r.example", "a") is ME
    assert await sources.credential("other.example", "a") is None
