"""What becomes of the event that began an execution: a record of it, and a dead letter where the execution has failed.

"Best practices for Lambda durable functions" has dead letters so. Of destinations nothing more is said there than that
durable functions are invoked as others are, so their records have the form of any other's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wakeful.fabric.deliver import Delivery, deliver, text_attribute
from wakeful.services.lambda_ import destinations, event_configs, functions, measuring, runs
from wakeful.services.lambda_.destinations import Record, Response
from wakeful.services.lambda_.durable import starts
from wakeful.services.lambda_.durable.executions import Execution
from wakeful.store.tx import Tx

_RETRIES_EXHAUSTED = "RetriesExhausted"
"""Of every execution that failed: the event is not tried again."""


def send(tx: Tx, execution: Execution) -> None:
    """Its destination has a record of the execution, and its dead-letter target the event of one that failed."""
    version = functions.get_version(tx, execution.function, execution.version)
    if version is None:
        return  # it has gone meanwhile, and what was configured with it
    config = starts.config_of(version)
    _record(tx, execution, config["Role"])
    target = (config.get("DeadLetterConfig") or {}).get("TargetArn")
    if target and execution.status != "SUCCEEDED":
        _bury(tx, execution, target, config)


def _record(tx: Tx, execution: Execution, role_arn: str) -> None:
    asked = replace(execution.reference, qualifier=execution.asked or execution.version)
    config = event_configs.effective(tx, asked)
    has_succeeded = execution.status == "SUCCEEDED"
    destination = config.on_success if has_succeeded else config.on_failure
    if not destination:
        return
    error = None if has_succeeded else "Unhandled"
    record = Record(
        function=asked,
        request_id=execution.id,
        trace=execution.trace,
        condition=destinations.SUCCESS if has_succeeded else _RETRIES_EXHAUSTED,
        invoke_count=1,
        payload=execution.input or "{}",
        response=Response(200, execution.version, error, execution.answer),
    )
    destinations.send(tx, record, destination, role_arn)


def _bury(tx: Tx, execution: Execution, target_arn: str, config: Mapping[str, Any]) -> None:
    """The event is in the function's dead-letter target; three attributes say why."""
    message = (execution.error or {}).get("ErrorMessage") or execution.status
    is_buried = deliver(
        tx,
        Delivery(
            target_arn=target_arn,
            body=execution.input or "{}",
            source_arn=execution.function,
            principal=config["Role"],
            account=execution.reference.account,
            trace=runs.effects(execution.trace, execution.id, execution.function),
            label="dead letter",
            attributes={
                "RequestID": text_attribute(execution.id),
                "ErrorCode": {"DataType": "Number", "StringValue": "200"},
                "ErrorMessage": text_attribute(message[:1024]),
            },
        ),
    )
    if not is_buried:
        tx.note(measuring.not_buried(execution.reference, tx.now))
