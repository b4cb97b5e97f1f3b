"""How a durable execution begins: by name it begins once, its version stays, and its row and first work are one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from wakeful import limits, names
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import aliases, functions
from wakeful.services.lambda_.durable import executions, spending, telling
from wakeful.services.lambda_.durable.executions import DurableExecutionAlreadyStartedException, Execution
from wakeful.services.lambda_.durable.rules import Event, Operation
from wakeful.services.lambda_.errors import InvalidParameterValueException, TooManyRequestsException
from wakeful.services.lambda_.references import Reference
from wakeful.store.tx import Tx

UNQUALIFIED = "You cannot invoke a durable function using an unqualified ARN."
TOO_LONG = "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes."


@dataclass(frozen=True, slots=True)
class Beginning:
    """What an execution is begun with. `function` names the version that will run, `asked` what was invoked."""

    function: Reference
    asked: str
    config: Mapping[str, Any]
    role: str
    input: str | None
    kind: str
    trace: Trace
    name: str | None = None
    tenant: str | None = None
    client: str | None = None
    parent: str | None = None
    parent_operation: str | None = None


def check(reference: Reference, config: Mapping[str, Any], kind: str) -> None:
    """Raises what Lambda answers where a durable function may not be invoked like this."""
    if not reference.qualifier:
        raise InvalidParameterValueException(UNQUALIFIED)
    if kind == "RequestResponse" and config["ExecutionTimeout"] > limits.LAMBDA_DURABLE_SYNCHRONOUS_S_MAX:
        raise InvalidParameterValueException(TOO_LONG)


def check_mapping(tx: Tx, reference: Reference) -> functions.Version:
    """The version a mapping invokes. Raises what Lambda answers where it is missing, or a mapping may not invoke it."""
    version = functions.find(tx, reference)
    config = config_of(version)
    if "DurableConfig" in config:
        check(reference, config["DurableConfig"], "RequestResponse")
    return version


def start(tx: Tx, beginning: Beginning) -> Execution:
    """The execution runs; or, where the function has one of this name and input already, that one, whatever its state.

    Raises DurableExecutionAlreadyStartedException where that had another input.
    """
    function = beginning.function
    name = beginning.name or names.new_uuid()
    tx.lock("lambda", f"durable {function.arn} {name}")
    existing = executions.named(tx, function.arn, name)
    if existing is not None:
        if existing.input != beginning.input:
            raise DurableExecutionAlreadyStartedException(f"Execution already started: {existing.arn}")
        return existing
    if telling.running(tx, function.account, function.region) >= limits.LAMBDA_DURABLE_RUNNING_MAX:
        raise TooManyRequestsException("Rate Exceeded.", Reason="CallerRateLimitExceeded")
    execution = _new(beginning, name, tx.now)
    executions.lock(tx, execution.arn)
    executions.insert(tx, execution)
    execution, _ = executions.put(tx, execution, *_root(execution, tx.now))
    executions.save(tx, execution)
    executions.run_soon(tx, execution)
    executions.plan(tx, execution)
    telling.started(tx, execution)
    spending.spend(tx, execution, 1, spending.size(execution.input, None))
    return execution


def _new(beginning: Beginning, name: str, now: float) -> Execution:
    function = beginning.function
    return Execution(
        arn=f"{executions.qualified(function)}/durable-execution/{name}/{names.new_uuid()}",
        function=function.arn,
        version=function.qualifier,
        asked=beginning.asked,
        name=name,
        kind=beginning.kind,
        started=now,
        input=beginning.input,
        config=beginning.config,
        trace=beginning.trace,
        tenant=beginning.tenant,
        client=beginning.client,
        role=beginning.role,
        parent=beginning.parent,
        parent_operation=beginning.parent_operation,
        status="RUNNING",
        ended=None,
        deadline=now + beginning.config["ExecutionTimeout"],
    )


def _root(execution: Execution, now: float) -> tuple[Operation, Event]:
    given = {} if execution.input is None else {"Payload": execution.input}
    details = {} if execution.input is None else {"InputPayload": execution.input}
    root = Operation(
        id=execution.id, type="EXECUTION", status="STARTED", started=now, name=execution.name, details=details
    )
    told = {"Input": {**given, "Truncated": False}, "ExecutionTimeout": execution.timeout_s}
    return root, Event("ExecutionStarted", told)


# --- what an event starts --------------------------------------------------------------------------------------------


def config_of(row: functions.Version) -> Mapping[str, Any]:
    """The configuration that invocations of the version get."""
    config: Mapping[str, Any] = row.config if row.serving is None else row.serving["config"]
    return config


def picked(tx: Tx, reference: Reference) -> functions.Version:
    """The version that one invocation of the reference runs; of an alias's two, by weight."""
    alias = aliases.get(tx, reference.arn, reference.qualifier) if reference.qualifier else None
    if alias is None:
        return functions.find(tx, reference)
    left = names.draw()
    for version, share in alias.routing.items():
        left -= share
        if left < 0:
            return functions.find_version(tx, reference, version)
    return functions.find_version(tx, reference, alias.version)


def of_event(tx: Tx, reference: Reference, payload: str, trace: Trace, tenant: str | None = None) -> Execution | None:
    """An event for a durable function begins an execution; None where the function is not durable.

    Raises ResourceNotFoundException, or what Lambda answers where the function may not be invoked like this.
    """
    version = picked(tx, reference)
    config = config_of(version)
    if "DurableConfig" not in config:
        return None
    check(reference, config["DurableConfig"], "Event")
    return start(
        tx,
        Beginning(
            function=replace(reference, qualifier=version.version),
            asked=reference.qualifier,
            config=config["DurableConfig"],
            role=config["Role"],
            input=payload,
            kind="Event",
            trace=trace,
            tenant=tenant,
        ),
    )
