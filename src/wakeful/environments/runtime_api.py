"""The Runtime API: how a runtime inside an environment asks for events and answers them.

One server per environment, on the listening socket that the sandbox made. No task per request: a runtime that asks for
the next event is parked, and the event is written to it when there is one. Statuses, messages and states are those of
AWS's own emulator and of "Using the Lambda runtime API for custom runtimes" in the Lambda guide.
"""

from __future__ import annotations

import asyncio
import enum
import json
import socket
from collections import deque
from typing import Any, Protocol, cast

import httptools

from wakeful import limits
from wakeful.environments import extensions_api
from wakeful.environments.extensions_api import ExtensionsApi
from wakeful.environments.streamed import StreamedResponse
from wakeful.environments.version import Invocation, Sink

_ROOT = b"/2018-06-01"
_NEXT = _ROOT + b"/runtime/invocation/next"
_INVOCATION = _ROOT + b"/runtime/invocation/"
_INIT_ERROR = _ROOT + b"/runtime/init/error"
_PING = _ROOT + b"/ping"
_LATER = {
    b"/2022-07-01/telemetry": "The Telemetry API",
    b"/2020-08-15/logs": "The Logs API",
}
_ERROR_TYPE = b"lambda-runtime-function-error-type"
_ERROR_BODY = b"lambda-runtime-function-error-body"
_RESPONSE_MODE = b"lambda-runtime-function-response-mode"
_TRANSFER = b"transfer-encoding"
_WITH_CAUSE = b"application/vnd.aws.lambda.error.cause+json"
_HEADERS_READ = (
    frozenset((_ERROR_TYPE, _ERROR_BODY, _RESPONSE_MODE, _TRANSFER, b"authorization", b"content-type", b"expect"))
    | extensions_api.HEADERS
)

_ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {200: b"OK", 400: b"Bad Request", 403: b"Forbidden", 404: b"Not Found", 405: b"Method Not Allowed"}


class Phase(enum.Enum):
    """Where the runtime stands, by AWS's names of the states."""

    STARTED = "Started"
    INIT_ERROR = "InitError"
    RESTORE_READY = "RestoreReady"
    RESTORING = "Restoring"
    RESTORE_ERROR = "RestoreError"
    READY = "Ready"
    RUNNING = "Running"
    STREAMING = "InvocationResponse"
    RESPONDED = "RuntimeResponseSentState"
    ENDING = "Ending"
    """Ours: it was asked to end, and what it says now counts no more."""


class Host(Protocol):
    """Who is told what the runtime says. Called from the connection's callbacks: quick, and never raising."""

    def runtime_is_ready(self) -> None:
        """It asks for an event: INIT is over, or the invocation is."""

    def runtime_answered(self, payload: bytes) -> None: ...

    def runtime_failed(self, payload: bytes, error_type: str | None) -> None: ...

    def runtime_refused(self, error_type: str, message: str) -> None:
        """It answered with something that Lambda does not take; the invocation has failed."""

    def runtime_streams(self, response: StreamedResponse) -> None:
        """It has begun to answer piece by piece."""

    def runtime_streamed(self, response: StreamedResponse) -> None:
        """The response that it streamed is over, one way or another."""

    def runtime_failed_to_start(self, payload: bytes, error_type: str | None) -> None: ...


_NOT_BEFORE_NEXT = frozenset(
    (Phase.INIT_ERROR, Phase.STREAMING, Phase.ENDING, Phase.RESTORE_READY, Phase.RESTORE_ERROR)
)


class Routes(Protocol):
    """What some runtimes find besides."""

    def answer(self, connection: Connection, method: bytes) -> bool:
        """Whether the connection's request is one of these; it has been answered, or will be."""


