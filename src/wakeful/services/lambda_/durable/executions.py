"""Durable executions: their rows, those of their operations, and the work rows that carry them on.

A row owns everything: an execution that waits for a year is rows and no process. Two work rows of fixed names belong to
it: one that runs the function (at most one invocation of an execution is under way), one for whatever falls due next.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from wakeful import limits
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_.durable import history, rules
from wakeful.services.lambda_.durable.rules import Event, Operation
from wakeful.services.lambda_.errors import InvalidParameterValueException, LambdaError, ResourceNotFoundException
from wakeful.services.lambda_.references import LATEST, Reference, of_arn
from wakeful.store import work
from wakeful.store.tx import Row, Tx

RUN = "lambda.durable.run"
"""The kind of work row that invokes the function."""

TIMER = "lambda.durable.timer"
"""The kind of work row for what falls due next: waits, retries, timeouts, the end of retention."""

OPEN = frozenset(("RUNNING", "PAUSING", "PAUSED"))
"""The states of an execution that is not over."""

STATUSES: Mapping[str, frozenset[str]] = {
    "RUNNING": frozenset(("PAUSING", "PAUSED", "SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED")),
    "PAUSING": frozenset(("RUNNING", "PAUSED", "SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED")),
    "PAUSED": frozenset(("RUNNING", "TIMED_OUT", "STOPPED")),
    **dict.fromkeys(("SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"), frozenset(("DELETING",))),
    "DELETING": frozenset(),
}
"""From which state an execution may come into which."""

_DAY_S = 86_400
_ERROR = {
    "errorMessage": "ErrorMessage",
    "errorType": "ErrorType",
    "errorData": "ErrorData",
    "stackTrace": "StackTrace",
}
"""Members of a function's error document, and where an execution has them."""


class DurableExecutionAlreadyStartedException(LambdaError):
    """The durable execution with the specified name has already been started."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One durable execution as it stands."""

    arn: str
    function: str
    version: str
    asked: str
    name: str
    kind: str
    started: float
    input: str | None
    config: Mapping[str, Any]
    trace: Trace
    tenant: str | None
    client: str | None
    role: str
    parent: str | None
    parent_operation: str | None
    status: str
    ended: float | None
    deadline: float
    result: str | None = None
    error: Mapping[str, Any] | None = None
    invocation: str = ""
    """The request id of the invocation whose checkpoints are taken; "" is none."""
    invoked: float | None = None
    token: int = 0
    changes: int = 0
    seen: int = 0
    failures: int = 0
    operations: int = 0
    events: int = 0
    written: int = 0
    """Bytes, by its checkpoints."""
    checkpoint: Mapping[str, Any] | None = None
    pause: Mapping[str, Any] | None = None
    log_tail: bytes | None = None

    @property
    def id(self) -> str:
        """The last part of its ARN, and the id of its operation of type EXECUTION."""
        return self.arn.rsplit("/", 1)[1]

    @property
    def reference(self) -> Reference:
        """The function version that it runs."""
        return replace(of_arn(self.function), qualifier=self.version)

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def answer(self) -> bytes:
        """What whoever invoked the function is told now that it is over: a result, or an error in a function's form."""
        if self.status == "SUCCEEDED":
            return (self.result or "null").encode()
        error = self.error or {}
        return orjson.dumps({ours: error[theirs] for ours, theirs in _ERROR.items() if error.get(theirs) is not None})

    @property
    def kept_until(self) -> float:
        """When nothing is left of it any more. It is over."""
        assert self.ended is not None
        return self.ended if self.status == "DELETING" else self.ended + self.config["RetentionPeriodInDays"] * _DAY_S

    @property
    def timeout_s(self) -> int:
        return int(self.config["ExecutionTimeout"])

    @property
    def result_bytes_max(self) -> int:
        is_waited_for = self.kind == "RequestResponse"
        return limits.LAMBDA_SYNCHRONOUS_BYTES_MAX if is_waited_for else limits.LAMBDA_DURABLE_PAYLOAD_BYTES_MAX

    @property
    def checkpoint_token(self) -> str:
        """What the function must show with its next checkpoint; good for one."""
        return _packed([self.arn, self.invocation, self.token])

    def becomes(self, status: str) -> Execution:
        assert status in STATUSES[self.status], f"{self.arn} may not become {status}: it is {self.status}"
        return replace(self, status=status)


