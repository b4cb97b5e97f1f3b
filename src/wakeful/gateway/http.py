"""What happens to a request: identify → authenticate → read → perform → write. One application, whatever the socket.

Requests come from outside, or from inside a sandbox: then the environment is known by the socket they came through,
and what they cause is caused by the invocation that runs there.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote

from wakeful import names
from wakeful.fabric.call import perform
from wakeful.fabric.front import FROM_TOPIC
from wakeful.fabric.service import Call, Node, Principal, Service
from wakeful.fabric.trace import Trace, new_trace, of_header
from wakeful.gateway import pages
from wakeful.gateway.admin import Admin, is_chaos, is_work
from wakeful.gateway.authenticate import Authenticator
from wakeful.gateway.bodies import BodyTooLarge, ClientGone, whole
from wakeful.gateway.fronts import Fronts
from wakeful.gateway.server import ANSWER_WHOLE, ENDS_AT, HAS_LEFT, AnswerWhole
from wakeful.wire import codec
from wakeful.wire.detect import Catalogue
from wakeful.wire.errors import AwsError, InternalFailure
from wakeful.wire.message import BrokenOff, HttpRequest, HttpResponse
from wakeful.wire.target import Target

log = logging.getLogger(__name__)

_NOT_ROOT = b'{"message":"this needs a signature by the root of an account"}'

_NOT_HERE = b'{"message":"functions are worked on from the machine on which the node runs"}'

_NO_ENDPOINT = b'{"message":"a node takes no messages of topics, but at the URLs of functions"}'

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Origin(Protocol):
    """The environment a request came out of."""

    @property
    def principal(self) -> Principal:
        """The function's role session."""

    @property
    def leaves_nothing_open(self) -> bool:
        """Whether its connections end with each answer."""

    def trace_of(self, header: str | None) -> Trace | None:
        """Of what the invocation running there causes; of several, the one whose header this call carries."""


@dataclass(frozen=True, slots=True)
class Visit:
    """How a request came to us."""

    scheme: str
    client: str
    origin: Origin | None
    has_left: Callable[[], bool]
    ends_at: Callable[[float], None]


