"""The history of a durable execution: what happened to it, event by event ("GetDurableExecutionHistory")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from wakeful import limits
from wakeful.services.lambda_.durable.rules import Event, Operation
from wakeful.store.tx import Row, Tx

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
    """Up to `limit` events from the one after event `after` on, as many as fit, and after which one to go on.

    `after` 0 begins.
    """
    beyond, order = ("<", "DESC") if is_reversed else (">", "ASC")
    rows = tx.all(
        "SELECT number, length(body) AS size FROM lambda_durable_events WHERE execution = ?"  # noqa: S608 - our words
        f" AND (? = 0 OR number {beyond} ?) ORDER BY number {order} LIMIT ?",
        *(execution, after, after, limit + 1),
    )
    numbers = list(_fitting(rows, limit))
    found = tx.all(
        "SELECT body FROM lambda_durable_events WHERE execution = ? AND number BETWEEN ? AND ?"  # noqa: S608 - our words
        f" ORDER BY number {order}",
        *(execution, min(numbers, default=0), max(numbers, default=0)),
    )
    events = [_shown(orjson.loads(row["body"]), with_data=with_data) for row in found]
    return events, numbers[-1] if len(rows) > len(numbers) else None


def _fitting(rows: Sequence[Row], limit: int) -> Iterator[int]:
    """The numbers of as many as a page holds: up to the limit, and up to so many bytes; one at least."""
    size = 0
    for place, row in enumerate(rows[:limit]):
        size += row["size"]
        if place and size > limits.LAMBDA_DURABLE_PAGE_BYTES_MAX:
            return
        yield row["number"]


def _shown(event: dict[str, Any], *, with_data: bool) -> dict[str, Any]:
    if with_data:
        return event
    member = f"{event['EventType']}Details"
    return {**event, member: {name: _without(name, value) for name, value in event[member].items()}}


def _without(name: str, value: Any) -> Any:
    if name in _DATA and isinstance(value, Mapping):
        return {"Truncated": True}
    return value
