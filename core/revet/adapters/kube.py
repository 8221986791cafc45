"""The Kubernetes API: configured and authenticated as kubernetes.aio does it, JSON left as bytes.

Apart from the client's models: what we read goes straight into our own frozen shapes. Apart from
its way to send, too, which takes a fifth of what a request costs us for forms that nobody uses.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import getproxies

import aiohttp
import msgspec
from kubernetes.aio import config
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from revet.core.errors import Error, describe

PAGE: Final = 500
_METADATA_ONLY: Final = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
_REQUEST_S: Final = 30.0
#: Of JSON only inside of strings.
_ODD: Final = re.compile("[\x7f-\uffff]")
_LINE: Final = 2**21  # bytes of a line of a watch, which is an object


class KubeError(Error):
    """The API server did not answer, or refused; `status` is 0 where there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Collection:
    """A kind of object, such as `/api/v1/namespaces`: all, or with some labels or fields."""

    path: str
    metadata_only: bool = False
    selector: str = ""
    fields: str = ""
    #: How many come in one answer, which is in memory as a whole.
    page: int = PAGE

    def accept(self, suffix: str = "") -> str:
        """Return the Accept header: with metadata only, where that is enough."""
        return _METADATA_ONLY.format(suffix) if self.metadata_only else "application/json"


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class WatchEvent(msgspec.Struct):
    """A line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR, and the object."""

    type: str
    object: msgspec.Raw = msgspec.Raw(b"null")


