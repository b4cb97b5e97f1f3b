"""What happens to durable executions by itself: waits end, steps may be tried again, callbacks and executions time out.

Each execution has one work row for the next of these, so a wait of a year costs a row.
"""

from __future__ import annotations

from wakeful.fabric.service import Done, Node
from wakeful.services.lambda_.durable import endings, executions
from wakeful.store import work
from wakeful.store.tx import Tx


async def carry_out(node: Node, item: work.Item) -> Done:
    """The worker: whatever is due of one execution has happened, and the next is planned."""
    return Done(lambda tx: fall_due(tx, item.body["execution"]))


def fall_due(tx: Tx, arn: str) -> None:
    """Everything that was due is done; the function will hear of it."""
    executions.lock(tx, arn)
    execution = executions.get(tx, arn)
    if execution is None:
        return
    if not execution.is_open:
        if execution.kept_until <= tx.now:  # else it has ended while this row, due for something else, was at work
            executions.drop(tx, execution)
        return
    if execution.deadline <= tx.now:
        error = {"ErrorMessage": f"Execution timed out after {execution.timeout_s} seconds."}
        endings.close(tx, execution, "TIMED_OUT", error=error)
        return
    before = execution.changes
    execution = executions.elapse(tx, execution)
    executions.save(tx, execution)
    if execution.changes > before:
        executions.run_soon(tx, execution)
    executions.plan(tx, execution)
