"""What may happen to an operation of a durable execution: one table of legal transitions, and what each leaves behind.

Pure rules: an operation, an update and the time make the next operation and the event that history tells of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from wakeful import limits
from wakeful.services.lambda_.errors import InvalidParameterValueException

TERMINAL = frozenset(("SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "STOPPED"))
"""An operation (and an execution) in one of these states stays in it."""

TRANSITIONS: Mapping[tuple[str, str], Mapping[str | None, str]] = {
    ("CONTEXT", "START"): {None: "STARTED"},
    ("CONTEXT", "SUCCEED"): {None: "SUCCEEDED", "STARTED": "SUCCEEDED"},
    ("CONTEXT", "FAIL"): {None: "FAILED", "STARTED": "FAILED"},
    ("STEP", "START"): {None: "STARTED", "READY": "STARTED"},
    ("STEP", "SUCCEED"): {None: "SUCCEEDED", "STARTED": "SUCCEEDED", "READY": "SUCCEEDED"},
    ("STEP", "FAIL"): {None: "FAILED", "STARTED": "FAILED", "READY": "FAILED"},
    ("STEP", "RETRY"): {None: "PENDING", "STARTED": "PENDING", "READY": "PENDING"},
    ("WAIT", "START"): {None: "STARTED"},
    ("WAIT", "CANCEL"): {"STARTED": "CANCELLED"},
    ("CALLBACK", "START"): {None: "STARTED"},
    ("CHAINED_INVOKE", "START"): {None: "STARTED"},
    ("EXECUTION", "SUCCEED"): {"STARTED": "SUCCEEDED"},
    ("EXECUTION", "FAIL"): {"STARTED": "FAILED"},
}
"""What an update of the function does, by type and action: from which state to which; None is "not there yet"."""

_COMPLAINTS = {
    ("CONTEXT", "START"): "Cannot start a CONTEXT that already exist.",
    ("CONTEXT", "SUCCEED"): "Invalid current CONTEXT state to close.",
    ("CONTEXT", "FAIL"): "Invalid current CONTEXT state to close.",
    ("STEP", "START"): "Invalid current STEP state to start.",
    ("STEP", "SUCCEED"): "Invalid current STEP state to close.",
    ("STEP", "FAIL"): "Invalid current STEP state to close.",
    ("STEP", "RETRY"): "Invalid current STEP state to re-attempt.",
    ("WAIT", "START"): "Cannot start a WAIT that already exist.",
    ("WAIT", "CANCEL"): "Cannot cancel a WAIT that does not exist or has already completed.",
    ("CALLBACK", "START"): "Cannot start a CALLBACK that already exist.",
    ("CHAINED_INVOKE", "START"): "Cannot start a CHAINED_INVOKE operation that already exists.",
}

DETAILS = {
    "EXECUTION": "ExecutionDetails",
    "CONTEXT": "ContextDetails",
    "STEP": "StepDetails",
    "WAIT": "WaitDetails",
    "CALLBACK": "CallbackDetails",
    "CHAINED_INVOKE": "ChainedInvokeDetails",
}
"""The member of the API's Operation that holds what only operations of this type have."""

_EVENT_NAMES = {
    "EXECUTION": "Execution",
    "CONTEXT": "Context",
    "STEP": "Step",
    "WAIT": "Wait",
    "CALLBACK": "Callback",
    "CHAINED_INVOKE": "ChainedInvoke",
}
_ENDINGS = {
    "STARTED": "Started",
    "SUCCEEDED": "Succeeded",
    "FAILED": "Failed",
    "CANCELLED": "Cancelled",
    "TIMED_OUT": "TimedOut",
    "STOPPED": "Stopped",
}

