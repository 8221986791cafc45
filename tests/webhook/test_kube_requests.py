"""How requests to the API server go: nothing packed, no ~/.netrc, by a proxy where one is named."""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from e2e.cluster.certificates import Authority
from revet.adapters.kube import KubeError, connect
from revet.adapters.lease import Lease
from revet.core.model.meta import Owner
from tests.support.manifests import Manifest
from tests.support.registry import server_context
from tests.webhook.listwatch import page

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def _listen(seen: list[web.Request], tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Answer everything with an empty list, and note it; yield the port."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request, web.BaseRequest)
        seen.append(request)  # type: ignore[arg-type] # a bare server's requests are of the base
        return web.json_response(page(1))

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _kubeconfig(folder: Path, server: str, **cluster: str) -> str:
    path = folder / "kubeconfig"
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "it", "user": {"token": "ours"}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "current-context": "it",
    }
    path.write_text(json.dumps(text))
    return str(path)


async def _nobody() -> Owner:
    raise AssertionError("no Lease is made")


async def test_an_answer_is_asked_for_unpacked_and_as_ourselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[web.Request] = []
    async with (
        _listen(seen) as port,
        connect(_kubeconfig(tmp_path, f"http://127.0.0.1:{port}")) as kube,
    ):
        await kube.request("GET", "/api/v1/pods")
        await Lease("l", "n", "i", kube.client, _nobody).get("l", "n")
    assert seen[0].headers["Accept-Encoding"] == "identity"
    assert [each.headers["Authorization"] for each in seen] == ["Bearer ours", "Bearer ours"]


async def test_a_proxy_that_the_environment_names_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[web.Request] = []
    async with _listen(seen) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        # An address that nobody has: only the proxy can answer.
        async with connect(_kubeconfig(tmp_path, "http://api.invalid:6443")) as kube:
            await kube.request("GET", "/api/v1/pods")
    assert [each.headers["Host"] for each in seen] == ["api.invalid:6443"]


async def test_a_proxy_that_the_kubeconfig_names_is_used(tmp_path: Path) -> None:
    seen: list[web.Request] = []
    async with _listen(seen) as port:
        proxy = {"proxy-url": f"http://127.0.0.1:{port}"}
        async with connect(_kubeconfig(tmp_path, "http://api.invalid:6443", **proxy)) as kube:
            await kube.request("GET", "/api/v1/pods")
    assert [each.headers["Host"] for each in seen] == ["api.invalid:6443"]


@pytest.mark.parametrize(
    ("named", "refused"), [({}, ""), ({"tls-server-name": "another"}, "another")]
)
async def test_the_certificate_is_held_by_the_name_of_the_kubeconfig(
    tmp_path: Path, named: dict[str, str], refused: str
) -> None:
    authority = Authority("cluster")
    ca = tmp_path / "ca.crt"
    ca.write_bytes(authority.ca_pem)
    cluster = {"certificate-authority": str(ca), **named}
    async with _listen([], server_context(authority)) as port:
        server = f"https://127.0.0.1:{port}"
        async with connect(_kubeconfig(tmp_path, server, **cluster)) as kube:
            if not refused:
                await kube.request("GET", "/api/v1/pods")
                return
            with pytest.raises(KubeError, match=refused):
                await kube.request("GET", "/api/v1/pods")


async def test_what_is_applied_goes_as_json_which_yaml_reads(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        bodies.append(await request.read())
        return web.json_response({})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = f"http://127.0.0.1:{runner.addresses[0][1]}"
    manifest: Manifest = {
        "kind": "Secret",
        "data": {"name": "\u00fc\x7f\x80\x85\u2028\ufeff\U0001f600"},
        "empty": [],
        "nothing": None,
    }
    async with connect(_kubeconfig(tmp_path, server)) as kube:
        await kube.request(
            "PATCH", "/x", body=manifest, content_type="application/apply-patch+yaml"
        )
        await kube.request("DELETE", "/x")
    await runner.cleanup()
    assert json.loads(bodies[0]) == manifest
    assert yaml.safe_load(bodies[0]) == manifest
    # Nor does any that is stricter see what is no character of its own.
    assert {each for each in bodies[0].decode() if not " " <= each <= "~"} == {"\U0001f600"}
    assert bodies[1] == b""