def wake_name(arn: str) -> str:
    """Woken when the execution is over."""
    return f"lambda.durable {arn}"


# --- rows of executions ----------------------------------------------------------------------------------------------


def get(tx: Tx, arn: str) -> Execution | None:
    row = tx.one("SELECT * FROM lambda_durable_executions WHERE arn = ?", arn)
    return None if row is None else execution_of(row)


def find(tx: Tx, arn: str) -> Execution:
    found = get(tx, arn)
    if found is None:
        raise ResourceNotFoundException("Durable Execution does not exist")
    return found


def named(tx: Tx, function: str, name: str) -> Execution | None:
    """Names are unique within a function."""
    row = tx.one("SELECT * FROM lambda_durable_executions WHERE function = ? AND name = ?", function, name)
    return None if row is None else execution_of(row)


def insert(tx: Tx, execution: Execution) -> None:
    tx.run(
        "INSERT INTO lambda_durable_executions(arn, function, version, asked, name, kind, started, input, config,"
        " trace, tenant, client, role, parent, parent_operation, status, deadline, invocation, token, changes, seen,"
        " failures, operations, events, written)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, 0, 0, 0, 0, 0, 0)",
        *(execution.arn, execution.function, execution.version, execution.asked, execution.name, execution.kind),
        *(
            execution.started,
            execution.input,
            orjson.dumps(dict(execution.config)),
            orjson.dumps(asdict(execution.trace)),
        ),
        *(execution.tenant, execution.client, execution.role, execution.parent, execution.parent_operation),
        *(execution.status, execution.deadline),
    )


def save(tx: Tx, execution: Execution) -> None:
    """What changes about an execution is as it says. The caller holds its lock."""
    tx.run(
        "UPDATE lambda_durable_executions SET status = ?, ended = ?, deadline = ?, result = ?, error = ?,"
        " invocation = ?, invoked = ?, token = ?, changes = ?, seen = ?, failures = ?, operations = ?, events = ?,"
        " written = ?, checkpoint = ?, pause = ?, log_tail = ? WHERE arn = ?",
        *(execution.status, execution.ended, execution.deadline, execution.result, _json(execution.error)),
        *(
            execution.invocation,
            execution.invoked,
            execution.token,
            execution.changes,
            execution.seen,
            execution.failures,
        ),
        *(execution.operations, execution.events, execution.written, _json(execution.checkpoint)),
        *(_json(execution.pause), execution.log_tail, execution.arn),
    )


def lock(tx: Tx, arn: str) -> None:
    tx.lock("lambda", arn)


def _json(value: Any) -> bytes | None:
    return None if value is None else orjson.dumps(value)


def execution_of(row: Row) -> Execution:
    fields = {name: row[name] for name in Execution.__slots__}
    fields["config"] = orjson.loads(row["config"])
    fields["trace"] = Trace(**orjson.loads(row["trace"]))
    for name in ("error", "checkpoint", "pause"):
        fields[name] = None if row[name] is None else orjson.loads(row[name])
    fields["log_tail"] = None if row["log_tail"] is None else bytes(row["log_tail"])
    return Execution(**fields)


def drop(tx: Tx, execution: Execution) -> None:
    """Nothing is left of it."""
    work.drop(tx, f"{RUN} {execution.arn}")
    tx.run("DELETE FROM lambda_durable_operations WHERE execution = ?", execution.arn)
    tx.run("DELETE FROM lambda_durable_events WHERE execution = ?", execution.arn)
    tx.run("DELETE FROM lambda_durable_executions WHERE arn = ?", execution.arn)