Update = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as it stands. `details` are in the names of the API's `…Details`, points in time epoch seconds."""

    id: str
    type: str
    status: str
    started: float
    parent: str | None = None
    name: str | None = None
    sub_type: str | None = None
    ended: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    timers: Mapping[str, float] = field(default_factory=dict)
    """Of a callback: when it times out (`timeout`, `heartbeat`), and how long a heartbeat lasts (`heartbeat_s`)."""
    number: int = 0
    """Its place in the order in which operations were started."""
    changed: int = 0
    """Which change of the execution was its last."""

    @property
    def is_over(self) -> bool:
        return self.status in TERMINAL

    @property
    def due(self) -> float | None:
        """When something happens to it by itself."""
        if self.type == "WAIT" and self.status == "STARTED":
            return float(self.details["ScheduledEndTimestamp"])
        if self.type == "STEP" and self.status == "PENDING":
            return float(self.details["NextAttemptTimestamp"])
        if self.type == "CALLBACK" and self.status == "STARTED":
            return min((self.timers[name] for name in ("timeout", "heartbeat") if name in self.timers), default=None)
        return None

    @property
    def is_pending(self) -> bool:
        """The execution may wait for it without running."""
        if self.type == "STEP":
            return self.status == "PENDING"
        return self.type in ("WAIT", "CALLBACK", "CHAINED_INVOKE") and self.status == "STARTED"


@dataclass(frozen=True, slots=True)
class Event:
    """What history tells of one change."""

    type: str
    details: Mapping[str, Any]


def event_name(operation_type: str, status: str) -> str:
    """WaitStarted, StepFailed, ChainedInvokeTimedOut."""
    return f"{_EVENT_NAMES[operation_type]}{_ENDINGS[status]}"


# --- a batch ---------------------------------------------------------------------------------------------------------


def check_batch(updates: Sequence[Update], known: Mapping[str, Operation]) -> None:
    """Raises what Lambda answers to updates that contradict one another, or that name a parent that is none."""
    executions = [place for place, update in enumerate(updates) if update["Type"] == "EXECUTION"]
    if len(executions) > 1:
        raise InvalidParameterValueException("Cannot checkpoint multiple EXECUTION updates.")
    if executions and executions[0] != len(updates) - 1:
        raise InvalidParameterValueException("EXECUTION checkpoint must be the last update.")
    last: dict[str, Update] = {}
    contexts = {operation.id for operation in known.values() if operation.type == "CONTEXT"}
    for update in updates:
        before = last.get(update["Id"])
        if before is not None and not _may_follow(before, update):
            raise InvalidParameterValueException("Cannot checkpoint multiple operations with the same ID.")
        if update.get("ParentId") is not None and update["ParentId"] not in contexts:
            raise InvalidParameterValueException("Invalid parent operation id.")
        if update["Type"] == "CONTEXT" and update["Action"] == "START":
            contexts.add(update["Id"])
        last[update["Id"]] = update


def _may_follow(before: Update, update: Update) -> bool:
    """A step or context may be started and closed in one checkpoint."""
    return before["Type"] in ("STEP", "CONTEXT") and before["Action"] == "START" and update["Action"] != "START"


def mentioned(updates: Sequence[Update]) -> Iterator[str]:
    """The operations that a batch speaks of."""
    for update in updates:
        yield update["Id"]
        if update.get("ParentId"):
            yield update["ParentId"]


# --- one update ------------------------------------------------------------------------------------------------------


def apply(current: Operation | None, update: Update, now: float) -> tuple[Operation, Event]:
    """The operation after the update, and what history tells of it. Raises what Lambda answers to an illegal one."""
    kind, action = update["Type"], update["Action"]
    if current is not None:
        _check_same(current, update)
    check_sizes(update)
    legal = TRANSITIONS.get((kind, action))
    if legal is None:
        raise InvalidParameterValueException("Invalid action for the given operation type.")
    before = None if current is None else current.status
    if before not in legal:
        raise InvalidParameterValueException(_COMPLAINTS[kind, action])
    _check_options(update)
    if current is None:
        current = Operation(
            id=update["Id"],
            type=kind,
            status="STARTED",
            started=now,
            parent=update.get("ParentId"),
            name=update.get("Name"),
            sub_type=update.get("SubType"),
        )
    status = legal[before]
    after = replace(current, status=status, ended=now if status in TERMINAL else None)
    return _EFFECTS[kind](after, update, now)


