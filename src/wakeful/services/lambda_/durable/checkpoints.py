"""Checkpoints: what a durable function did becomes true, all of it or nothing, and it hears what happened meanwhile.

A token is good for one checkpoint of one invocation. Whoever repeats the last one, with its client token, has the same
answer again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from wakeful import limits, names
from wakeful.services.lambda_.durable import chains, endings, executions, rules, spending
from wakeful.services.lambda_.durable.executions import Execution
from wakeful.services.lambda_.durable.rules import Event, Operation, Update
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.services.lambda_.pages import marked, unmarked
from wakeful.store.tx import Row, Tx


def checkpoint(
    tx: Tx, arn: str, token: str, updates: Sequence[Update], client_token: str | None
) -> tuple[str | None, list[dict[str, Any]]]:
    """The next token, and the operations that have changed since the function was last told.

    There is no token where nothing may follow: the execution is over, or it is paused.
    """
    executions.lock(tx, arn)
    execution = executions.get(tx, arn)
    if execution is not None and _is_repeated(execution, token, client_token):
        assert execution.checkpoint is not None
        return execution.checkpoint_token, _shown(executions.unseen(tx, execution, execution.checkpoint["seen"]))
    execution = executions.checked_token(execution, arn, token)
    seen = execution.seen
    execution, closing, has_timers = _applied(tx, execution, updates)
    if closing is not None:
        execution = endings.close(tx, execution, closing[0], result=closing[1], error=closing[2])
        return None, _shown(executions.unseen(tx, execution))
    before = execution.changes
    execution = executions.elapse(tx, execution)
    has_timers = has_timers or execution.changes > before
    execution = replace(execution, token=execution.token + 1)
    if has_timers:
        executions.plan(tx, execution)
    if execution.status in ("PAUSING", "PAUSED"):
        execution = paused(execution)
        executions.save(tx, execution)
        return None, []
    news = executions.unseen(tx, execution)
    kept = None if client_token is None else {"client": client_token, "seen": seen}
    execution = replace(execution, seen=execution.changes, checkpoint=kept)
    executions.save(tx, execution)
    return execution.checkpoint_token, _shown(news)


def paused(execution: Execution) -> Execution:
    """The execution, PAUSED where it was PAUSING; the invocation that this ended is owed to it."""
    execution = replace(execution, seen=min(execution.seen, execution.changes - 1), checkpoint=None)
    return execution.becomes("PAUSED") if execution.status == "PAUSING" else execution


def _is_repeated(execution: Execution, token: str, client_token: str | None) -> bool:
    last = execution.checkpoint
    return (
        last is not None
        and client_token == last["client"]
        and execution.invocation != ""
        and token == executions.previous_token(execution)
    )


Closing = tuple[str, str | None, Mapping[str, Any] | None]


def _applied(tx: Tx, execution: Execution, updates: Sequence[Update]) -> tuple[Execution, Closing | None, bool]:
    """The execution with its updates, not yet saved; how one of them ends it; whether one waits for a time."""
    known = executions.operations(tx, execution.arn, list(rules.mentioned(updates)))
    rules.check_batch(updates, known)
    closing: Closing | None = None
    has_timers = False
    spent = [(0, 0)]
    for update in updates:
        execution = _weighed(execution, update)
        if update["Type"] == "EXECUTION":
            closing = _closing(execution, update)
            continue
        if update["Type"] == "CHAINED_INVOKE" and update.get("ChainedInvokeOptions"):
            chains.check(execution, update)
        operation, event = rules.apply(known.get(update["Id"]), update, tx.now)
        spent.append(spending.of_update(known.get(update["Id"]), update))
        if operation.type == "CALLBACK":
            operation, event = _with_id(execution, operation, event)
        if operation.type == "CHAINED_INVOKE":
            execution, known[operation.id] = chains.begin(tx, execution, operation, event, update)
        else:
            execution, known[operation.id] = executions.put(tx, execution, operation, event)
        has_timers = has_timers or operation.due is not None
    if execution.operations > limits.LAMBDA_DURABLE_OPERATIONS_MAX:
        raise InvalidParameterValueException(
            f"Durable execution exceeded the maximum of {limits.LAMBDA_DURABLE_OPERATIONS_MAX} operations."
        )
    spending.spend(tx, execution, *map(sum, zip(*spent, strict=True)))
    return execution, closing, has_timers


def _weighed(execution: Execution, update: Update) -> Execution:
    size = spending.size(update.get("Payload"), update.get("Error"))
    if execution.written + size > limits.LAMBDA_DURABLE_STORAGE_BYTES_MAX:
        raise InvalidParameterValueException(
            f"Durable execution exceeded the maximum of {limits.LAMBDA_DURABLE_STORAGE_BYTES_MAX} bytes written."
        )
    return replace(execution, written=execution.written + size)


def _with_id(execution: Execution, operation: Operation, event: Event) -> tuple[Operation, Event]:
    called = {"CallbackId": executions.callback_id(execution.arn, operation.id, names.new_token(8))}
    return replace(operation, details={**operation.details, **called}), replace(
        event, details={**event.details, **called}
    )


def _closing(execution: Execution, update: Update) -> Closing:
    rules.check_sizes(update)
    root = Operation(id=execution.id, type="EXECUTION", status="STARTED", started=execution.started)
    mended = {**update, "Id": root.id, "Name": None, "ParentId": None, "SubType": None}
    ended, _ = rules.apply(root, mended, execution.started)
    result = update.get("Payload")
    if (complaint := too_large(execution, result)) is not None:
        raise InvalidParameterValueException(complaint)
    return ended.status, result, update.get("Error")


def too_large(execution: Execution, result: str | None) -> str | None:
    """What Lambda says of a result that is larger than the execution may have; None of one that is not."""
    if result is None or len(result.encode()) <= execution.result_bytes_max:
        return None
    return f"Execution output payload size must be less than or equal to {execution.result_bytes_max} bytes."


def _shown(operations: Sequence[Operation]) -> list[dict[str, Any]]:
    return [executions.shown(operation) for operation in operations]


# --- the whole state -------------------------------------------------------------------------------------------------


def state(tx: Tx, arn: str, marker: str | None, count: int) -> tuple[list[dict[str, Any]], str | None]:
    """A page of what a replay needs, in the order in which it was started, and the marker of the next page.

    What is inside a context that is over is not needed, unless the function asked for it (ReplayChildren).
    """
    (after,) = unmarked(marker, [0])
    wanted: dict[str, int] = {}
    size = 0
    for row in _needed(tx, arn):
        if row["number"] <= after:
            continue
        size += row["size"] + limits.LAMBDA_DURABLE_OPERATION_BYTES
        if wanted and (len(wanted) >= count or size > limits.LAMBDA_DURABLE_PAGE_BYTES_MAX):
            return _page(tx, arn, wanted), marked(max(wanted.values()))
        wanted[row["id"]] = row["number"]
    return _page(tx, arn, wanted), None


def _page(tx: Tx, arn: str, wanted: Collection[str]) -> list[dict[str, Any]]:
    return _shown(list(executions.operations(tx, arn, wanted).values()))


def _needed(tx: Tx, arn: str) -> Iterator[Row]:
    """The operations that a replay needs, in their order: how large each is, and not what it holds."""
    hidden: set[str] = set()
    closed: set[str] = set()
    for row in tx.all(
        "SELECT id, number, parent, type, status, replays, length(body) AS size FROM lambda_durable_operations"
        " WHERE execution = ? ORDER BY number",
        arn,
    ):
        if row["parent"] in hidden or row["parent"] in closed:
            hidden.add(row["id"])
        else:
            yield row
        if row["type"] == "CONTEXT" and row["status"] in rules.TERMINAL and not row["replays"]:
            closed.add(row["id"])
