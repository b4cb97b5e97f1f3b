"""InvokeWithResponseStream: what a function answers goes to the caller piece by piece, as it comes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.environments.version import Invocation, Outcome, RestoreFailed, Throttled, Version
from wakeful.fabric.service import Call, Node
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import disturbed, recursion, runs
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.services.lambda_.invoke import check_payload, client_context, too_many
from wakeful.services.lambda_.references import reference

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


@api.waits_and_notes
async def invoke_with_response_stream(
    call: Call, node: Node, request: shapes.InvokeWithResponseStreamRequest
) -> shapes.InvokeWithResponseStreamResponse:
    """Answers when the function's first piece is there, or all it had to say; DryRun checks.

    A caller who leaves does not stop the function.
    """
    payload = request.get("Payload") or b"{}"
    function = reference(call, request["FunctionName"], request.get("Qualifier"))
    tenant = request.get("TenantId")
    version = runs.for_tenant((await runs.target(node, function)).pick(), tenant)
    if version.durable is not None:
        raise InvalidParameterValueException("InvokeWithResponseStream is not supported for durable functions.")
    check_payload(payload, "RequestResponse")
    if request.get("InvocationType") == "DryRun":
        return {"StatusCode": 204}
    await recursion.check(node, function, call.trace)
    pieces = Pieces()
    invocation = runs.invocation_of(
        call.trace,
        payload,
        function.qualified,
        request_id=call.request_id,
        client_context=client_context(request.get("ClientContext")),
        tenant=tenant,
        log_tail=request.get("LogType") == "Tail",
        sink=pieces,
        kind="ResponseStream",
        source=call.principal.arn,
    )
    run = await begin(node, version, invocation, pieces, call.trace)
    return {
        "StatusCode": 200,
        "ExecutedVersion": version.version,
        "EventStream": _events(run, pieces, with_log=invocation.log_tail),
    }


async def begin(
    node: Node, version: Version, invocation: Invocation, pieces: Pieces, trace: Trace
) -> asyncio.Task[Outcome]:
    """The invocation under way, when its first piece is there, or all that the function had to say.

    `pieces` is the invocation's sink. Raises what Lambda answers where it may not run, or the node cannot run it.
    """
    try:
        if node.chaos.running:
            await disturbed.admit(node, version, invocation, trace)
    except Throttled as throttled:
        raise too_many(throttled) from throttled
    run = runs.start(node, version, invocation, trace)
    run.add_done_callback(lambda _: pieces.end())
    await pieces.wait()
    if run.done() and isinstance(refusal := run.exception(), Throttled):
        raise too_many(refusal) from refusal
    if run.done() and isinstance(failure := run.exception(), RestoreFailed):
        raise runs.not_restored(failure) from failure
    if run.done():
        run.result()  # what the node could not do is said before the stream begins
    return run


async def _events(
    run: asyncio.Future[Outcome], pieces: Pieces, *, with_log: bool
) -> AsyncGenerator[dict[str, Any], None]:
    """A PayloadChunk for every piece, and InvokeComplete, which says how it ended."""
    try:
        async for piece in pieces.each():
            yield {"PayloadChunk": {"Payload": piece}}
        outcome = await run
        complete: dict[str, str] = {}
        if outcome.error is not None:
            complete["ErrorCode"] = outcome.broken_by or outcome.error
            complete["ErrorDetails"] = outcome.payload.decode("utf-8", "replace")
        elif outcome.payload:  # it answered in one piece
            yield {"PayloadChunk": {"Payload": outcome.payload}}
        if with_log:
            complete["LogResult"] = base64.b64encode(outcome.log_tail).decode()
        yield {"InvokeComplete": complete}
    finally:
        pieces.leave()


class Pieces:
    """What a function has said and its caller has not yet read. A `Sink`; when it is full, the function waits."""

    def __init__(self) -> None:
        self.content_type: str | None = None
        """As the function said; None until it has begun to answer in pieces."""
        self._unread: list[bytes] = []
        self._unread_bytes = 0
        self._resume: Callable[[], None] | None = None
        self._is_full = False
        self._is_over = False
        self._is_left = False
        self._news = asyncio.Event()

    def begin(self, content_type: str, resume: Callable[[], None]) -> None:
        self.content_type = content_type
        self._resume = resume

    def write(self, piece: bytes) -> bool:
        if self._is_left:
            return True
        self._unread.append(piece)
        self._unread_bytes += len(piece)
        self._is_full = self._unread_bytes >= limits.LAMBDA_STREAM_UNREAD_BYTES
        self._news.set()
        return not self._is_full

    def end(self) -> None:
        """Nothing more will come."""
        self._is_over = True
        self._news.set()

    async def wait(self) -> None:
        """Returns when there is a piece, or there will be none."""
        await self._news.wait()

    async def each(self) -> AsyncGenerator[bytes, None]:
        """Every piece, until the end."""
        while True:
            self._news.clear()
            unread = self._take()
            for piece in unread:
                yield piece
            if not unread:
                if self._is_over:
                    return
                await self._news.wait()

    def leave(self) -> None:
        """Nobody reads any more: what comes is forgotten, and the function is not held up."""
        self._is_left = True
        self._take()

    def _take(self) -> list[bytes]:
        unread, self._unread = self._unread, []
        self._unread_bytes = 0
        if self._is_full and self._resume is not None:
            self._is_full = False
            self._resume()
        return unread
