"""A function URL in InvokeMode RESPONSE_STREAM: what the function writes goes to the HTTP client as it comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator

from wakeful import limits
from wakeful.environments.version import Invocation, Outcome, Version
from wakeful.fabric.service import Node
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import streaming
from wakeful.services.lambda_.streaming import Pieces
from wakeful.services.lambda_.urls import answers as answers
from wakeful.wire.message import BrokenOff, HttpResponse

log = logging.getLogger(__name__)

WITH_METADATA = "application/vnd.awslambda.http-integration-response"
_DELIMITER = bytes(8)


async def answer(node: Node, version: Version, invocation: Invocation, pieces: Pieces, trace: Trace) -> HttpResponse:
    """Begins with the function's first piece. A function that does not stream is answered with its result as it is."""
    run = await streaming.begin(node, version, invocation, pieces, trace)
    reader = pieces.each()
    first = await anext(reader, b"")
    if not first and run.done() and (run.result().error is not None or pieces.content_type is None):
        outcome = run.result()
        if outcome.error is not None:
            return answers.refusal()
        return HttpResponse(200, {"content-type": "application/json"}, outcome.payload)
    response = HttpResponse(200, {"content-type": pieces.content_type or ""})
    if pieces.content_type == WITH_METADATA:
        try:
            metadata, first = await _split(first, reader)
            response = answers.head_of(metadata)
        except answers.Malformed as fault:
            log.warning("%s streamed what is no answer: %s", invocation.invoked_arn, fault)
            pieces.leave()
            return answers.refusal()
    response.stream = _body(first, reader, run, pieces)
    return response


async def _split(begun: bytes, reader: AsyncIterator[bytes]) -> tuple[bytes, bytes]:
    """The metadata, and what has come of the body. Raises Malformed."""
    while (at := begun.find(_DELIMITER)) < 0:
        piece = await anext(reader, b"")
        begun += piece
        if not piece or len(begun) > limits.LAMBDA_STREAM_METADATA_BYTES_MAX:
            raise answers.Malformed("the metadata does not end")
    return begun[:at], begun[at + len(_DELIMITER) :]


async def _body(
    first: bytes, reader: AsyncIterator[bytes], run: asyncio.Future[Outcome], pieces: Pieces
) -> AsyncGenerator[bytes, None]:
    """Every piece. Raises BrokenOff where the function failed in the middle."""
    try:
        if first:
            yield first
        async for piece in reader:
            yield piece
        if (await run).error is not None:
            raise BrokenOff
    finally:
        pieces.leave()