class RuntimeApi:
    """The server of one runtime process. A runtime that is started again gets a new one."""

    def __init__(self, host: Host, extensions: ExtensionsApi) -> None:
        self.host = host
        self.extensions = extensions
        self.phase = Phase.STARTED
        self.connections: set[Connection] = set()
        self.kept_bytes = 0
        """Of bodies that are not complete, on all connections together."""
        self._request_id = b""
        self._event = b""
        self._sink: Sink | None = None
        self.mode_of_chunks = b""
        """How a response is given that comes in chunks and does not say how. Not every client that streams says so."""
        self._parked: deque[Connection] = deque()
        self._server: asyncio.Server | None = None
        self.routes: Routes | None = None

    async def serve(self, listener: socket.socket) -> None:
        """Connections to `listener` are served from now on. The socket is closed with the server."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=listener)

    def close(self) -> None:
        """Nobody is served any more. May be called twice."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self.connections):
            connection.abort()
        self._parked.clear()

    def end(self) -> None:
        """The host hears nothing of the runtime any more."""
        self.phase = Phase.ENDING

    def give(self, invocation: Invocation, deadline_ms: int) -> None:
        """The runtime's next event. Only when it is ready."""
        assert self.phase is Phase.READY, self.phase
        self.phase = Phase.RUNNING
        self._request_id = invocation.request_id.encode()
        self._sink = invocation.sink
        self.mode_of_chunks = b"buffered" if invocation.sink is None else b"streaming"
        self._event = event = _event(invocation, deadline_ms)
        if self._parked:
            self._parked.popleft().answer(event)

    # What connections ask. Every one of these answers exactly once, or parks the connection.

    def next_event(self, connection: Connection) -> None:
        if self.phase is Phase.RUNNING:  # asked again, on a new connection for instance: the same event
            if sum(each.unread_bytes for each in self.connections) > limits.RUNTIME_KEPT_BYTES_MAX:
                connection.abort()
                return
            connection.answer(self._event)
            return
        if self.phase in _NOT_BEFORE_NEXT:
            self.refuse_transition(connection, "Ready")
            return
        connection.is_parked = True
        self._parked.append(connection)
        if self.phase is not Phase.READY:
            self.phase = Phase.READY
            self._event = b""
            self.host.runtime_is_ready()

    def unpark(self, connection: Connection) -> None:
        """It went away while it waited."""
        if connection in self._parked:
            self._parked.remove(connection)
        else:
            self.extensions.unpark(connection)

    def extension_call(self, connection: Connection, method: bytes, verb: bytes) -> bool:
        """Whether there is such a call; if so, it has been taken care of."""
        is_open = self.phase is Phase.STARTED
        return self.extensions.handle(connection, method, verb, is_open=is_open)

    def response(self, connection: Connection, request_id: bytes) -> None:
        if not self._may_answer(connection, request_id, "InvocationResponse"):
            return
        if _RESPONSE_MODE in connection.headers:  # one that may stream has begun to by now
            connection.error(400, "InvalidFunctionResponseMode", "Invalid function response mode")
            return
        self.phase = Phase.RESPONDED
        if (body := connection.body) is None:
            size = limits.RESPONSE_BYTES_MAX
            words = f"Response payload size exceeded maximum allowed payload size ({size} bytes)."
            self.host.runtime_refused("Function.ResponseSizeTooLarge", words)
            _refuse_size(connection, size)
        else:
            self.host.runtime_answered(body)
            connection.answer(_ACCEPTED)

    def begin_stream(self, connection: Connection, request_id: bytes) -> StreamedResponse | None:
        """A response whose pieces are taken from now on; None where it may not be given."""
        if request_id != self._request_id or self.phase is not Phase.RUNNING:
            return None
        self.phase = Phase.STREAMING
        content_type = connection.text_of(b"content-type")
        response = StreamedResponse(self._sink, content_type, connection.resume)
        self.host.runtime_streams(response)
        return response

    def end_stream(self, connection: Connection, response: StreamedResponse) -> None:
        self.phase = Phase.RESPONDED
        response.end(connection.text_of(_ERROR_TYPE), connection.text_of(_ERROR_BODY))
        self.host.runtime_streamed(response)
        if response.is_too_large:
            _refuse_size(connection, response.bytes_max)
        else:
            connection.answer(_ACCEPTED)

    def break_off(self, response: StreamedResponse) -> None:
        """The connection that it came on is gone."""
        self.phase = Phase.RESPONDED
        response.break_off()
        self.host.runtime_streamed(response)

    def failure(self, connection: Connection, request_id: bytes) -> None:
        if not self._may_answer(connection, request_id, "InvocationErrorResponse"):
            return
        self.phase = Phase.RESPONDED
        payload = connection.body or b""
        if connection.headers.get(b"content-type") == _WITH_CAUSE:
            payload = _without_cause(payload)
        self.host.runtime_failed(payload, connection.text_of(_ERROR_TYPE))
        connection.answer(_ACCEPTED)

    def init_failure(self, connection: Connection) -> None:
        if self.phase is not Phase.STARTED:
            self.refuse_transition(connection, "InitError")
            return
        self.phase = Phase.INIT_ERROR
        self.host.runtime_failed_to_start(connection.body or b"", connection.text_of(_ERROR_TYPE))
        connection.answer(_ACCEPTED)

    def _may_answer(self, connection: Connection, request_id: bytes, wanted: str) -> bool:
        if not request_id or request_id != self._request_id:
            connection.error(400, "InvalidRequestID", "Invalid request ID")
            return False
        if self.phase is not Phase.RUNNING:
            self.refuse_transition(connection, wanted)
            return False
        return True

    def refuse_transition(self, connection: Connection, wanted: str) -> None:
        message = (
            f"State transition from {self.phase.value} to {wanted} failed for runtime. "
            "Error: State transition is not allowed"
        )
        connection.error(403, "InvalidStateTransition", message)


