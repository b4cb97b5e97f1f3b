"""How a durable execution ends: once, with everybody told who waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wakeful.services.lambda_.durable import chains, executions, letters, rules, spending, telling
from wakeful.services.lambda_.durable.executions import Execution
from wakeful.services.lambda_.durable.rules import Event
from wakeful.store.tx import Tx


def close(
    tx: Tx, execution: Execution, status: str, *, result: str | None = None, error: Mapping[str, Any] | None = None
) -> Execution:
    """The execution is over: its row, its history, its parent, who waits for it, and the bus say so."""
    outcome: dict[str, Any] = {} if result is None else {"Result": result}
    if status != "SUCCEEDED":
        outcome = {"Error": dict(error or {})}
    execution = replace(
        execution.becomes(status), ended=tx.now, result=result, error=outcome.get("Error"), checkpoint=None, pause=None
    )
    root = executions.operation(tx, execution.arn, execution.id)
    assert root is not None
    ended = replace(root, status=status, ended=tx.now)
    name = rules.event_name("EXECUTION", status)
    execution, _ = executions.put(tx, execution, ended, Event(name, rules.told(status, outcome)))
    executions.save(tx, execution)
    spending.spend(tx, execution, 0, spending.size(result, execution.error))
    executions.plan_removal(tx, execution, execution.kept_until)
    tx.wake(executions.wake_name(execution.arn))
    if execution.parent is not None and execution.parent_operation is not None:
        # Before anything that all executions share is locked: a parent that begins a child locks it in this order.
        _tell_parent(tx, execution, execution.parent, execution.parent_operation)
    telling.ended(tx, execution)
    if execution.kind == "Event":
        letters.send(tx, execution)
    return execution


def _tell_parent(tx: Tx, execution: Execution, parent: str, operation: str) -> None:
    outcome: dict[str, Any] = {"Error": execution.error or {}}
    if execution.status == "SUCCEEDED":
        outcome = {} if execution.result is None else {"Result": execution.result}
    elif execution.status == "TIMED_OUT":
        message = f"CHAINED_INVOKE timed out after {execution.timeout_s} seconds."
        outcome = {"Error": {"ErrorType": "ChainedInvoke.Timeout", "ErrorMessage": message}}
    chains.finish(tx, parent, operation, execution.status, outcome)
