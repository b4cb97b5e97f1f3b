"""One connection of a runtime or an extension to its Runtime API: requests are read, routed and answered."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import httptools

from wakeful import limits
from wakeful.environments import extensions_api
from wakeful.environments.streamed import StreamedResponse

if TYPE_CHECKING:
    from wakeful.environments.runtime_api import RuntimeApi

_ROOT = b"/2018-06-01"
_NEXT = _ROOT + b"/runtime/invocation/next"
INVOCATION = _ROOT + b"/runtime/invocation/"
_INIT_ERROR = _ROOT + b"/runtime/init/error"
_PING = _ROOT + b"/ping"
ERROR_TYPE = b"lambda-runtime-function-error-type"
ERROR_BODY = b"lambda-runtime-function-error-body"
RESPONSE_MODE = b"lambda-runtime-function-response-mode"
INVOCATION_ID = b"lambda-runtime-invocation-id"
_TRANSFER = b"transfer-encoding"
_HEADERS_READ = (
    frozenset((ERROR_TYPE, ERROR_BODY, RESPONSE_MODE, INVOCATION_ID, _TRANSFER))
    | {b"authorization", b"content-type", b"expect"}
    | extensions_api.HEADERS
)

ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {200: b"OK", 400: b"Bad Request", 403: b"Forbidden", 404: b"Not Found", 405: b"Method Not Allowed"}


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
        # One that was accepted at the moment of the end has nobody else to close it.
        if self._api.is_closed or len(self._api.connections) >= self._api.connections_max:
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
        mode = self.headers.get(RESPONSE_MODE, self._api.mode_of_chunks if _TRANSFER in self.headers else b"")
        if mode.lower() == b"streaming":
            request_id, _, verb = self.url.removeprefix(INVOCATION).rpartition(b"/")
            if verb == b"response" and self._parser.get_method() == b"POST":
                self.headers.pop(ERROR_TYPE, None)  # how it ends is said at its end
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
        elif self._api.kept_bytes + len(data) > self._api.kept_bytes_max:
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
        if url.startswith(INVOCATION):
            if url == _NEXT:
                if method == b"GET":
                    self._api.next_event(self)
                else:
                    self.plain(405, b"")
                return
            request_id, _, verb = url[len(INVOCATION) :].rpartition(b"/")
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
        elif any(routes.answer(self, method) for routes in self._api.routes):
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

    def json(self, body: bytes) -> None:
        self.answer(_message(200, b"application/json", body))

    def accept(self) -> None:
        self.answer(ACCEPTED)

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
        self.plain(404, b"404 page not found\n")

    def plain(self, status: int, body: bytes) -> None:
        self.answer(_message(status, b"text/plain; charset=utf-8", body))


def _message(status: int, content_type: bytes, body: bytes) -> bytes:
    reason = _REASONS.get(status, b"Error")
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        reason,
        content_type,
        len(body),
        body,
    )
