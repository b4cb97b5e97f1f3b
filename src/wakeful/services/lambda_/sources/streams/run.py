"""One run of the function with entries of one shard: what it gets, and how its answer is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.environments.version import Outcome
from wakeful.fabric import batches
from wakeful.fabric.service import Node
from wakeful.fabric.trace import merged, new_trace
from wakeful.services.lambda_ import measuring, recursion, runs
from wakeful.services.lambda_.durable import invocations
from wakeful.services.lambda_.errors import RecursiveInvocationException
from wakeful.services.lambda_.references import of_arn
from wakeful.services.lambda_.sources.batch import FAILED, OK
from wakeful.services.lambda_.sources.mappings import SourceMapping
from wakeful.services.lambda_.sources.streams.checkpoints import Response, Window
from wakeful.services.lambda_.sources.streams.reading import Piece


@dataclass(frozen=True, slots=True)
class Task:
    """What the function shall have: entries of a shard, or the end of a window."""

    mapping: SourceMapping
    shard: str
    pieces: Sequence[Piece]
    window: Window | None = None
    ends_window: bool = False

    def event(self) -> bytes:
        """ "Implementing stateful Kinesis Data Streams processing in Lambda" has what stands beside the records."""
        records = b'"Records":[%s]' % b",".join(each.record for each in self.pieces)
        if self.window is None:
            return b"{%s}" % records
        beside = {
            "window": {"start": _text(self.window.start), "end": _text(self.window.end)},
            "state": self.window.state,
            "shardId": self.shard,
            "eventSourceARN": self.mapping.source,
            "isFinalInvokeForWindow": self.ends_window and not self.window.is_too_large,
            "isWindowTerminatedEarly": self.window.is_too_large,
        }
        return b"{%s,%s" % (records, orjson.dumps(beside)[1:])


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of it: how many of its entries are done with, and what the function made of the window."""

    done: int
    has_failed: bool
    response: Response
    result: str = OK
    """What `LastProcessingResult` shall say."""

    state: Any = None
    state_bytes: int = 0


async def run(node: Node, task: Task) -> Ran:
    """Raises Throttled or AwsError where the function could not be run at all."""
    mapping, now = task.mapping, node.clock.now()
    function = of_arn(mapping.function)
    traces = [each.trace for each in task.pieces] or [new_trace(now)]
    invocation = runs.invocation_of(
        merged(traces),
        task.event(),
        mapping.function,
        request_id=names.new_uuid(),
        kind="EventSourceMapping",
        source=mapping.source,
    )
    version = runs.for_tenant((await runs.target(node, function)).pick(), None)
    if task.pieces:
        node.telemetry.note(measuring.iterator_age(function, now, now - task.pieces[-1].at))
    outcome = await invocations.run(node, version, invocation, *traces)
    ran = _read(task, outcome, Response(invocation.request_id, version.version, outcome.error))
    if mapping.counts_events:
        failed = len(task.pieces) - ran.done
        node.telemetry.note(measuring.followed(mapping, now, invoked=len(task.pieces), failed=failed))
    return ran


async def without_loops(node: Node, mapping: SourceMapping, pieces: Sequence[Piece]) -> list[Piece]:
    """Those that have not come through too many functions; the others are told, and let go."""
    sound = []
    for each in pieces:
        if each.trace.hops >= limits.HOPS_MAX:
            try:
                await recursion.check(node, of_arn(mapping.function), each.trace)
            except RecursiveInvocationException:
                continue
        sound.append(each)
    return sound


def _read(task: Task, outcome: Outcome, response: Response) -> Ran:
    failed = Ran(0, True, response, FAILED)
    if outcome.error is not None:
        return failed
    if task.ends_window:
        return Ran(0, False, response)
    state, size = None, 0
    if task.window is not None:
        state, size = _state(outcome.payload)
        if state is None:
            return failed
    done = _done(task, outcome.payload)
    if done is None:
        return failed
    return Ran(done, done < len(task.pieces), response, OK, state, size)


def _done(task: Task, payload: bytes) -> int | None:
    """How many of the first ones are done with: up to the first that was reported as failed; None where all are."""
    if not task.mapping.reports_items:
        return len(task.pieces)
    failed = batches.reported_failures(payload, {each.sequence for each in task.pieces})
    if failed is None:
        return None
    return next((at for at, each in enumerate(task.pieces) if each.sequence in failed), len(task.pieces))


def _state(payload: bytes) -> tuple[Any, int]:
    """What the function made of the window, and how large that is; None where it does not say."""
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None, 0
    state = answer.get("state") if isinstance(answer, dict) else None
    return state, 0 if state is None else len(orjson.dumps(state))


def _text(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
