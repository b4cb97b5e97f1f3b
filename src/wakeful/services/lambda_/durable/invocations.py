"""Invocations of durable executions: the function runs, replays what it has done, and goes on until it must wait.

At most one invocation of an execution is under way: its work row. One that crashed, took too long or whose node died is
run again, with a new checkpoint token; what the old one still says is not heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.environments.version import Invocation, Outcome, Throttled, Version
from wakeful.fabric.service import Again, Done, Node
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import recursion, runs
from wakeful.services.lambda_.durable import chains, checkpoints, endings, executions, spending, starts
from wakeful.services.lambda_.durable.executions import Execution
from wakeful.services.lambda_.durable.rules import Event
from wakeful.services.lambda_.errors import RecursiveInvocationException, ResourceNotFoundException
from wakeful.services.lambda_.references import Reference, of_arn
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError

KIND = "DurableExecution"
"""Of invocations whose event is the state of an execution, however that was begun."""
_ERROR_MEMBERS = ("ErrorMessage", "ErrorType", "ErrorData", "StackTrace")


@dataclass(frozen=True, slots=True)
class Ran:
    """What one invocation was, and what became of it."""

    invocation: str
    begun: float
    ended: float
    payload: bytes
    is_error: bool
    log_tail: bytes


async def carry_out(node: Node, item: work.Item) -> Done | Again:
    """The worker: one invocation of the execution's function, and what follows from its answer."""
    arn = item.body["execution"]
    begun = await node.store.write(_begin, arn)
    if begun is None:
        return Done(lambda tx: _not_begun(tx, arn))
    execution, event = begun
    reference = execution.reference
    invocation = runs.invocation_of(
        execution.trace,
        event,
        executions.qualified(reference),
        request_id=execution.invocation,
        client_context=execution.client,
        tenant=execution.tenant,
        log_tail=execution.kind == "RequestResponse",
        kind=KIND,
        source=execution.arn,
    )
    started = node.clock.now()
    try:
        await recursion.check(node, reference, execution.trace)
        version = runs.for_tenant((await runs.target(node, reference)).pick(), execution.tenant)
        outcome = await runs.run(node, version, invocation, execution.trace)
    except (ResourceNotFoundException, RecursiveInvocationException) as error:
        told = {"ErrorType": error.shape_name, "ErrorMessage": error.message}
        return Done(lambda tx: _failed(tx, arn, execution.invocation, told))
    except (Throttled, AwsError):
        await node.store.write(_put_back, arn, execution.invocation)
        pause_s = limits.LAMBDA_THROTTLE_BACKOFF_S * 2 ** min(item.attempts - 1, 16)
        return Again(node.clock.now() + min(limits.LAMBDA_THROTTLE_BACKOFF_MAX_S, pause_s))
    ran = Ran(
        invocation=execution.invocation,
        begun=started,
        ended=node.clock.now(),
        payload=outcome.payload,
        is_error=outcome.error is not None,
        log_tail=outcome.log_tail,
    )
    return Done(lambda tx: _over(tx, arn, ran))


def _begin(tx: Tx, arn: str) -> tuple[Execution, bytes] | None:
    """A new invocation holds the execution's checkpoint token; with the event that tells the function where it is."""
    executions.lock(tx, arn)
    execution = executions.get(tx, arn)
    if execution is None or not execution.is_open:
        return None
    execution = executions.elapse(tx, execution)
    if execution.status != "RUNNING":
        executions.save(tx, checkpoints.paused(execution))
        return None
    execution = _lost(tx, execution)
    news = [operation.id for operation in executions.unseen(tx, execution)]
    execution = replace(
        execution, invocation=names.new_uuid(), invoked=tx.now, token=0, seen=execution.changes, checkpoint=None
    )
    executions.save(tx, execution)
    operations, marker = checkpoints.state(tx, arn, None, limits.LAMBDA_DURABLE_PAGE_MAX)
    event = {
        "DurableExecutionArn": arn,
        "CheckpointToken": execution.checkpoint_token,
        "InitialExecutionState": {"Operations": [_in_ms(each) for each in operations], "NextMarker": marker or ""},
        "UpdatedOperationIds": news,
    }
    return execution, orjson.dumps(event)


def _not_begun(tx: Tx, arn: str) -> None:
    """An execution that was paused, and resumed before its work row had gone, has another row."""
    executions.lock(tx, arn)
    execution = executions.get(tx, arn)
    if execution is not None and execution.changes > execution.seen:
        executions.run_soon(tx, execution)


