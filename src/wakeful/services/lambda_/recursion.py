"""Recursive loops: how often one event may come back to a function, and what becomes of one that does so too often.

"Use Lambda recursive loop detection to prevent infinite loops": on its way through Lambda, SQS, SNS and S3 an event
carries how often it came through each function (`Trace.lineage`). After sixteen times the next invocation of that
function is refused, unless the function allows it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from wakeful import limits, names
from wakeful.fabric.batches import group_of
from wakeful.fabric.service import Node
from wakeful.fabric.source import Taken
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import functions, measuring
from wakeful.services.lambda_.errors import RecursiveInvocationException
from wakeful.services.lambda_.references import Reference
from wakeful.store.telemetry import Note
from wakeful.store.tx import Tx

ALLOW = "Allow"
TERMINATE = "Terminate"

log = logging.getLogger(__name__)


async def check(node: Node, function: Reference, trace: Trace) -> None:
    """Raises RecursiveInvocationException where this event has come to the function too often, which is then told.

    A story that came through a thousand functions ends, whatever is allowed: a loop shall not occupy a node for ever.
    """
    passes = trace.passes(function.arn)
    if trace.hops >= limits.HOPS_MAX:
        _tell(node, function, trace, f"came through {trace.hops} functions")
        raise RecursiveInvocationException
    if passes >= limits.LAMBDA_RECURSION_MAX and await node.store.read(mode, function.arn) != ALLOW:
        _tell(node, function, trace, f"came to the function {passes} times before")
        raise RecursiveInvocationException


async def parted(node: Node, function: Reference, batch: Sequence[Taken]) -> tuple[list[Taken], list[Taken]]:
    """What of a batch may be run, and what has failed: it has come to the function too often, or is behind such a one.

    Behind is what follows in the same group of a FIFO queue.
    """
    sound: list[Taken] = []
    held: list[Taken] = []
    stopped: set[str] = set()
    for each in batch:
        group = group_of(each)
        if group in stopped:
            held.append(each)
            continue
        try:
            await check(node, function, each.trace)
        except RecursiveInvocationException:
            held.append(each)
            stopped |= {group} if group is not None else set()
        else:
            sound.append(each)
    return sound, held


# --- what a function allows ------------------------------------------------------------------------------------------


def mode(tx: Tx, function: str) -> str:
    """Allow or Terminate; what nobody has said otherwise is terminated."""
    row = tx.one("SELECT mode FROM lambda_recursion WHERE function = ?", function)
    return TERMINATE if row is None else str(row["mode"])


def put(tx: Tx, function: Reference, wanted: str) -> None:
    """From now on the function's loops are allowed, or terminated."""
    tx.lock("lambda", function.arn)
    if not functions.exists(tx, function.arn):
        raise functions.not_found(function)
    tx.run(
        "INSERT INTO lambda_recursion(function, mode) VALUES (?, ?) ON CONFLICT(function) DO UPDATE SET mode ="
        " excluded.mode",
        *(function.arn, wanted),
    )


# --- below -----------------------------------------------------------------------------------------------------------


def _tell(node: Node, function: Reference, trace: Trace, why: str) -> None:
    """What AWS says on its Health Dashboard is a line of the node's log, once a minute, and a note in the story."""
    now = node.clock.now()
    if node.authorizer.is_news("recursion", function.arn):
        log.warning("a recursive loop through %s was stopped: an event %s", function.qualified, why)
    node.telemetry.note(measuring.looped(function, now))
    node.telemetry.note(
        Note(
            id=names.new_uuid(),
            trace=trace.id,
            cause=trace.cause,
            hops=trace.hops,
            kind="event",
            name="recursive loop",
            resource=function.qualified,
            account=function.account,
            at=now,
            status="RecursiveInvocationException",
            detail={"reason": why},
        )
    )
