"""Attacks by a registry that sends its client, or the client's credentials, elsewhere."""

import asyncio
from socket import AF_INET, AddressFamily

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from revet.adapters.registry.client import Registry
from revet.adapters.registry.credentials import Credential, DockerConfig
from revet.adapters.registry.endpoints import Endpoint, Endpoints
from revet.adapters.registry.guard import Guard
from revet.verify.verifier import Verifier
from tests.support.attacks.case import case
from tests.support.attacks.stage import Stage, Told, told
from tests.support.registry import FakeRegistry, image, serving

SECRET = "s3cret"  # noqa: S105 -- what must not be told


async def _log_in(stage: Stage, registry: FakeRegistry, *more: str) -> Told:
    """Verify an image of a registry that wants credentials."""
    registry.users = {"me": SECRET}
    ca = stage.world.tls.ca_pem.decode()
    endpoints = Endpoints([], [Endpoint(each, ca) for each in (registry.host, *more)])
    credentials = DockerConfig({registry.host: Credential("me", SECRET)})
    loop = asyncio.get_running_loop()
    async with Registry.connect(endpoints, loop.time, credentials) as client:
        verifier = Verifier(client, lambda: stage.now)
        verdict = await verifier.verify(f"{registry.host}/app:1", [stage.by_key()])
    answer = told(verdict)
    assert SECRET not in answer.text
    return answer


@case("redirect-with-credentials")
async def _(stage: Stage) -> Told:
    async with (
        serving(FakeRegistry(), stage.world.tls) as registry,
        serving(FakeRegistry(), stage.world.tls) as other,
    ):
        other.host = other.host.replace("127.0.0.1", "localhost")
        other.push("app", image("one"), "1")
        path = "/v2/app/manifests/1"

        async def send_away(request: web.Request) -> web.Response:
            if not request.headers.get("Authorization"):
                return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
            target = f"https://{other.host}{path}"
            return web.Response(status=307, headers={"Location": target})

        registry.instead[path] = send_away
        answer = await _log_in(stage, registry, other.host)
        assert [each.authorization for each in other.asked] == [""]
        return answer


async def _with_realm(stage: Stage, realm: str) -> Told:
    async with serving(FakeRegistry(bearer=True), stage.world.tls) as registry:
        registry.realm = realm.format(host=registry.host)
        answer = await _log_in(stage, registry)
        assert {each.authorization for each in registry.asked} == {""}
        return answer


@case("token-server-elsewhere")
async def _(stage: Stage) -> Told:
    return await _with_realm(stage, "https://thief.example/token")


@case("token-server-without-tls")
async def _(stage: Stage) -> Told:
    return await _with_realm(stage, "http://{host}/token")


class _Resolver(AbstractResolver):
    """Answers as whoever holds a zone may: first so, then otherwise."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = list(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AF_INET
    ) -> list[ResolveResult]:
        found = self._addresses.pop(0)
        return [
            ResolveResult(hostname=host, host=found, port=port, family=family, proto=0, flags=0)
        ]

    async def close(self) -> None:
        pass


@case("name-that-moves-inside")
async def _(_: Stage) -> Told:
    guard = Guard({"registry.example"}, _Resolver("93.184.216.34", "169.254.169.254"))
    await guard.resolve("registry.example")
    try:
        await guard.resolve("registry.example")
    except OSError as error:
        return Told("refused", str(error))
    return Told("admitted", "")