def _check_same(current: Operation, update: Update) -> None:
    if update["Type"] != current.type:
        raise InvalidParameterValueException("Inconsistent operation type.")
    if update.get("SubType") not in (None, current.sub_type):
        raise InvalidParameterValueException("Inconsistent operation subtype.")
    if update.get("Name") not in (None, current.name):
        raise InvalidParameterValueException("Inconsistent operation name.")
    if update.get("ParentId") not in (None, current.parent):
        raise InvalidParameterValueException("Inconsistent parent operation id.")


def check_sizes(update: Update) -> None:
    """Payloads and errors are no larger than an operation may have."""
    check_error(update.get("Error"))
    size = len((update.get("Payload") or "").encode())
    if update["Type"] != "EXECUTION" and size > limits.LAMBDA_DURABLE_PAYLOAD_BYTES_MAX:
        what = "CHAINED_INVOKE input" if update["Type"] == "CHAINED_INVOKE" else update["Type"]
        raise InvalidParameterValueException(
            f"{what} payload size must be less than or equal to {limits.LAMBDA_DURABLE_PAYLOAD_BYTES_MAX} bytes."
        )


def check_error(error: Mapping[str, Any] | None) -> None:
    """All fields of an error together have no more than an error may have."""
    if error is not None and len(orjson.dumps(error)) >= limits.LAMBDA_DURABLE_ERROR_BYTES_MAX:
        raise InvalidParameterValueException(
            f"Error object size must be less than {limits.LAMBDA_DURABLE_ERROR_BYTES_MAX} bytes."
        )


def _check_options(update: Update) -> None:
    kind, action = update["Type"], update["Action"]
    if action == "FAIL" and update.get("Payload") is not None:
        raise InvalidParameterValueException("Cannot provide a Payload for FAIL action.")
    if action == "SUCCEED" and update.get("Error") is not None:
        raise InvalidParameterValueException("Cannot provide an Error for SUCCEED action.")
    if kind == "STEP":
        if (action == "RETRY") != ("NextAttemptDelaySeconds" in (update.get("StepOptions") or {})):
            raise InvalidParameterValueException("Invalid StepOptions for the given action.")
        if action == "RETRY" and update.get("Payload") is not None and update.get("Error") is not None:
            raise InvalidParameterValueException("Cannot provide both error and payload to RETRY a STEP.")
    elif kind == "WAIT" and action == "START" and "WaitSeconds" not in (update.get("WaitOptions") or {}):
        raise InvalidParameterValueException("Update for WAIT operation requires WaitOptions.")
    elif kind == "CHAINED_INVOKE" and not update.get("ChainedInvokeOptions"):
        raise InvalidParameterValueException("Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.")


def _closed(operation: Operation, update: Update) -> tuple[Operation, dict[str, Any]]:
    """With the result or error that the update brings; and that in the form of history."""
    details = {name: value for name, value in operation.details.items() if name not in ("Result", "Error")}
    if update.get("Error") is not None:
        details["Error"] = update["Error"]
    if update.get("Payload") is not None:
        details["Result"] = update["Payload"]
    return replace(operation, details=details), told(operation.status, details)


