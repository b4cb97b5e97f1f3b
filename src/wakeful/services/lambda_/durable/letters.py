"""The event that began an execution which failed goes to the function's dead-letter target.

"Best practices for Lambda durable functions" has it so for executions that were begun asynchronously.
"""

from __future__ import annotations

from wakeful.fabric.deliver import Delivery, deliver, text_attribute
from wakeful.services.lambda_ import functions, measuring
from wakeful.services.lambda_.durable import starts
from wakeful.services.lambda_.durable.executions import Execution
from wakeful.store.tx import Tx


def bury(tx: Tx, execution: Execution) -> None:
    """The event is in the function's dead-letter target, if it has one; three attributes say why."""
    version = functions.get_version(tx, execution.function, execution.version)
    if version is None:
        return  # it has gone meanwhile, and what was configured with it
    config = starts.config_of(version)
    target = (config.get("DeadLetterConfig") or {}).get("TargetArn")
    if not target:
        return
    message = (execution.error or {}).get("ErrorMessage") or execution.status
    is_buried = deliver(
        tx,
        Delivery(
            target_arn=target,
            body=execution.input or "{}",
            source_arn=execution.function,
            principal=config["Role"],
            account=execution.reference.account,
            trace=execution.trace.caused_by(execution.id, hops=1),
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
