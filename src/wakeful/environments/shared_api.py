"""The Runtime API of an environment that takes several invocations at a time: as many events as its workers ask for.

Every worker of a runtime asks for events on a connection of its own, and each event is answered by its request id.
Statuses and messages are those of AWS's own emulator for Lambda Managed Instances.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from wakeful import limits, names
from wakeful.environments import report
from wakeful.environments.extensions_api import ExtensionsApi
from wakeful.environments.faults import Answer
from wakeful.environments.runtime_api import (
    NOT_BEFORE_NEXT,
    WITH_CAUSE,
    Host,
    Phase,
    RuntimeApi,
    event_message,
    refuse_size,
    without_cause,
)
from wakeful.environments.runtime_connection import (
    ACCEPTED,
    ERROR_BODY,
    ERROR_TYPE,
    INVOCATION_ID,
    RESPONSE_MODE,
    Connection,
)
from wakeful.environments.streamed import StreamedResponse
from wakeful.environments.version import Invocation, Outcome

_KEPT_ANSWERS_MAX = 16
"""How many of the largest answers may be on their way at a time."""


class Exchange:
    """One invocation: an event that a worker has, and what becomes of it. `over` hears of its answer, once."""

    __slots__ = (
        "answers_at",
        "began",
        "given_at",
        "id",
        "invocation",
        "outcome",
        "over",
        "started_at",
        "streamed",
        "timer",
    )

    def __init__(
        self,
        invocation: Invocation,
        outcome: asyncio.Future[Outcome],
        over: Callable[[Exchange, Answer | StreamedResponse], None],
        *,
        began: float,
        started_at: float,
    ) -> None:
        """`began` is monotonic, `started_at` the node's time."""
        self.invocation = invocation
        self.id = names.new_token()
        self.outcome = outcome
        self.over = over
        self.began = began
        self.started_at = started_at
        self.answers_at: float | None = None
        """When its answer began, monotonic."""
        self.streamed: StreamedResponse | None = None
        self.timer: asyncio.TimerHandle | None = None

    @property
    def request_id(self) -> bytes:
        return self.invocation.request_id.encode()


