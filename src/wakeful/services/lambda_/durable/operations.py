"""Lambda's API of durable executions: the function's own two operations, and those of who looks after executions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.lambda_ import functions
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.durable import checkpoints, endings, executions, history, rules
from wakeful.services.lambda_.durable.executions import Execution
from wakeful.services.lambda_.durable.rules import Event
from wakeful.services.lambda_.errors import InvalidParameterValueException, ResourceConflictException
from wakeful.services.lambda_.pages import marked, unmarked
from wakeful.services.lambda_.references import LATEST, reference
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


# --- for the function ------------------------------------------------------------------------------------------------


@api.writes
def checkpoint_durable_execution(
    call: Call, tx: Tx, request: shapes.CheckpointDurableExecutionRequest
) -> shapes.CheckpointDurableExecutionResponse:
    """What the function did is safe, and it hears what has changed; the token it has now is good for the next."""
    token, news = checkpoints.checkpoint(
        tx,
        request["DurableExecutionArn"],
        request["CheckpointToken"],
        request.get("Updates", ()),
        request.get("ClientToken"),
    )
    answer: dict[str, Any] = {"NewExecutionState": {"Operations": news}}
    if token is not None:
        answer["CheckpointToken"] = token
    return cast("shapes.CheckpointDurableExecutionResponse", answer)


@api.reads
def get_durable_execution_state(
    call: Call, tx: Tx, request: shapes.GetDurableExecutionStateRequest
) -> shapes.GetDurableExecutionStateResponse:
    """The operations that a replay needs, page by page."""
    arn = request["DurableExecutionArn"]
    executions.checked_token(executions.get(tx, arn), arn, request["CheckpointToken"])
    page, marker = checkpoints.state(tx, arn, request.get("Marker"), _count(request.get("MaxItems")))
    answer: dict[str, Any] = {"Operations": page}
    if marker is not None:
        answer["NextMarker"] = marker
    return cast("shapes.GetDurableExecutionStateResponse", answer)


# --- looking ---------------------------------------------------------------------------------------------------------


@api.reads
def get_durable_execution(
    call: Call, tx: Tx, request: shapes.GetDurableExecutionRequest
) -> shapes.GetDurableExecutionResponse:
    execution = executions.find(tx, request["DurableExecutionArn"])
    with_data = request.get("IncludeExecutionData", True)
    shown = {
        **_summary(execution),
        "Version": execution.version,
        "TraceHeader": {"XAmznTraceId": execution.trace.header},
        "DurableConfig": dict(execution.config),
        "ExecutionDataIncluded": with_data,
    }
    if execution.is_open:
        shown["ExpectedExecutionTimeoutTimestamp"] = execution.deadline
    if execution.pause is not None and execution.status in ("PAUSING", "PAUSED"):
        names = ("PauseRequestTimestamp", "ExecutionTimeoutPaused", *(("Reason",) if with_data else ()))
        shown["PauseDetails"] = {name: execution.pause[name] for name in names if name in execution.pause}
    if with_data:
        data = {"InputPayload": execution.input, "Result": execution.result, "Error": execution.error}
        shown |= {member: value for member, value in data.items() if value is not None}
    return cast("shapes.GetDurableExecutionResponse", shown)


@api.reads
def get_durable_execution_history(
    call: Call, tx: Tx, request: shapes.GetDurableExecutionHistoryRequest
) -> shapes.GetDurableExecutionHistoryResponse:
    """What happened to the execution, event by event."""
    execution = executions.find(tx, request["DurableExecutionArn"])
    (after,) = unmarked(request.get("Marker"), [0])
    events, further = history.page(
        tx,
        execution.arn,
        after,
        _count(request.get("MaxItems")),
        is_reversed=request.get("ReverseOrder", False),
        with_data=request.get("IncludeExecutionData", True),
    )
    answer: dict[str, Any] = {"Events": events}
    if further is not None:
        answer["NextMarker"] = marked(further)
    return cast("shapes.GetDurableExecutionHistoryResponse", answer)


@api.reads
def list_durable_executions_by_function(
    call: Call, tx: Tx, request: shapes.ListDurableExecutionsByFunctionRequest
) -> shapes.ListDurableExecutionsByFunctionResponse:
    """The function's executions, the latest first; with ReverseOrder the oldest."""
    statuses = request.get("Statuses", [])
    if len(statuses) > 1:
        raise InvalidParameterValueException("Cannot filter by more than one status")
    function = reference(call, request["FunctionName"], request.get("Qualifier"))
    functions.find_version(tx, replace(function, qualifier=""), LATEST)
    version = functions.find(tx, function).version if function.qualifier else ""
    is_oldest_first = request.get("ReverseOrder", False)
    begin = 0.0 if is_oldest_first else 1e18
    after, after_arn = unmarked(request.get("Marker"), [begin, ""])
    limit = _count(request.get("MaxItems"))
    order, beyond = ("ASC", ">") if is_oldest_first else ("DESC", "<")
    rows = tx.all(
        "SELECT * FROM lambda_durable_executions WHERE function = ? AND (? = '' OR version = ?)"  # noqa: S608 - our words
        " AND (? = '' OR name = ?) AND (? = '' OR status = ?) AND started > ? AND started < ?"
        f" AND (started {beyond} ? OR (started = ? AND arn {beyond} ?))"
        f" ORDER BY started {order}, arn {order} LIMIT ?",
        *(function.arn, version, version),
        *(2 * (request.get("DurableExecutionName", ""),)),
        *(2 * (statuses[0] if statuses else "",)),
        *(request.get("StartedAfter", -1.0), request.get("StartedBefore", 1e18)),
        *(after, after, after_arn, limit + 1),
    )
    found = [executions.execution_of(row) for row in rows]
    answer: dict[str, Any] = {"DurableExecutions": [_summary(each) for each in found[:limit]]}
    if len(found) > limit:
        answer["NextMarker"] = marked(found[limit - 1].started, found[limit - 1].arn)
    return cast("shapes.ListDurableExecutionsByFunctionResponse", answer)