class _TooMuch(Exception):
    """Ends the parsing of a request."""


class Connection(asyncio.Protocol):
    """One keep-alive connection of a runtime. What is not HTTP closes it."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._head_bytes = 0
        """What came since the last thing that was complete; a part of a head, the parser keeps for itself."""
        self.is_parked = False
        self.url = b""
        self.headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._kept_bytes = 0
        self._streamed: StreamedResponse | None = None
        self._closes = False
        self._is_reading = False
        self._answers: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without saying so
        if len(self._api.connections) >= limits.RUNTIME_CONNECTIONS_MAX:
            self._transport.abort()
            return
        self._api.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._api.connections.discard(self)
        self._forget_body()
        if self.is_parked:
            self._api.unpark(self)
        if self._streamed is not None:
            streamed, self._streamed = self._streamed, None
            self._api.break_off(streamed)

    def data_received(self, data: bytes) -> None:
        if self.is_parked:  # it spoke before it was answered
            self.abort()
            return
        self._is_reading = True
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
            if self._head_bytes > limits.RUNTIME_HEAD_BYTES_MAX:
                self.abort()
        except httptools.HttpParserCallbackError as error:
            self.abort()
            if error.__context__ is not None and not isinstance(error.__context__, _TooMuch):
                raise error.__context__ from None  # ours, not the runtime's
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.abort()
        finally:
            self._is_reading = False
        if self._answers and not self.is_parked:
            self._flush()

    def on_url(self, url: bytes) -> None:
        self.url = self.url + url if self.url else url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _HEADERS_READ:
            self.headers[name] = value

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        if b"expect" in self.headers and self.headers[b"expect"].lower() == b"100-continue":
            self._answers.append(_CONTINUE)
        mode = self.headers.get(_RESPONSE_MODE, self._api.mode_of_chunks if _TRANSFER in self.headers else b"")
        if mode.lower() == b"streaming":
            request_id, _, verb = self.url.removeprefix(_INVOCATION).rpartition(b"/")
            if verb == b"response" and self._parser.get_method() == b"POST":
                self.headers.pop(_ERROR_TYPE, None)  # how it ends is said at its end
                self._streamed = self._api.begin_stream(self, request_id)

    def on_body(self, data: bytes) -> None:
        self._head_bytes = 0
        if self._streamed is not None:
            transport = self._transport
            if not self._streamed.add(data) and transport is not None and not transport.is_closing():
                transport.pause_reading()
            return
        self._body_bytes += len(data)
        if self._body_bytes > limits.RESPONSE_BYTES_MAX:  # read to its end, so that the runtime hears why, and not kept
            self._forget_body()
        elif self._api.kept_bytes + len(data) > limits.RUNTIME_KEPT_BYTES_MAX:
            raise _TooMuch
        else:
            self._body.append(data)
            self._kept_bytes += len(data)
            self._api.kept_bytes += len(data)

    def on_message_complete(self) -> None:
        if self.is_parked:
            self.abort()
            return
        self._closes = not self._parser.should_keep_alive()
        if self._streamed is not None:
            streamed, self._streamed = self._streamed, None
            self._api.end_stream(self, streamed)
        else:
            self._route()
        self.url = b""
        self._head_bytes = 0
        if self._body_bytes:
            self._forget_body()
            self._body_bytes = 0
        if self.headers:
            self.headers = {}

    def _route(self) -> None:
        url, method = self.url, self._parser.get_method()
        if url.startswith(_INVOCATION):
            if url == _NEXT:
                if method == b"GET":
                    self._api.next_event(self)
                else:
                    self.plain(405, b"")
                return
            request_id, _, verb = url[len(_INVOCATION) :].rpartition(b"/")
            if verb not in (b"response", b"error") or b"/" in request_id:
                self._not_found()
            elif method != b"POST":
                self.plain(405, b"")
            elif verb == b"response":
                self._api.response(self, request_id)
            else:
                self._api.failure(self, request_id)
        elif url == _INIT_ERROR and method == b"POST":
            self._api.init_failure(self)
        elif url == _PING and method == b"GET":
            self.plain(200, b"pong")
        elif url in (_INIT_ERROR, _PING):
            self.plain(405, b"")
        elif self._api.routes is not None and self._api.routes.answer(self, method):
            return
        elif url.startswith(extensions_api.ROOT):
            if not self._api.extension_call(self, method, url[len(extensions_api.ROOT) :]):
                self._not_found()
        else:
            self._not_found()

    def answer(self, message: bytes) -> None:
        """To a runtime that sent its answer and its next question in one piece, both replies go in one piece too."""
        self.is_parked = False
        if self.unread_bytes > limits.RUNTIME_UNREAD_BYTES_MAX:
            self.abort()
            return
        self._answers.append(message)
        if not self._is_reading:
            self._flush()

    def error(self, status: int, error_type: str, message: str) -> None:
        body = json.dumps({"errorMessage": message, "errorType": error_type}, separators=(",", ":")).encode()
        self.answer(_message(status, b"application/json", body + b"\n"))

    def accept(self) -> None:
        self.answer(_ACCEPTED)

    def _flush(self) -> None:
        message = self._answers[0] if len(self._answers) == 1 else b"".join(self._answers)
        self._answers.clear()
        if self._transport is not None:
            self._transport.write(message)
            if self._closes:
                self._transport.close()

    @property
    def body(self) -> bytes | None:
        """The request's body; None where it is larger than a response may be."""
        if self._body_bytes > limits.RESPONSE_BYTES_MAX:
            return None
        return self._body[0] if len(self._body) == 1 else b"".join(self._body)

    @property
    def unread_bytes(self) -> int:
        """What was said to the runtime and is still here."""
        unsent = sum(map(len, self._answers))
        return unsent if self._transport is None else unsent + self._transport.get_write_buffer_size()

    def _forget_body(self) -> None:
        self._body.clear()
        self._api.kept_bytes -= self._kept_bytes
        self._kept_bytes = 0

    def text_of(self, header: bytes) -> str | None:
        value = self.headers.get(header)
        return value.decode("utf-8", "replace") if value is not None else None

    def resume(self) -> None:
        """Its data is wanted again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _not_found(self) -> None:
        for prefix, name in _LATER.items():
            if self.url.startswith(prefix):
                call = f"{self._parser.get_method().decode()} {self.url.decode('utf-8', 'replace')}"
                self.error(404, "NotImplemented", f"{name} is not implemented in Wakeful yet ({call}).")
                return
        self.plain(404, b"404 page not found\n")

    def plain(self, status: int, body: bytes) -> None:
        self.answer(_message(status, b"text/plain; charset=utf-8", body))


def _refuse_size(connection: Connection, bytes_max: int) -> None:
    connection.error(413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({bytes_max} bytes).")


def _message(status: int, content_type: bytes, body: bytes) -> bytes:
    reason = _REASONS.get(status, b"Error")
    head = (status, reason, content_type, len(body))
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % head + body


def _event(invocation: Invocation, deadline_ms: int) -> bytes:
    """The answer to /next, written in one piece: a head and a body sent apart cost 40 ms on a delayed ACK."""
    optional = b""
    if invocation.trace is not None:
        optional += b"Lambda-Runtime-Trace-Id: %b\r\n" % invocation.trace.header.encode()
    if invocation.client_context:
        optional += b"Lambda-Runtime-Client-Context: %b\r\n" % _value(invocation.client_context)
    if invocation.cognito_identity:
        optional += b"Lambda-Runtime-Cognito-Identity: %b\r\n" % _value(invocation.cognito_identity)
    if invocation.tenant_id:
        optional += b"Lambda-Runtime-Aws-Tenant-Id: %b\r\n" % _value(invocation.tenant_id)
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: %b\r\n"
        b"Lambda-Runtime-Deadline-Ms: %d\r\nLambda-Runtime-Invoked-Function-Arn: %b\r\n%bContent-Length: %d\r\n\r\n%b"
    ) % (
        invocation.request_id.encode(),
        deadline_ms,
        invocation.invoked_arn.encode(),
        optional,
        len(invocation.payload),
        invocation.payload,
    )


def _value(text: str) -> bytes:
    """A header's value on one line, whatever the caller sent: JSON means the same without its line breaks."""
    return text.replace("\r", " ").replace("\n", " ").encode()


def _without_cause(payload: bytes) -> bytes:
    """What the caller sees of an error document that also carries a cause for X-Ray."""
    try:
        document = json.loads(payload)
    except ValueError:
        return b'"Invalid error body"'
    if not isinstance(document, dict):
        return b'"Invalid error body"'
    shown = {name: document[name] for name in ("errorMessage", "errorType", "stackTrace") if name in document}
    return json.dumps(shown, separators=(",", ":")).encode()
