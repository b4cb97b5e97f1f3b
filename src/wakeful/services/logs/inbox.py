"""Events that others deliver to a log stream: safe in the giver's transaction, and in the stream a moment later."""

from __future__ import annotations

from wakeful import limits, names
from wakeful.fabric.deliver import Delivery, Refused
from wakeful.fabric.service import Done, Node
from wakeful.services.logs import groups, streams
from wakeful.store import work
from wakeful.store.log_chunks import size_of
from wakeful.store.telemetry import LogEvent
from wakeful.store.tx import Tx

KIND = "logs.put"


def accept(tx: Tx, delivery: Delivery) -> None:
    """The event is in the log stream that the target's ARN names, which is made where it is missing."""
    group_arn, _, name = delivery.target_arn.partition(":log-stream:")
    group = groups.get(tx, group_arn)
    if group is None:
        raise Refused(f"the log group {group_arn} does not exist", "NO_RESOURCE")
    if not name or not names.parse_arn(group_arn).resource.startswith("log-group:"):
        raise Refused(f"{delivery.target_arn} is no log stream", "INVALID_TARGET")
    if size_of(delivery.body) > limits.LOGS_BATCH_BYTES_MAX:
        raise Refused("the event is larger than a log event can be", "INVALID_PARAMETER")
    streams.ensure(tx, group, name)
    event = {"log": group.arn, "stream": name, "timestamp_ms": int(tx.now * 1000), "message": delivery.body}
    work.put(tx, KIND, event)


async def carry_out(node: Node, item: work.Item) -> Done:
    """The worker: the event is on disk, in the stream. After a crash it may stand there twice."""
    event = item.body
    await node.telemetry.put_events(event["log"], event["stream"], [LogEvent(event["timestamp_ms"], event["message"])])
    return Done()