# --- rows of operations ----------------------------------------------------------------------------------------------


def operation(tx: Tx, arn: str, operation_id: str) -> Operation | None:
    row = tx.one("SELECT * FROM lambda_durable_operations WHERE execution = ? AND id = ?", arn, operation_id)
    return None if row is None else operation_of(row)


def operations(tx: Tx, arn: str, ids: Collection[str]) -> dict[str, Operation]:
    """Those of these operations that are there, in the order in which they were started."""
    if not ids:
        return {}
    wanted = list(dict.fromkeys(ids))
    rows = tx.all(
        "SELECT * FROM lambda_durable_operations WHERE execution = ?"  # noqa: S608 - our words, and a mark for each
        f" AND id IN ({', '.join('?' * len(wanted))}) ORDER BY number",
        *(arn, *wanted),
    )
    return {row["id"]: operation_of(row) for row in rows}


def unseen(tx: Tx, execution: Execution, since: int | None = None) -> list[Operation]:
    """The operations that changed since the function was last told (or since that change), in their order."""
    rows = tx.all(
        "SELECT * FROM lambda_durable_operations WHERE execution = ? AND changed > ? ORDER BY number",
        *(execution.arn, execution.seen if since is None else since),
    )
    return [operation_of(row) for row in rows]


def has_pending(tx: Tx, arn: str) -> bool:
    """Whether there is something that the execution may wait for."""
    row = tx.one("SELECT 1 FROM lambda_durable_operations WHERE execution = ? AND pending = 1 LIMIT 1", arn)
    return row is not None


def due_operations(tx: Tx, arn: str) -> Iterator[Operation]:
    rows = tx.all(
        "SELECT * FROM lambda_durable_operations WHERE execution = ? AND due <= ? ORDER BY due, number", arn, tx.now
    )
    return (operation_of(row) for row in rows)


def operation_of(row: Row) -> Operation:
    body = orjson.loads(row["body"])
    return Operation(
        **body,
        id=row["id"],
        type=row["type"],
        status=row["status"],
        parent=row["parent"],
        number=row["number"],
        changed=row["changed"],
    )


def put(tx: Tx, execution: Execution, changed: Operation, event: Event | None) -> tuple[Execution, Operation]:
    """The operation is as it says, and history tells of it; with the execution that counts that, not yet saved."""
    execution = replace(execution, changes=execution.changes + 1)
    if not changed.number:
        execution = replace(execution, operations=execution.operations + 1)
        changed = replace(changed, number=execution.operations)
    changed = replace(changed, changed=execution.changes)
    _write(tx, execution.arn, changed)
    return (execution if event is None else tell(tx, execution, event, changed)), changed


def tell(tx: Tx, execution: Execution, event: Event, about: Operation | None = None) -> Execution:
    """History has the event; the execution that counts it, not yet saved."""
    number = execution.events + 1
    history.add(tx, execution.arn, number, event, about)
    return replace(execution, events=number)


def rewrite(tx: Tx, arn: str, changed: Operation) -> None:
    """The operation's timers are as it says; the function need not be told."""
    _write(tx, arn, changed)


def _write(tx: Tx, arn: str, operation: Operation) -> None:
    body = {
        "started": operation.started,
        "name": operation.name,
        "sub_type": operation.sub_type,
        "ended": operation.ended,
        "details": dict(operation.details),
        "timers": dict(operation.timers),
    }
    tx.run(
        "INSERT INTO lambda_durable_operations(execution, id, number, parent, type, status, changed, replays, pending,"
        " due, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(execution, id) DO UPDATE SET"
        " status = excluded.status, changed = excluded.changed, replays = excluded.replays,"
        " pending = excluded.pending, due = excluded.due, body = excluded.body",
        *(arn, operation.id, operation.number, operation.parent, operation.type, operation.status, operation.changed),
        *(int(bool(operation.details.get("ReplayChildren"))), int(operation.is_pending), operation.due),
        orjson.dumps(body),
    )