def _lost(tx: Tx, execution: Execution) -> Execution:
    """History tells of an invocation whose end nobody has seen: its node has died. The execution is not yet saved."""
    if execution.invocation == "":
        return execution
    error = {"ErrorType": "ServiceException", "ErrorMessage": "The invocation was lost with its node."}
    told = {
        "StartTimestamp": execution.invoked,
        "EndTimestamp": tx.now,
        "RequestId": execution.invocation,
        "Error": {"Payload": error, "Truncated": False},
    }
    return executions.tell(tx, execution, Event("InvocationCompleted", told))


def _put_back(tx: Tx, arn: str, invocation: str) -> None:
    """The invocation did not take place; the function has not been told of anything."""
    executions.lock(tx, arn)
    execution = executions.get(tx, arn)
    if execution is not None and execution.invocation == invocation:
        executions.save(tx, replace(execution, invocation="", seen=min(execution.seen, execution.changes - 1)))


def _in_ms(shown: dict[str, Any]) -> dict[str, Any]:
    """Points in time as the function's event has them: in milliseconds."""
    found: dict[str, Any] = {}
    for member, value in shown.items():
        if isinstance(value, dict) and member.endswith("Details"):
            found[member] = _in_ms(value)
        elif member.endswith("Timestamp"):
            found[member] = int(value * 1000)
        else:
            found[member] = value
    return found


# --- afterwards ------------------------------------------------------------------------------------------------------


def _over(tx: Tx, arn: str, ran: Ran) -> None:
    """What the invocation answered is true, unless another one has taken its place."""
    execution = _ended(tx, arn, ran)
    if execution is None:
        return
    if ran.is_error:
        _again(tx, execution, chains.error_of(ran.payload), limits.LAMBDA_DURABLE_FAILURES_MAX)
        return
    answer = _answer(execution, ran.payload)
    if isinstance(answer, str):
        error = {"ErrorType": "InvalidParameterValueException", "ErrorMessage": answer}
        endings.close(tx, _awake(execution), "FAILED", error=error)
    elif answer["Status"] == "PENDING":
        _pending(tx, execution)
    else:
        endings.close(tx, _awake(execution), answer["Status"], result=answer.get("Result"), error=answer.get("Error"))


def _ended(tx: Tx, arn: str, ran: Ran) -> Execution | None:
    """The execution, where it goes on; history tells of the invocation in any case."""
    executions.lock(tx, arn)
    execution = executions.get(tx, arn)
    if execution is None or execution.invocation != ran.invocation:
        return None
    told: dict[str, Any] = {
        "StartTimestamp": ran.begun,
        "EndTimestamp": ran.ended,
        "RequestId": ran.invocation,
    }
    error = chains.error_of(ran.payload) if ran.is_error else _own_error(ran.payload)
    if error is not None:
        told["Error"] = {"Payload": error, "Truncated": False}
    execution = executions.tell(tx, execution, Event("InvocationCompleted", told))
    execution = replace(
        execution,
        invocation="",
        checkpoint=None,
        log_tail=ran.log_tail if execution.kind == "RequestResponse" else None,
    )
    executions.save(tx, execution)
    return execution if execution.is_open else None


def _awake(execution: Execution) -> Execution:
    """A paused execution whose invocation comes to its end all the same is over."""
    return execution.becomes("RUNNING") if execution.status == "PAUSED" else execution


def _again(tx: Tx, execution: Execution, error: Mapping[str, Any], most: int) -> None:
    """The function is invoked once more, a little later; or the execution has failed, with what it failed with last."""
    execution = replace(execution, failures=execution.failures + 1, seen=min(execution.seen, execution.changes - 1))
    if execution.failures >= most:
        endings.close(tx, _awake(execution), "FAILED", error=error)
        return
    if execution.status != "RUNNING":
        executions.save(tx, checkpoints.paused(execution))
        return
    executions.save(tx, execution)
    spending.spend(tx, execution, 1, spending.size(None, error))
    due = tx.now + limits.LAMBDA_DURABLE_RETRY_S
    work.put(tx, executions.RUN, {"execution": execution.arn}, due=due, name=f"{executions.RUN} {execution.arn}")


def _pending(tx: Tx, execution: Execution) -> None:
    if execution.status != "RUNNING":
        if execution.status == "PAUSING":
            execution = execution.becomes("PAUSED")
        executions.save(tx, replace(execution, failures=0))
        return
    if execution.changes > execution.seen:
        executions.save(tx, replace(execution, failures=0))
        executions.run_soon(tx, execution)
    elif executions.has_pending(tx, execution.arn):
        executions.save(tx, replace(execution, failures=0))
    else:
        message = "Cannot return PENDING status with no pending operations."
        error = {"ErrorType": "InvalidParameterValueException", "ErrorMessage": message}
        _again(tx, execution, error, limits.LAMBDA_DURABLE_PENDING_MAX)


