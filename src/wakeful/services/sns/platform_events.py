"""What happens to endpoints is told to topics ("Application event notifications for mobile applications")."""

from __future__ import annotations

from typing import Any

from wakeful.fabric.trace import Trace
from wakeful.services.sns.message import timestamp
from wakeful.store import work
from wakeful.store.tx import Tx

KIND = "sns.event"


def put(
    tx: Tx, topic: str, application: str, event: str, endpoint: str, subject: str, trace: Trace, **more: Any
) -> None:
    """The event will be published to the topic."""
    told = {
        "Service": "SNS",
        "EventType": event,
        "EndpointArn": endpoint,
        "Resource": application,
        "Time": timestamp(tx.now),
        **more,
    }
    said = {"topic": topic, "subject": subject, "event": told, "source": application}
    work.put(tx, KIND, {**said, "trace": [trace.id, trace.cause, trace.hops, trace.lineage]})
