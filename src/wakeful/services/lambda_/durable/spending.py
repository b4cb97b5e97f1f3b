"""What a durable execution is to be paid for: operations, and the bytes that they keep.

"Durable execution SDK" has the table: an execution, a wait, a callback, a chained invoke and a context count as one
operation each, a step as one for every attempt, and so does an invocation that is tried again. Kept are what the
execution was begun with and what it, its steps, contexts and callbacks ended with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from wakeful.services.lambda_ import functions
from wakeful.services.lambda_.billing import metering
from wakeful.services.lambda_.durable.executions import Execution
from wakeful.services.lambda_.durable.rules import Operation, Update
from wakeful.store.tx import Tx


def spend(tx: Tx, execution: Execution, operations: int, written: int) -> None:
    """The bill has them, once the transaction is on disk."""
    if operations or written:
        tags = functions.tags_of(tx, execution.function)
        tx.note(metering.durable(execution.function, execution.version, tags, tx.now, operations, written))


def of_update(before: Operation | None, update: Update) -> tuple[int, int]:
    """How many operations an update counts as, and how many bytes it keeps."""
    kind, action = update["Type"], update["Action"]
    if kind == "STEP":
        return int(action != "START"), size(update.get("Payload"), update.get("Error"))
    if kind == "CONTEXT":
        return int(before is None), size(update.get("Payload"), update.get("Error"))
    return int(action == "START"), 0


def size(payload: str | None, error: Mapping[str, Any] | None) -> int:
    """Bytes of a result or an error."""
    return len((payload or "").encode()) + (len(orjson.dumps(error)) if error else 0)
