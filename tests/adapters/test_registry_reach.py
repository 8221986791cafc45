"""Where a registry can send its client: by redirects, by token servers, by DNS."""

from socket import AF_INET, AddressFamily

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from revet.adapters.registry.credentials import Credential, DockerConfig
from revet.adapters.registry.error import RegistryError
from revet.adapters.registry.guard import Guard
from tests.adapters.conftest import MakeClient, refused
from tests.support.registry import FakeRegistry, Handler, always, image

PATH = "/v2/app/manifests/1"


def _redirect(target: str) -> Handler:
    return always(lambda: web.Response(status=307, headers={"Location": target}))


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("https://169.254.169.254/latest/meta-data/", "where no registry may be"),
        ("https://[::ffff:169.254.169.254]/", "where no registry may be"),
        ("https://[64:ff9b::a9fe:a9fe]/", "where no registry may be"),
        ("https://10.0.0.1/", "a private network, and no policy names it"),
        ("https://[fd00::1]/", "a private network, and no policy names it"),
        ("https://127.0.0.2/", "on this machine"),
        ("https://[::1]/", "on this machine"),
        ("https://0.0.0.0/", "where no registry may be"),
        ("https://localhost/", "on this machine"),
        ("file:///etc/passwd", "no https URL"),
        ("http://registry.example.com/", "no https URL"),
        ("https://user:word@registry.example.com/", "no https URL"),
        ("https://[/", "no https URL"),
        ("", "no https URL"),
        (PATH, "redirected us more than 4 times"),
    ],
)
async def test_redirects_to_where_nobody_should_go(
    server: FakeRegistry, client: MakeClient, target: str, text: str
) -> None:
    server.instead[PATH] = _redirect(target)
    await refused(client, server, text)


async def test_whom_a_redirect_names_gets_no_credentials(
    server: FakeRegistry, other: FakeRegistry, client: MakeClient
) -> None:
    server.users = {"me": "secret"}
    digest = other.push_blob("app", b"a layer")
    path = f"/v2/app/blobs/{digest}"

    async def send_away(request: web.Request) -> web.Response:
        if not request.headers.get("Authorization"):
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        return web.Response(status=307, headers={"Location": f"https://{other.host}{path}"})

    server.instead[path] = send_away
    config = DockerConfig({server.host: Credential("me", "secret")})
    registry = client(config, names_other=True)
    assert await registry.blob(f"{server.host}/app", digest) == b"a layer"
    assert [each.authorization for each in other.asked] == [""]
    # Nor is somebody else's question for a login ours to answer.
    other.instead[path] = always(
        lambda: web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
    )
    before = len(server.asked)
    with pytest.raises(RegistryError, match="answered 401"):
        await registry.blob(f"{server.host}/app", digest)
    assert {each.authorization for each in other.asked} == {""}
    assert len(server.asked) == before + 1


@pytest.mark.parametrize(
    ("realm", "text"),
    [
        ("https://thief.example/token", "token server is thief.example; if it may be asked"),
        ("http://{host}/token", "must be named by an https URL"),
        ("https://{host}@thief.example/token", "must be named by an https URL"),
        ("https://169.254.169.254/token", "token server is 169.254.169.254"),
        ("file:///token", "must be named by an https URL"),
        ("https://[/", "must be named by an https URL"),
    ],
)
async def test_credentials_go_to_no_stranger(
    server: FakeRegistry, client: MakeClient, realm: str, text: str
) -> None:
    server.users, server.bearer = {"me": "secret"}, True
    server.realm = realm.format(host=server.host)
    with pytest.raises(RegistryError, match=text):
        await client(DockerConfig({server.host: Credential("me", "secret")})).resolve(
            f"{server.host}/app:1"
        )
    assert [each.authorization for each in server.asked] == [""]


async def test_a_token_server_that_the_policy_names_is_asked(
    server: FakeRegistry, other: FakeRegistry, client: MakeClient
) -> None:
    server.users, server.bearer = {"me": "secret"}, True
    other.users, server.realm = server.users, f"https://{other.host}/token"
    digest = server.push("app", image("one"), "1")
    registry = client(DockerConfig({server.host: Credential("me", "secret")}), names_other=True)
    assert await registry.resolve(f"{server.host}/app:1") == digest


@pytest.mark.parametrize(
    "reference",
    ["169.254.169.254/x:1", "registry.example.com/x:1", "nginx:1", "kubernetes.default.svc/x"],
)
async def test_nobody_is_asked_whom_no_policy_names(client: MakeClient, reference: str) -> None:
    with pytest.raises(RegistryError, match="no policy names this registry"):
        await client().resolve(reference)


class _Resolver(AbstractResolver):
    """Answers with addresses that the test chooses, as whoever holds a zone may."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in self._addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("host", "addresses", "is_let"),
    [
        ("named.example", ["10.1.2.3"], True),
        ("named.example", ["93.184.216.34"], True),
        ("named.example", ["127.0.0.1"], False),
        ("named.example", ["169.254.169.254"], False),
        ("named.example", ["fe80::1%eth0"], False),
        ("named.example", ["::ffff:127.0.0.1"], False),
        ("other.example", ["93.184.216.34"], True),
        ("other.example", ["93.184.216.34", "10.1.2.3"], False),
        ("other.example", ["100.64.0.1"], False),
        ("other.example", ["2002:0a01:0203::1"], False),
        ("localhost", ["127.0.0.1"], True),
    ],
)
async def test_names_that_lead_inside(host: str, addresses: list[str], *, is_let: bool) -> None:
    guard = Guard({"named.example", "localhost"}, _Resolver(*addresses))
    if is_let:
        assert [each["host"] for each in await guard.resolve(host)] == addresses
    else:
        with pytest.raises(OSError, match="is at"):
            await guard.resolve(host)
