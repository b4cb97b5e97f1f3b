"""Requests to HTTP endpoints of subscribers: to which addresses they may go, and what counts as an answer."""

from __future__ import annotations

import importlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from wakeful import limits
from wakeful.fabric.service import Node
from wakeful.services.sns.errors import AuthorizationErrorException, InvalidParameterException

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

log = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = tuple(
    map(ipaddress.ip_network, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::/32", "fd20:ce::/32"))
)
"""Where clouds tell their machines secrets, beside the addresses of the link."""

_SITE = ipaddress.IPv6Network("fec0::/10")
"""Once for what fd00::/8 is for now."""

_STANDING_FOR_OTHERS = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
"""Addresses whose last 32 bits are the address of version 4 that packets to them end at."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request. `status` is None where nobody answered."""

    status: int | None
    text: str
    is_final: bool = False
    """Whether to ask again would not help."""

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class NotAllowed(OSError):
    """The address is none to which messages may go."""


def check_endpoint(endpoint: str, scheme: str, *, has_internal: bool) -> None:
    """Raises what SNS answers unless it may be an endpoint. Where its name leads is looked at with every connection."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidParameterException("Invalid parameter: Endpoint") from None
    if parts.scheme != scheme:
        raise InvalidParameterException("Invalid parameter: Endpoint must match the specified protocol")
    is_readable = endpoint.isascii() and endpoint.isprintable() and " " not in endpoint
    if not host or port == 0 or not is_readable or len(endpoint) > limits.SNS_URL_CHARS_MAX:
        raise InvalidParameterException("Invalid parameter: Endpoint")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        is_allowed = has_internal or not (host == "localhost" or host.endswith(".localhost"))
    else:
        is_allowed = may_reach(address, has_internal=has_internal)
    if not is_allowed:
        raise AuthorizationErrorException("Not authorized to subscribe internal endpoints")


def may_reach(address: Address, *, has_internal: bool) -> bool:
    """Whether a message may go there. Never to a link's own addresses, among which clouds have their metadata."""
    if isinstance(address, ipaddress.IPv6Address):
        address = _meant(address)
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if any(address in network for network in _METADATA):
        return False
    return has_internal or (address.is_global and address not in _SITE)


def _meant(address: ipaddress.IPv6Address) -> Address:
    """The address of version 4 that this one stands for, else itself."""
    if address.sixtofour is not None:
        return address.sixtofour
    is_plain = address.is_loopback or address.is_unspecified
    if not is_plain and any(address in network for network in _STANDING_FOR_OTHERS):
        return ipaddress.IPv4Address(address.packed[-4:])
    return address


def without_credentials(endpoint: str) -> str:
    """The endpoint as notes and logs may show it."""
    parts = urlsplit(endpoint)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@asynccontextmanager
async def session(node: Node) -> AsyncIterator[ClientSession]:
    """Connections that last as long as the block."""
    # It takes its time to load, and most nodes have no use for it.
    aiohttp = await node.aside(importlib.import_module, "aiohttp")
    from wakeful.services.sns.lookup import Lookup

    has_internal = node.config.has_internal_endpoints

    def opened(found: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, where = found
        if not may_reach(ipaddress.ip_address(where[0].partition("%")[0]), has_internal=has_internal):
            raise NotAllowed(f"messages may not go to {where[0]}")
        return socket.socket(family, kind, protocol)

    connector = aiohttp.TCPConnector(
        limit=limits.SNS_HTTP_AT_ONCE,
        ssl=await _trust(node),
        socket_factory=opened,
        resolver=Lookup(node),
        ttl_dns_cache=None,
    )
    tracing = aiohttp.TraceConfig()
    tracing.on_connection_reuseconn.append(_note_old)
    tracing.on_connection_create_start.append(_note_new)
    async with aiohttp.ClientSession(
        connector=connector,
        trace_configs=[tracing],
        timeout=aiohttp.ClientTimeout(total=limits.SNS_HTTP_TIMEOUT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,  # nobody asked for what would have to be unpacked, and it is no reason to fail
    ) as opened_session:
        yield opened_session


async def post(session: ClientSession, endpoint: str, headers: Mapping[str, str], body: str) -> Answer:
    """What the endpoint answered. Redirects are not followed: they would lead where nobody subscribed."""
    import aiohttp

    url, middlewares = _credentials(endpoint)
    while True:
        line = _Line()
        try:
            async with session.post(
                url,
                data=body.encode(),
                headers=headers,
                allow_redirects=False,
                middlewares=middlewares,
                trace_request_ctx=line,
            ) as response:
                return Answer(response.status, await _beginning(response), is_final=300 <= response.status < 500)
        except TimeoutError:
            return Answer(None, f"no answer within {limits.SNS_HTTP_TIMEOUT_S:.0f} seconds")
        except aiohttp.InvalidURL:
            return Answer(None, "the endpoint is no URL", is_final=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if line.is_old and isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
                continue  # the endpoint was about to close it, and need not have seen the message
            return Answer(None, f"{type(error).__name__}: {error}", is_final=_is_forbidden(error))


@dataclass(slots=True)
class _Line:
    """The connection of a request."""

    is_old: bool = False
    """Whether another request came before. One that fails is used no more, so there is an end to them."""


async def _note_old(session: ClientSession, context: Any, params: Any) -> None:
    context.trace_request_ctx.is_old = True


async def _note_new(session: ClientSession, context: Any, params: Any) -> None:
    context.trace_request_ctx.is_old = False


async def _beginning(response: ClientResponse) -> str:
    """What an answer begins with. Its status stands, though the rest should break off: the endpoint has the message."""
    import aiohttp

    try:
        return (await response.content.read(limits.SNS_HTTP_ANSWER_BYTES_MAX)).decode(errors="replace")
    except aiohttp.ClientPayloadError:
        return ""


def _credentials(endpoint: str) -> tuple[str, tuple[Any, ...]]:
    """The URL without its user and password, and what answers a server that asks for them."""
    import aiohttp

    parts = urlsplit(endpoint)
    if parts.username is None:
        return endpoint, ()
    user, password = unquote(parts.username), unquote(parts.password or "")

    async def basic(request: Any, handler: Callable[[Any], Any]) -> Any:
        response = await handler(request)
        asked = response.headers.get("www-authenticate", "").lower()
        if response.status != 401 or not asked.startswith("basic"):
            return response
        response.release()
        request.headers["Authorization"] = aiohttp.encode_basic_auth(user, password)
        return await handler(request)

    return without_credentials(endpoint), (basic, aiohttp.DigestAuthMiddleware(user, password))


def _is_forbidden(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, NotAllowed) or isinstance(getattr(seen, "os_error", None), NotAllowed):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


async def _trust(node: Node) -> ssl.SSLContext:
    """Whose certificates an HTTPS endpoint may have: what this machine trusts, and what the node was told to."""

    async def read() -> ssl.SSLContext:
        context = ssl.create_default_context()
        if node.config.trust is not None:
            context.load_verify_locations(node.config.trust)
        return context

    return await node.caches.get("sns.trust", "context", read)