def _summary(execution: Execution) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "DurableExecutionArn": execution.arn,
        "DurableExecutionName": execution.name,
        "FunctionArn": executions.qualified(execution.reference),
        "Status": execution.status,
        "StartTimestamp": execution.started,
    }
    if execution.ended is not None:
        shown["EndTimestamp"] = execution.ended
    return shown


def _count(asked: int | None) -> int:
    return asked or limits.LAMBDA_DURABLE_PAGE_DEFAULT


# --- changing its course ---------------------------------------------------------------------------------------------


@api.writes
def stop_durable_execution(
    call: Call, tx: Tx, request: shapes.StopDurableExecutionRequest
) -> shapes.StopDurableExecutionResponse:
    """The execution is over; an invocation under way learns it at its next checkpoint. Stopping twice is no error."""
    executions.lock(tx, request["DurableExecutionArn"])
    execution = executions.find(tx, request["DurableExecutionArn"])
    error = dict(request.get("Error") or {})
    rules.check_error(error)
    if execution.is_open:
        execution = endings.close(tx, execution, "STOPPED", error=error)
    return cast("shapes.StopDurableExecutionResponse", {"StopTimestamp": execution.ended})


@api.writes
def pause_durable_execution(
    call: Call, tx: Tx, request: shapes.PauseDurableExecutionRequest
) -> shapes.PauseDurableExecutionResponse:
    """The function is not invoked until the execution is resumed; what it waits for goes on, and is kept for it."""
    executions.lock(tx, request["DurableExecutionArn"])
    execution = executions.find(tx, request["DurableExecutionArn"])
    if _is_repeated(execution, "paused", request, tx.now):
        return {}
    if execution.status != "RUNNING":
        raise ResourceConflictException(_not_in_state(execution, "RUNNING"))
    pauses_timeout = request.get("ExecutionTimeoutPaused", True)
    told: dict[str, Any] = {"PauseRequestTimestamp": tx.now, "ExecutionTimeoutPaused": pauses_timeout}
    kept = {**told, "deadline": execution.deadline, **_remembered("paused", request, tx.now)}
    if "Reason" in request:
        kept["Reason"] = request["Reason"]
        told["Reason"] = {"Payload": request["Reason"], "Truncated": False}
    deadline = execution.started + limits.LAMBDA_DURABLE_PAUSED_S_MAX if pauses_timeout else execution.deadline
    execution = execution.becomes("PAUSING" if execution.invocation else "PAUSED")
    execution = replace(execution, pause=kept, deadline=deadline)
    execution = executions.tell(tx, execution, Event("ExecutionPaused", told))
    executions.save(tx, execution)
    executions.plan(tx, execution)
    return {}


