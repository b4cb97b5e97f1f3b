"""The history of a durable execution: what happened to it, event by event ("GetDurableExecutionHistory")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from wakeful.services.lambda_.durable.rules import Event, Operation
from wakeful.store.tx import Tx

_DATA = ("Input", "Result", "Error", "Reason")
"""Members of an event's details that hold what functions and people have said."""


def add(tx: Tx, execution: str, number: int, event: Event, about: Operation | None) -> None:
    """The execution's history has one more event."""
    body: dict[str, Any] = {
        "EventType": event.type,
        "EventId": number,
        "EventTimestamp": tx.now,
        f"{event.type}Details": dict(event.details),
    }
    if about is not None:
        of = {"Id": about.id, "Name": about.name, "ParentId": about.parent, "SubType": about.sub_type}
        body |= {member: value for member, value in of.items() if value is not None}
    tx.run(
        "INSERT INTO lambda_durable_events(execution, number, body) VALUES (?, ?, ?)",
        *(execution, number, orjson.dumps(body)),
    )


def page(
    tx: Tx, execution: str, after: int, limit: int, *, is_reversed: bool, with_data: bool
) -> tuple[list[dict[str, Any]], int | None]:
    """Up to `limit` events from the one after event `after` on, and after which one to go on; `after` 0 begins."""
    if is_reversed:
        rows = tx.all(
            "SELECT number, body FROM lambda_durable_events WHERE execution = ? AND (? = 0 OR number < ?)"
            " ORDER BY number DESC LIMIT ?",
            *(execution, after, after, limit + 1),
        )
    else:
        rows = tx.all(
            "SELECT number, body FROM lambda_durable_events WHERE execution = ? AND number > ? ORDER BY number LIMIT ?",
            *(execution, after, limit + 1),
        )
    events = [_shown(orjson.loads(row["body"]), with_data=with_data) for row in rows[:limit]]
    return events, rows[limit - 1]["number"] if len(rows) > limit else None


def _shown(event: dict[str, Any], *, with_data: bool) -> dict[str, Any]:
    if with_data:
        return event
    member = f"{event['EventType']}Details"
    return {**event, member: {name: _without(name, value) for name, value in event[member].items()}}


def _without(name: str, value: Any) -> Any:
    if name in _DATA and isinstance(value, Mapping):
        return {"Truncated": True}
    return value
