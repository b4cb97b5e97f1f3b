"""The Runtime API: how a runtime inside an environment asks for events and answers them.

One server per environment, on the listening socket that the sandbox made. No task per request: a runtime that asks for
the next event is parked, and the event is written to it when there is one. Statuses, messages and states are those of
AWS's own emulator and of "Using the Lambda runtime API for custom runtimes" in the Lambda guide.
"""

from __future__ import annotations

import enum
import json
from collections import deque
from typing import Protocol

from wakeful import limits
from wakeful.environments.extensions_api import ExtensionsApi
from wakeful.environments.runtime_connection import ACCEPTED, ERROR_BODY, ERROR_TYPE, RESPONSE_MODE, Connection
from wakeful.environments.streamed import StreamedResponse
from wakeful.environments.version import Invocation, Sink

WITH_CAUSE = b"application/vnd.aws.lambda.error.cause+json"


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


NOT_BEFORE_NEXT = frozenset((Phase.INIT_ERROR, Phase.STREAMING, Phase.ENDING, Phase.RESTORE_READY, Phase.RESTORE_ERROR))


class Routes(Protocol):
    """What some runtimes find besides."""

    def answer(self, connection: Connection, method: bytes) -> bool:
        """Whether the connection's request is one of these; it has been answered, or will be."""


class RuntimeApi:
    """The server of one runtime process. A runtime that is started again gets a new one."""

    connections_max = limits.RUNTIME_CONNECTIONS_MAX
    kept_bytes_max = limits.RUNTIME_KEPT_BYTES_MAX

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
        self.is_closed = False
        self.routes: list[Routes] = []

    def close(self) -> None:
        """Nobody is served any more. May be called twice."""
        self.is_closed = True
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
        self._event = event = event_message(invocation, deadline_ms)
        if self._parked:
            self._parked.popleft().answer(event)

    # What connections ask. Every one of these answers exactly once, or parks the connection.

    def next_event(self, connection: Connection) -> None:
        if self.phase is Phase.RUNNING:  # asked again, on a new connection for instance: the same event
            if sum(each.unread_bytes for each in self.connections) > self.kept_bytes_max:
                connection.abort()
                return
            connection.answer(self._event)
            return
        if self.phase in NOT_BEFORE_NEXT:
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
        if RESPONSE_MODE in connection.headers:  # one that may stream has begun to by now
            connection.error(400, "InvalidFunctionResponseMode", "Invalid function response mode")
            return
        self.phase = Phase.RESPONDED
        if (body := connection.body) is None:
            size = limits.RESPONSE_BYTES_MAX
            words = f"Response payload size exceeded maximum allowed payload size ({size} bytes)."
            self.host.runtime_refused("Function.ResponseSizeTooLarge", words)
            refuse_size(connection, size)
        else:
            self.host.runtime_answered(body)
            connection.answer(ACCEPTED)

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
        response.end(connection.text_of(ERROR_TYPE), connection.text_of(ERROR_BODY))
        self.host.runtime_streamed(response)
        if response.is_too_large:
            refuse_size(connection, response.bytes_max)
        else:
            connection.answer(ACCEPTED)

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
        if connection.headers.get(b"content-type") == WITH_CAUSE:
            payload = without_cause(payload)
        self.host.runtime_failed(payload, connection.text_of(ERROR_TYPE))
        connection.answer(ACCEPTED)

    def init_failure(self, connection: Connection) -> None:
        if self.phase is not Phase.STARTED:
            self.refuse_transition(connection, "InitError")
            return
        self.phase = Phase.INIT_ERROR
        self.host.runtime_failed_to_start(connection.body or b"", connection.text_of(ERROR_TYPE))
        connection.answer(ACCEPTED)

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


def refuse_size(connection: Connection, bytes_max: int) -> None:
    connection.error(413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({bytes_max} bytes).")


def event_message(invocation: Invocation, deadline_ms: int, optional: bytes = b"") -> bytes:
    """The answer to /next, written in one piece: a head and a body sent apart cost 40 ms on a delayed ACK."""
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


def without_cause(payload: bytes) -> bytes:
    """What the caller sees of an error document that also carries a cause for X-Ray."""
    try:
        document = json.loads(payload)
    except ValueError:
        return b'"Invalid error body"'
    if not isinstance(document, dict):
        return b'"Invalid error body"'
    shown = {name: document[name] for name in ("errorMessage", "errorType", "stackTrace") if name in document}
    return json.dumps(shown, separators=(",", ":")).encode()
