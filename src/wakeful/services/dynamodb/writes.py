"""One write of one item, as a value: what a client asks for, checked as far as that goes without looking at any row,
and carried out in a transaction. PutItem and its kind, batches and transactions are made of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from wakeful.fabric.service import Call, Node
from wakeful.services.dynamodb import changes, item_rules, items
from wakeful.services.dynamodb.capacity import Meter
from wakeful.services.dynamodb.changes import Cause
from wakeful.services.dynamodb.errors import ConditionalCheckFailedException
from wakeful.services.dynamodb.items import Stored
from wakeful.services.dynamodb.known_tables import asked_of
from wakeful.services.dynamodb.sizes import item_size
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Item, answered, checked
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.services.dynamodb.expressions.requests import Asked

Kind = Literal["Put", "Update", "Delete", "ConditionCheck"]


@dataclass(frozen=True, slots=True)
class Write:
    kind: Kind
    table: Table
    """As it was known when it was asked for; the transaction looks again."""
    item: Item
    """The new item of a Put; of the others the key."""
    asked: Asked | None = None
    """Condition and update, where the request has any."""
    told_on_failure: bool = False
    """Whether whoever hears that the condition failed gets to see the item."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was there and what is now. `was` and `before` are None also where nobody needed to know."""

    table: Table
    key: bytes
    was: Stored | None
    before: Item | None
    after: Item | None
    size: int
    """Of what is there now."""


async def write_of(call: Call, node: Node, kind: Kind, request: Mapping[str, Any]) -> Write:
    """What a request, or a part of a transaction, wants to have written.

    Raises ValidationException and SerializationException for what can be seen to be wrong with it, else
    ResourceNotFoundException.
    """
    item = checked(request["Item" if kind == "Put" else "Key"])
    found, asked = await asked_of(call, node, kind, request, request["TableName"])
    return Write(kind, found, item, asked, request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD")


def carry_out(tx: Tx, write: Write, cause: Cause, meter: Meter, found: Table, *, must_know: bool = False) -> Outcome:
    """What was asked for is true. Raises ConditionalCheckFailedException and ValidationException, and then nothing has
    changed. Who `must_know` wants to hear what was there.
    """
    key = key_of(found, write)
    lock(tx, found, key)
    if write.kind == "Put" and write.asked is None and not must_know and not changes.is_watched(found):
        return _put_over(tx, write, found, key, meter)
    outcome = foresee(tx, write, found, key)
    come_true(tx, write, outcome, cause, meter)
    return outcome


def lock(tx: Tx, found: Table, key: bytes) -> None:
    """Nobody else changes that item until the transaction ends."""
    changes.lock(tx, found, key)


def foresee(tx: Tx, write: Write, found: Table, key: bytes) -> Outcome:
    """What there would be; nothing is changed yet, and the key is locked. Raises as `carry_out` does."""
    was = items.stored(tx, found.space, key)
    before = was.item if was is not None and (write.asked is not None or write.kind == "Update") else None
    if write.asked is not None and write.asked.condition is not None and not write.asked.condition.holds(before):
        if was is not None and write.told_on_failure:
            raise ConditionalCheckFailedException(Item=answered(was.raw))
        raise ConditionalCheckFailedException()
    if write.kind == "ConditionCheck":
        return Outcome(found, key, was, before, before, was.size if was is not None else 0)
    after, size = _after(write, found, before)
    return Outcome(found, key, was, before, after, size)


def come_true(tx: Tx, write: Write, outcome: Outcome, cause: Cause, meter: Meter) -> None:
    """What was foreseen is there."""
    if write.kind == "ConditionCheck":
        meter.wrote(outcome.size)
        return
    changes.swap(
        *(tx, outcome.table, outcome.key, outcome.was, outcome.before, outcome.after, outcome.size),
        cause=cause,
        meter=meter,
    )


def key_of(found: Table, write: Write) -> bytes:
    """Raises ValidationException."""
    if write.kind == "Put":
        return item_rules.key_of_item(found, write.item)
    return item_rules.key_of_key(found, write.item)


def _put_over(tx: Tx, write: Write, found: Table, key: bytes, meter: Meter) -> Outcome:
    """The hot path: of what was there only its size is of any interest."""
    size = item_size(write.item)
    item_rules.check_size(size)
    size_before = items.size(tx, found.space, key)
    changes.overwrite(tx, found, key, size_before, write.item, size)
    meter.wrote(size_before or 0, size)
    return Outcome(found, key, None, None, write.item, size)


def _after(write: Write, found: Table, before: Item | None) -> tuple[Item | None, int]:
    """The item that is there afterwards, and its size."""
    if write.kind == "Delete":
        return None, 0
    if write.kind == "Put":
        size = item_size(write.item)
        item_rules.check_size(size)
        return write.item, size
    after: Item | None = before if before is not None else write.item
    if write.asked is not None and write.asked.update is not None:
        update = write.asked.update
        after = update.apply(before) if before is not None else update.of_nothing(write.item)
        if after is None:
            return None, 0  # what only takes away makes no item
        if any(len(path) > 1 for path in update.paths()):
            item_rules.check_depth(after)
        if found.indexes:
            item_rules.check_indexed(found, after, update)
    assert after is not None
    size = item_size(after)
    item_rules.check_size(size, updated=True)
    return after, size