def _failed(tx: Tx, arn: str, invocation: str, error: Mapping[str, Any]) -> None:
    executions.lock(tx, arn)
    execution = executions.get(tx, arn)
    if execution is not None and execution.is_open and execution.invocation == invocation:
        endings.close(tx, replace(_awake(execution), invocation=""), "FAILED", error=error)


def _answer(execution: Execution, payload: bytes) -> dict[str, Any] | str:
    """What the function says of the execution, or what Lambda says of that."""
    answer = _document(payload)
    status = answer.get("Status")
    if status not in ("SUCCEEDED", "FAILED", "PENDING"):
        return "Invalid Status in invocation output."
    if status == "SUCCEEDED" and answer.get("Error") is not None:
        return "Cannot provide an Error for SUCCEEDED status."
    if status == "FAILED" and answer.get("Result") is not None:
        return "Cannot provide a Result for FAILED status."
    result = answer.get("Result")
    if result is not None and not isinstance(result, str):
        return "Invalid Result in invocation output."
    error = answer.get("Error")
    if error is not None:
        error = _error(error)
        if error is None:
            return "Invalid Error in invocation output."
    complaint = checkpoints.too_large(execution, result)
    return {"Status": status, "Result": result, "Error": error} if complaint is None else complaint


def _document(payload: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _error(found: Any) -> dict[str, Any] | None:
    """The ErrorObject that a function has given; None where it is none. A function may say whatever it likes."""
    if not isinstance(found, dict):
        return None
    error = {name: found[name] for name in _ERROR_MEMBERS if found.get(name) is not None}
    trace = error.get("StackTrace", [])
    texts = [*(trace if isinstance(trace, list) else [None]), *(error[name] for name in error if name != "StackTrace")]
    is_small = len(orjson.dumps(error)) < limits.LAMBDA_DURABLE_ERROR_BYTES_MAX
    return error if is_small and all(isinstance(text, str) for text in texts) else None


def _own_error(payload: bytes) -> dict[str, Any] | None:
    document = _document(payload)
    return _error(document.get("Error")) if document.get("Status") == "FAILED" else None


# --- who waits for it ------------------------------------------------------------------------------------------------


async def begin(
    node: Node, asked: Reference, version: Version, invocation: Invocation, kind: str, trace: Trace, name: str | None
) -> Execution:
    """The execution that an invocation of a durable function begins. Raises what Lambda answers where it does not."""
    assert version.durable is not None
    starts.check(asked, version.durable, kind)
    beginning = starts.Beginning(
        function=replace(asked, qualifier=version.version),
        asked=asked.qualifier,
        config=version.durable,
        role=version.role_arn,
        input=invocation.payload.decode(),
        kind=kind,
        trace=trace,
        name=name,
        tenant=invocation.tenant_id,
        client=invocation.client_context,
    )
    return await node.store.write(starts.start, beginning)


async def ended(node: Node, arn: str) -> Execution:
    """The execution, once it is over."""
    with node.wakes.listen(executions.wake_name(arn)) as listener:
        while True:
            execution = await node.store.read(executions.find, arn)
            if not execution.is_open:
                return execution
            await listener.wait(execution.deadline)


async def run(node: Node, version: Version, invocation: Invocation, *traces: Trace) -> Outcome:
    """As `runs.run`, of any function: of a durable one, what became of the execution that this begins."""
    if version.durable is None:
        return await runs.run(node, version, invocation, *traces)
    asked = of_arn(invocation.invoked_arn)
    execution = await begin(node, asked, version, invocation, "RequestResponse", traces[0], None)
    return outcome_of(await ended(node, execution.arn), version)


def outcome_of(execution: Execution, version: Version) -> Outcome:
    """What the caller of a durable function is told."""
    has_failed = execution.status != "SUCCEEDED"
    return Outcome(
        payload=execution.answer,
        error="Unhandled" if has_failed else None,
        error_type=None,
        status="timeout" if execution.status == "TIMED_OUT" else "error" if has_failed else "success",
        cold=False,
        init_ms=None,
        duration_ms=((execution.ended or execution.started) - execution.started) * 1000,
        billed_ms=0,
        memory_mb=version.memory_mb,
        memory_used_mb=0,
        log_tail=execution.log_tail or b"",
        started_at=execution.started,
        environment_id="",
        log_stream="",
    )