def elapse(tx: Tx, execution: Execution) -> Execution:
    """Whatever was due of its operations has happened; the execution that counts it, not yet saved."""
    for each in due_operations(tx, execution.arn):
        elapsed = rules.elapse(each, tx.now)
        if elapsed is not None:
            execution, _ = put(tx, execution, *elapsed)
    return execution


# --- what comes next -------------------------------------------------------------------------------------------------


def run_soon(tx: Tx, execution: Execution) -> None:
    """The function will be invoked, unless the execution is paused; one invocation at a time."""
    if execution.status == "RUNNING":
        work.ensure(tx, RUN, f"{RUN} {execution.arn}", {"execution": execution.arn})


def plan(tx: Tx, execution: Execution) -> None:
    """A work row is due when the next thing happens to the execution by itself."""
    row = tx.one("SELECT min(due) AS due FROM lambda_durable_operations WHERE execution = ?", execution.arn)
    due = execution.deadline if row is None or row["due"] is None else min(execution.deadline, row["due"])
    work.put(tx, TIMER, {"execution": execution.arn}, due=due, name=f"{TIMER} {execution.arn}")


def plan_removal(tx: Tx, execution: Execution, due: float) -> None:
    """Nothing more happens to the execution until it is removed."""
    work.drop(tx, f"{RUN} {execution.arn}")
    work.put(tx, TIMER, {"execution": execution.arn}, due=due, name=f"{TIMER} {execution.arn}")


# --- tokens ----------------------------------------------------------------------------------------------------------


def _packed(parts: list[Any]) -> str:
    return base64.b64encode(orjson.dumps(parts)).decode()


def _unpacked(token: str, length: int) -> list[Any] | None:
    try:
        parts = orjson.loads(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        return None
    return parts if isinstance(parts, list) and len(parts) == length else None


def checked_token(execution: Execution | None, arn: str, token: str) -> Execution:
    """The execution, where this is its current checkpoint token. Raises what Lambda answers to any other."""
    parts = _unpacked(token, 3)
    if parts is not None and parts[0] != arn:
        raise InvalidParameterValueException("Checkpoint token is not valid for the durable execution ARN")
    is_current = (
        parts is not None
        and execution is not None
        and execution.is_open
        and parts[1:] == [execution.invocation, execution.token]
        and execution.invocation != ""
    )
    if execution is None or not is_current:
        raise InvalidParameterValueException("Invalid checkpoint token")
    return execution


def previous_token(execution: Execution) -> str:
    """The token that the last checkpoint has used."""
    return replace(execution, token=execution.token - 1).checkpoint_token


def callback_id(arn: str, operation_id: str, secret: str) -> str:
    """By which somebody outside says what became of a callback."""
    return _packed([arn, operation_id, secret])


def callback_of(token: str) -> tuple[str, str]:
    """The execution and the operation that a callback id belongs to."""
    parts = _unpacked(token, 3)
    if parts is None or not all(isinstance(part, str) for part in parts):
        raise InvalidParameterValueException("Invalid callback id")
    return parts[0], parts[1]


# --- showing ---------------------------------------------------------------------------------------------------------


def shown(operation: Operation) -> dict[str, Any]:
    """As the API's Operation."""
    optional = {
        "ParentId": operation.parent,
        "Name": operation.name,
        "SubType": operation.sub_type,
        "EndTimestamp": operation.ended,
    }
    return {
        "Id": operation.id,
        "Type": operation.type,
        "Status": operation.status,
        "StartTimestamp": operation.started,
        **{member: value for member, value in optional.items() if value is not None},
        rules.DETAILS[operation.type]: dict(operation.details),
    }


def qualified(reference: Reference) -> str:
    return f"{reference.arn}:{reference.qualifier or LATEST}"