@api.writes
def resume_durable_execution(
    call: Call, tx: Tx, request: shapes.ResumeDurableExecutionRequest
) -> shapes.ResumeDurableExecutionResponse:
    """The execution runs again; what happened meanwhile, or was interrupted, is an invocation at once."""
    executions.lock(tx, request["DurableExecutionArn"])
    execution = executions.find(tx, request["DurableExecutionArn"])
    if _is_repeated(execution, "resumed", request, tx.now):
        return {}
    if execution.status not in ("PAUSED", "PAUSING"):
        raise ResourceConflictException(_not_in_state(execution, "PAUSED"))
    assert execution.pause is not None
    deadline = execution.deadline
    if execution.pause["ExecutionTimeoutPaused"]:
        paused_s = tx.now - execution.pause["PauseRequestTimestamp"]
        deadline = min(execution.deadline, execution.pause["deadline"] + paused_s)
    told: dict[str, Any] = {"ResumeRequestTimestamp": tx.now}
    if "Reason" in request:
        told["Reason"] = {"Payload": request["Reason"], "Truncated": False}
    execution = replace(execution.becomes("RUNNING"), pause=_remembered("resumed", request, tx.now), deadline=deadline)
    execution = executions.tell(tx, execution, Event("ExecutionResumed", told))
    executions.save(tx, execution)
    if execution.changes > execution.seen:
        executions.run_soon(tx, execution)
    executions.plan(tx, execution)
    return {}


@api.writes
def delete_durable_execution(
    call: Call, tx: Tx, request: shapes.DeleteDurableExecutionRequest
) -> shapes.DeleteDurableExecutionResponse:
    """The execution, which is over, will be gone with all that is known of it."""
    executions.lock(tx, request["DurableExecutionArn"])
    execution = executions.find(tx, request["DurableExecutionArn"])
    if execution.is_open:
        raise ResourceConflictException(_not_in_state(execution, "SUCCEEDED, FAILED, STOPPED, or TIMED_OUT"))
    if execution.status != "DELETING":
        execution = execution.becomes("DELETING")
        executions.save(tx, execution)
    executions.plan_removal(tx, execution, execution.kept_until)
    return cast("shapes.DeleteDurableExecutionResponse", {"DeletionRequestTimestamp": tx.now})


def _not_in_state(execution: Execution, wanted: str) -> str:
    return f"Durable execution is in {execution.status} state; it must be {wanted}."


def _remembered(what: str, request: Any, now: float) -> dict[str, Any]:
    asked = {name: request[name] for name in ("Reason", "ExecutionTimeoutPaused") if name in request}
    return {"asked": {"what": what, "token": request.get("ClientToken"), "with": asked}, "at": now}


def _is_repeated(execution: Execution, what: str, request: Any, now: float) -> bool:
    """The same was asked for a moment ago, by the same token."""
    last = execution.pause
    if last is None or request.get("ClientToken") is None or now - last["at"] > limits.LAMBDA_DURABLE_IDEMPOTENCY_S:
        return False
    return bool(last["asked"] == _remembered(what, request, now)["asked"])