class SharedApi(RuntimeApi):
    """READY from its first worker on; what is under way is known by request id."""

    def __init__(self, host: Host, extensions: ExtensionsApi, slots: int, on_room: Callable[[], None]) -> None:
        """`on_room` hears when a worker asks for an event and there is none."""
        super().__init__(host, extensions)
        self.connections_max = limits.RUNTIME_CONNECTIONS_MAX + limits.SHARED_CONNECTIONS_PER_SLOT * slots
        self.kept_bytes_max = min(2 + slots, _KEPT_ANSWERS_MAX) * limits.RESPONSE_BYTES_MAX
        self.mode_of_chunks = b"streaming"
        self._on_room = on_room
        self._under_way: dict[bytes, Exchange] = {}
        self._streams: dict[StreamedResponse, Exchange] = {}
        self._late: OrderedDict[bytes, None] = OrderedDict()
        """Request ids of what has timed out and was not answered since, the oldest first."""

    @property
    def has_worker(self) -> bool:
        """Somebody waits for an event."""
        return bool(self._parked)

    def hand(self, exchange: Exchange, deadline_ms: int) -> None:
        """The worker that has waited longest has the event. Only when there is one."""
        self._under_way[exchange.request_id] = exchange
        header = b"Lambda-Runtime-Invocation-Id: %b\r\n" % exchange.id.encode()
        self._parked.popleft().answer(event_message(exchange.invocation, deadline_ms, header))

    def give_up(self, exchange: Exchange) -> None:
        """It has timed out: whoever answers it is told so, and what is being streamed goes nowhere."""
        self._forget(exchange)
        self._late[exchange.request_id] = None
        if len(self._late) > limits.SHARED_LATE_MAX:
            self._late.popitem(last=False)

    def _forget(self, exchange: Exchange) -> None:
        del self._under_way[exchange.request_id]
        if exchange.streamed is not None:
            del self._streams[exchange.streamed]
            exchange.streamed.forget()

    # What connections ask.

    def next_event(self, connection: Connection) -> None:
        if self.phase in NOT_BEFORE_NEXT:
            self.refuse_transition(connection, "Ready")
            return
        connection.is_parked = True
        self._parked.append(connection)
        if self.phase is Phase.STARTED:
            self.phase = Phase.READY
            self.host.runtime_is_ready()
        else:
            self._on_room()

    def response(self, connection: Connection, request_id: bytes) -> None:
        exchange = self._answered(connection, request_id)
        if exchange is None:
            return
        if RESPONSE_MODE in connection.headers:  # one that may stream has begun to by now
            connection.error(400, "InvalidFunctionResponseMode", "Invalid function response mode")
            self._over(exchange, _refused("Runtime.InvalidResponseModeHeader", "Invalid function response mode"))
        elif (body := connection.body) is None:
            size = limits.RESPONSE_BYTES_MAX
            words = f"Response payload size exceeded maximum allowed payload size ({size} bytes)."
            self._over(exchange, _refused("Function.ResponseSizeTooLarge", words))
            refuse_size(connection, size)
        else:
            self._over(exchange, Answer(body, is_error=False))
            connection.answer(ACCEPTED)

    def failure(self, connection: Connection, request_id: bytes) -> None:
        exchange = self._answered(connection, request_id)
        if exchange is None:
            return
        payload = connection.body or b""
        if connection.headers.get(b"content-type") == WITH_CAUSE:
            payload = without_cause(payload)
        self._over(exchange, Answer(payload, is_error=True))
        connection.answer(ACCEPTED)

    def begin_stream(self, connection: Connection, request_id: bytes) -> StreamedResponse | None:
        exchange = self._under_way.get(request_id)
        if exchange is None or exchange.streamed is not None or _is_of_another(connection, exchange):
            return None
        exchange.answers_at = asyncio.get_running_loop().time()
        content_type = connection.text_of(b"content-type")
        exchange.streamed = StreamedResponse(exchange.invocation.sink, content_type, connection.resume)
        self._streams[exchange.streamed] = exchange
        return exchange.streamed

    def end_stream(self, connection: Connection, response: StreamedResponse) -> None:
        exchange = self._streams.get(response)
        if exchange is None:
            _tell_timeout(connection)
            return
        response.end(connection.text_of(ERROR_TYPE), connection.text_of(ERROR_BODY))
        self._over(exchange, response)
        if response.is_too_large:
            refuse_size(connection, response.bytes_max)
        else:
            connection.answer(ACCEPTED)

    def break_off(self, response: StreamedResponse) -> None:
        exchange = self._streams.get(response)
        if exchange is None or self.is_closed:  # late, or broken off with the process, which has its own reason
            return
        response.break_off()
        self._over(exchange, response)

    def _answered(self, connection: Connection, request_id: bytes) -> Exchange | None:
        """What this answers; None where that may not be, and the runtime has been told."""
        exchange = self._under_way.get(request_id)
        if exchange is None and request_id in self._late:
            del self._late[request_id]
            _tell_timeout(connection)
        elif exchange is None or exchange.streamed is not None:
            connection.error(400, "InvalidRequestID", "Invalid request ID")
        elif _is_of_another(connection, exchange):
            _tell_timeout(connection)
        else:
            exchange.answers_at = asyncio.get_running_loop().time()
            return exchange
        return None

    def _over(self, exchange: Exchange, answer: Answer | StreamedResponse) -> None:
        del self._under_way[exchange.request_id]
        if exchange.streamed is not None:
            del self._streams[exchange.streamed]
        exchange.over(exchange, answer)


def _is_of_another(connection: Connection, exchange: Exchange) -> bool:
    """The same request, handed out before and timed out: its worker names the id it got then."""
    named = connection.headers.get(INVOCATION_ID)
    return named is not None and named != exchange.id.encode()


def _tell_timeout(connection: Connection) -> None:
    connection.error(410, "InvokeTimeout", "Invoke timeout")


def _refused(error_type: str, words: str) -> Answer:
    return Answer(report.error_document(error_type, words), is_error=True, error_type=error_type)