def told(status: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """Result or Error as history has them."""
    if "Error" in details or status in ("FAILED", "TIMED_OUT", "STOPPED"):
        return {"Error": {"Payload": details.get("Error") or {}, "Truncated": False}}
    payload = {} if details.get("Result") is None else {"Payload": details["Result"]}
    return {"Result": {**payload, "Truncated": False}}


def _context(operation: Operation, update: Update, now: float) -> tuple[Operation, Event]:
    if update["Action"] == "START":
        return operation, Event("ContextStarted", {})
    operation, outcome = _closed(operation, update)
    replay = (update.get("ContextOptions") or {}).get("ReplayChildren")
    if replay is not None:
        operation = replace(operation, details={**operation.details, "ReplayChildren": replay})
    return operation, Event(event_name("CONTEXT", operation.status), outcome)


def _step(operation: Operation, update: Update, now: float) -> tuple[Operation, Event]:
    if update["Action"] == "START":
        return replace(operation, details={"Attempt": 0, **operation.details}), Event("StepStarted", {})
    attempt = operation.details.get("Attempt", 0) + 1
    operation, outcome = _closed(operation, update)
    details = {**operation.details, "Attempt": attempt}
    retry: dict[str, Any] = {"CurrentAttempt": attempt}
    if update["Action"] == "RETRY":
        delay_s = update["StepOptions"]["NextAttemptDelaySeconds"]
        details["NextAttemptTimestamp"] = now + delay_s
        retry["NextAttemptDelaySeconds"] = delay_s
    name = "StepFailed" if "Error" in outcome else "StepSucceeded"
    return replace(operation, details=details), Event(name, {**outcome, "RetryDetails": retry})


def _wait(operation: Operation, update: Update, now: float) -> tuple[Operation, Event]:
    if update["Action"] == "CANCEL":
        return operation, Event("WaitCancelled", {})
    duration_s = update["WaitOptions"]["WaitSeconds"]
    details = {"ScheduledEndTimestamp": now + duration_s}
    return replace(operation, details=details), Event("WaitStarted", {"Duration": duration_s, **details})


def _callback(operation: Operation, update: Update, now: float) -> tuple[Operation, Event]:
    options = update.get("CallbackOptions") or {}
    timers: dict[str, float] = {}
    told: dict[str, Any] = {}
    if timeout_s := options.get("TimeoutSeconds"):
        timers["timeout"] = now + timeout_s
        told["Timeout"] = timeout_s
    if heartbeat_s := options.get("HeartbeatTimeoutSeconds"):
        timers |= {"heartbeat": now + heartbeat_s, "heartbeat_s": heartbeat_s}
        told["HeartbeatTimeout"] = heartbeat_s
    return replace(operation, timers=timers), Event("CallbackStarted", told)


def _chained(operation: Operation, update: Update, now: float) -> tuple[Operation, Event]:
    options = update["ChainedInvokeOptions"]
    told = {"FunctionName": options["FunctionName"]}
    if "TenantId" in options:
        told["TenantId"] = options["TenantId"]
    return operation, Event("ChainedInvokeStarted", told)


def _execution(operation: Operation, update: Update, now: float) -> tuple[Operation, Event]:
    details = {} if update.get("Payload") is None else {"Result": update["Payload"]}
    if update["Action"] == "FAIL":
        details = {"Error": update.get("Error") or {}}
    return operation, Event(event_name("EXECUTION", operation.status), told(operation.status, details))


_EFFECTS = {
    "CONTEXT": _context,
    "STEP": _step,
    "WAIT": _wait,
    "CALLBACK": _callback,
    "CHAINED_INVOKE": _chained,
    "EXECUTION": _execution,
}


# --- what happens without the function -------------------------------------------------------------------------------


def elapse(operation: Operation, now: float) -> tuple[Operation, Event | None] | None:
    """What the time does to an operation: a wait is over, a step may be tried again, a callback has timed out."""
    if operation.due is None or operation.due > now:
        return None
    if operation.type == "WAIT":
        duration_s = round(operation.due - operation.started)
        return replace(operation, status="SUCCEEDED", ended=now), Event("WaitSucceeded", {"Duration": duration_s})
    if operation.type == "STEP":
        details = {name: value for name, value in operation.details.items() if name != "NextAttemptTimestamp"}
        return replace(operation, status="READY", details=details), None
    is_heartbeat = operation.timers.get("heartbeat") == operation.due != operation.timers.get("timeout")
    kind = "Heartbeat" if is_heartbeat else "Timeout"
    message = "Callback timed out on heartbeat" if is_heartbeat else "Callback timed out"
    error = {"ErrorType": f"Callback.{kind}", "ErrorMessage": message}
    return close(operation, "TIMED_OUT", {"Error": error}, now)


def close(operation: Operation, status: str, outcome: Mapping[str, Any], now: float) -> tuple[Operation, Event]:
    """A callback or chained invoke is over, with its Result or Error."""
    closed = replace(operation, status=status, ended=now, details={**operation.details, **outcome})
    return closed, Event(event_name(operation.type, status), told(status, outcome))


def beat(operation: Operation, now: float) -> Operation:
    """Somebody is still at work on the callback."""
    if "heartbeat_s" not in operation.timers:
        return operation
    return replace(operation, timers={**operation.timers, "heartbeat": now + operation.timers["heartbeat_s"]})
