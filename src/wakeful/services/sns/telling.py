"""Events of endpoints are published to the topics that want to hear of them."""

from __future__ import annotations

import json

from wakeful import names
from wakeful.fabric.service import Done, Node, Worker
from wakeful.fabric.trace import Trace
from wakeful.services.sns import fanout, platform_events
from wakeful.services.sns import topic as topics
from wakeful.services.sns.message import Message
from wakeful.store import work
from wakeful.store.telemetry import Note
from wakeful.store.tx import Tx


async def _tell(node: Node, item: work.Item) -> Done:
    body = item.body
    message = Message(
        default=json.dumps(body["event"], separators=(",", ":")),
        subject=body["subject"],
        size=len(json.dumps(body["event"])),
    )
    trace, note = Trace(*body["trace"]), names.new_uuid()

    def now(tx: Tx) -> None:
        is_there = topics.get(tx, body["topic"]) is not None
        if is_there:
            fanout.publish(tx, body["topic"], (message,), trace.caused_by(note))
        tx.note(
            Note(
                id=note,
                trace=trace.id,
                cause=trace.cause,
                hops=trace.hops,
                kind="event",
                name=body["event"]["EventType"],
                resource=body["topic"],
                account=names.parse_arn(body["source"]).account,
                at=tx.now,
                status="ok" if is_there else "NO_RESOURCE",
                detail={"source": body["source"], **({} if is_there else {"reason": "the topic does not exist"})},
            )
        )

    return Done(now)


worker = Worker(platform_events.KIND, _tell, slots=4)