class Gateway:
    def __init__(self, node: Node, services: Mapping[str, Service], authenticator: Authenticator, admin: Admin) -> None:
        self._node = node
        self._services = services
        self._authenticator = authenticator
        self._admin = admin
        self._catalogue = Catalogue(tuple(services))
        self._fronts = Fronts(node, services, authenticator, self._catalogue)

    def app(self, origin: Origin | None = None) -> Callable[[Any, Receive, Send], Coroutine[Any, Any, None]]:
        """The ASGI application for one socket."""

        async def answer(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            http = _request(scope)
            client = scope["client"][0] if scope["client"] else "127.0.0.1"
            body = _Incoming(receive)
            extensions = scope["extensions"]
            visit = Visit(scope["scheme"], client, origin, extensions[HAS_LEFT], extensions[ENDS_AT])
            response = await self.answer(http, body.pieces(), visit)
            if origin is not None and origin.leaves_nothing_open:
                response.headers["connection"] = "close"
            elif "expect" in http.headers and not body.was_asked_for:
                # The client waits to be told to send its body, and will not send it now. Where the next request would
                # begin, nobody could say.
                response.headers["connection"] = "close"
            await _send(response, http.method, send, scope["extensions"][ANSWER_WHOLE])

        return answer

    async def answer(self, http: HttpRequest, pieces: AsyncIterator[bytes], visit: Visit) -> HttpResponse:
        """The response to a request whose body comes in `pieces`. Never raises."""
        try:
            door = self._fronts.door_of(http)
            if door is not None:
                return await self._fronts.answer(door, http, pieces, visit, self._trace(http, visit.origin))
            if FROM_TOPIC in http.headers:
                return HttpResponse(403, {"content-type": "application/json"}, _NO_ENDPOINT)
            if http.path == "/_wakeful" or http.path.startswith("/_wakeful/"):
                http.body = await whole(pieces)
                return await self._administer(http, visit)
            is_whole = self._catalogue.needs_body(http)
            if is_whole:
                http.body = await whole(pieces)
            return await self._answer(self._catalogue.identify(http), http, None if is_whole else pieces, visit)
        except BodyTooLarge:
            return HttpResponse(413)
        except ClientGone:
            return HttpResponse(400)  # nobody is there to read it

    async def _administer(self, http: HttpRequest, visit: Visit) -> HttpResponse:
        try:
            is_ours = self._node.config.is_loopback and not pages.is_from_elsewhere(http)
            # A package's address is a secret, and has the name by which the node was asked for it.
            is_ours = is_ours and (pages.is_for_this_machine(http) or http.path.startswith("/_wakeful/packages/"))
            if is_work(http):  # more than to look and to move the time: it does what UpdateFunctionCode does
                is_ours = is_ours and await self._authenticator.is_open()
                if not _is_loopback(visit.client):
                    return HttpResponse(403, {"content-type": "application/json"}, _NOT_HERE)
            elif is_chaos(http):
                is_ours = is_ours and await self._authenticator.is_open()
            signer = None if is_ours else await self._authenticator.root_of(http)
        except AwsError:
            is_ours, signer = False, None
        if not is_ours and signer is None and visit.origin is None:
            return HttpResponse(403, {"content-type": "application/json"}, _NOT_ROOT)
        is_inside = visit.origin is not None
        return await self._admin.answer(http, http.body, is_inside=is_inside, has_left=visit.has_left, signer=signer)

    async def _answer(
        self, target: Target, http: HttpRequest, pieces: AsyncIterator[bytes] | None, visit: Visit
    ) -> HttpResponse:
        request_id = names.new_uuid()
        try:
            return await self._perform(target, http, pieces, request_id, visit)
        except AwsError as error:
            return codec.error(target, error, request_id, http)
        except (BodyTooLarge, ClientGone):
            raise
        except Exception:
            log.exception("request %s failed: %s %s", request_id, http.method, http.path)
            return codec.error(target, InternalFailure(), request_id, http)

    async def _perform(
        self,
        target: Target,
        http: HttpRequest,
        pieces: AsyncIterator[bytes] | None,
        request_id: str,
        visit: Visit,
    ) -> HttpResponse:
        operation = target.operation
        if operation is None:
            assert target.error is not None
            raise target.error
        address = self._catalogue.path_style(http) if target.service == "s3" else None
        identity = await self._authenticator.admit(http, pieces, target, visit.origin, address=address)
        call = Call(
            account=identity.principal.account,
            region=identity.region,
            principal=identity.principal,
            request_id=request_id,
            trace=self._trace(http, visit.origin),
            endpoint=f"{visit.scheme}://{http.headers.get('host', '127.0.0.1')}",
            source_ip=visit.client,
            has_left=visit.has_left,
            ends_at=visit.ends_at,
        )
        service = self._services[operation.service]
        request = operation.read(target, http)
        result = await perform(self._node, call, service, operation.name, request, operation.check)
        return operation.write(result or {}, request_id, http)

    def _trace(self, http: HttpRequest, origin: Origin | None) -> Trace:
        header = http.headers.get("x-amzn-trace-id")
        if header is not None:
            header = unquote(header)  # boto3 sends it quoted
        if origin is not None and (trace := origin.trace_of(header)) is not None:
            return trace
        said = of_header(header) if header is not None else None
        return said or new_trace(self._node.clock.now())


def _is_loopback(client: str) -> bool:
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False


def _request(scope: dict[str, Any]) -> HttpRequest:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
    )


class _Incoming:
    """The body of one request, on its way."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.was_asked_for = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """Raises ClientGone."""
        while True:
            self.was_asked_for = True
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone("the client went away in the middle of its request")
            piece = message.get("body", b"")
            if piece:
                yield piece
            if not message.get("more_body", False):
                return


async def _send(response: HttpResponse, method: str, send: Send, answer_whole: AnswerWhole) -> None:
    told = (*response.headers.items(), *response.more_headers)
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in told]
    if response.stream is None:
        if "content-length" not in response.headers:
            headers.append((b"content-length", b"%d" % len(response.body)))
        await answer_whole(response.status, headers, b"" if method == "HEAD" else response.body)
        return
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if method == "HEAD":
        await send({"type": "http.response.body", "body": b""})
        return
    try:
        async for piece in response.stream:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except BrokenOff:
        return  # an answer that is left unfinished ends the connection
    await send({"type": "http.response.body", "body": b""})