class Kube:
    """A connection to one API server. Make it with `connect`."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._session: aiohttp.ClientSession | None = None
        #: By which its certificate is held, where that is not the name of the host.
        self._name: str | None = client.configuration.tls_server_name or None
        #: Told the method and the path of each request that is sent.
        self.note: Callable[[str, str], None] = lambda *_: None

    async def list(
        self, collection: Collection, trim: Callable[[bytes], bytes] = bytes
    ) -> tuple[Sequence[bytes], str]:
        """Return every object, paged, and the resourceVersion to watch from.

        Each is trimmed as it arrives, so that no more than one page is in memory as it was sent.

        Raises:
            KubeError: no answer, or a refusal.

        """
        objects: list[bytes] = []
        version = ""
        async for page, version in self.pages(collection):  # noqa: B007 -- the last one's counts
            # A Raw is a view of the whole page; copies let the page go.
            objects += (trim(bytes(each)) for each in page)
        return objects, version

    async def pages(
        self, collection: Collection
    ) -> AsyncIterator[tuple[Sequence[bytes | msgspec.Raw], str]]:
        """Yield every object, a page at a time, each with the list's resourceVersion.

        Whoever keeps one of them keeps the page.

        Raises:
            KubeError: no answer, or a refusal.

        """
        query = {
            "limit": str(collection.page),
            "labelSelector": collection.selector,
            "fieldSelector": collection.fields,
        }
        while True:
            data = await self.request(
                "GET", collection.path, query, accept=collection.accept("List")
            )
            page = _decode_page(data, collection.path)
            yield page.items or (), page.metadata.resource_version
            if not page.metadata.continue_:
                return
            query["continue"] = page.metadata.continue_
            # The next one comes while nothing of this one is left.
            del data, page

    async def watch(
        self, collection: Collection, version: str, silence_s: float, taken_up: Callable[[], None]
    ) -> AsyncIterator[WatchEvent]:
        """Yield what happens after `version`, until the server ends the watch.

        `taken_up` is called when the server has taken up the watch, which it tells at once. It
        sends a bookmark about every minute; a silence of `silence_s` seconds counts as a broken
        connection.

        Raises:
            KubeError: the connection broke, was silent, or was refused.

        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "labelSelector": collection.selector,
            "fieldSelector": collection.fields,
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_REQUEST_S, sock_read=silence_s)
        headers = {"Accept": collection.accept()}
        async with self._response(
            "GET", collection.path, query, headers, None, timeout
        ) as response:
            await _raise_for_status(response, collection.path)
            taken_up()
            async for line in response.content:
                yield msgspec.json.decode(line, type=WatchEvent)

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        accept: str = "application/json",
        content_type: str = "application/json",
    ) -> bytes:
        """Send one request and return the answer's body.

        Raises:
            KubeError: no answer in 30 s, or a status that is no success.

        """
        timeout = aiohttp.ClientTimeout(total=_REQUEST_S)
        # Big answers would be packed and unpacked, which costs both sides more than the way does.
        headers = {
            "Accept": accept,
            "Accept-Encoding": "identity",
            "Content-Type": content_type,
        }
        async with self._response(method, path, query or {}, headers, body, timeout) as response:
            await _raise_for_status(response, path)
            return await response.read()

    async def aclose(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()

    @property
    def client(self) -> ApiClient:
        """The client of kubernetes.aio, for what of that library works on it."""
        return self._client

    @asynccontextmanager
    async def _response(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: dict[str, str],
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 -- aiohttp's own type, with its parts
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        self.note(method, path)
        await self._client.update_params_for_auth(
            headers, [], ["BearerToken"], path, method, body, request_auth=None
        )
        url = f"{self._client.configuration.host}{path}?{urlencode(query)}"
        data = None if body is None else _encode(body)
        try:
            async with self._connection().request(
                method, url, headers=headers, data=data, timeout=timeout, server_hostname=self._name
            ) as response:
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError) as error:
            raise KubeError(f"{method} {path}: {str(error) or type(error).__name__}") from error

    def _connection(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = _open_session(self._client)
        return self._session


def _encode(body: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    """Return a body as JSON that is YAML, too: as that it is read where it is applied.

    YAML takes some characters for line breaks and refuses others, unless they are escaped; of the
    surrogates that JSON escapes what is beyond U+FFFF by, it knows nothing.
    """
    text = msgspec.json.encode(body).decode()
    return _ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _open_session(client: ApiClient) -> aiohttp.ClientSession:
    """Connect as the configuration says: by its CA and certificate, name and proxy."""
    configuration = client.configuration
    rest = client.rest_client
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            ssl=rest.ssl_context, limit=configuration.connection_pool_maxsize
        ),
        trust_env=bool(getproxies()),
        read_bufsize=_LINE,
        proxy=rest.proxy or None,
    )


def _decode_page(data: bytes, path: str) -> _List:
    try:
        return msgspec.json.decode(data, type=_List)
    except msgspec.DecodeError as error:
        raise KubeError(f"{path}: the answer is no list: {error}") from error


async def _raise_for_status(response: aiohttp.ClientResponse, path: str) -> None:
    if not response.ok:
        text = (await response.text())[:500]
        raise KubeError(f"{path}: {response.status} {text}", response.status)


def _word(error: Exception) -> str:
    """Return what a configuration's error says; Python's own mean nothing without their names."""
    is_worded = isinstance(error, config.ConfigException | OSError)
    return " ".join(str(error).split()) if is_worded else describe(error)


@asynccontextmanager
async def connect(kubeconfig: str | None) -> AsyncIterator[Kube]:
    """Connect with a kubeconfig file, or as the pod's ServiceAccount where there is none.

    Raises:
        KubeError: the configuration can't be read.

    """
    configuration = Configuration()
    try:
        if kubeconfig is not None:
            await config.load_kube_config(  # type: ignore[no-untyped-call] # not typed upstream
                kubeconfig, client_configuration=configuration
            )
        else:
            config.load_incluster_config(configuration)  # type: ignore[no-untyped-call] # as above
        # For each request aiohttp would look for a proxy, and read ~/.netrc: also for the Lease.
        configuration.client_session_kwargs = {"trust_env": bool(getproxies())}
        client = ApiClient(configuration)
    # The library looks at nothing before it uses it: any error of Python's may come of a bad file.
    except Exception as error:
        source = kubeconfig or "the pod's ServiceAccount (no --kubeconfig was given)"
        raise KubeError(f"can't read the configuration from {source}: {_word(error)}") from error
    async with client, aclosing(Kube(client)) as kube:
        yield kube
