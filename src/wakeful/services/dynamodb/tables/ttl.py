"""Time to live: items whose time has come are deleted, and their stream says that DynamoDB did it ("Using time to live
(TTL) in DynamoDB").

A due row for each table that has it deletes what has expired, at the second at which it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.fabric.trace import Trace, new_trace
from wakeful.services.dynamodb import changes, items, table
from wakeful.services.dynamodb.copies import history
from wakeful.services.dynamodb.errors import ResourceNotFoundException
from wakeful.services.dynamodb.regions import group
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import expiries, spaces
from wakeful.services.dynamodb.values import parsed
from wakeful.store import work
from wakeful.store.tx import Tx

FILL = "dynamodb.expiries"
IDENTITY = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
"""Who deleted the item, as its stream's record says."""

_LIST = "#expiries"  # no index can be called so
_LAST = b"\xff" * 64


def enable(tx: Tx, found: Table, attribute: str) -> None:
    """Items expire when that attribute says, also those that are there already. Whoever calls has locked the table."""
    number = spaces.new(tx, found.id, _LIST)
    made = {"AttributeName": attribute, "List": number}
    saved = table.save(tx, found, definition={**found.definition, "TimeToLive": made})
    for each in group.others(tx, saved):  # every region of a global table has it
        if expiries.setting(each) is None:
            table.lock(tx, each.arn)
            enable(tx, each, attribute)
    # Where many write at a time, those who have not heard of the list are to have ended by then.
    reached = b"" if tx.skip_locked else list_some(tx, saved.arn, number, b"")
    if reached is not None:
        body = {"arn": saved.arn, "list": number, "after": reached.hex()}
        work.put(tx, FILL, body, due=history.settled(tx, tx.now))


def disable(tx: Tx, found: Table) -> None:
    """Nothing expires any more. Whoever calls has locked the table."""
    forget(tx, found)
    saved = table.save(
        tx, found, definition={name: it for name, it in found.definition.items() if name != "TimeToLive"}
    )
    for each in group.others(tx, saved):
        if expiries.setting(each) is not None:
            table.lock(tx, each.arn)
            disable(tx, each)


def forget(tx: Tx, found: Table) -> None:
    """Nobody looks any more for what has expired; the list is deleted little by little."""
    there = expiries.setting(found)
    if there is not None:
        work.drop(tx, expiries.row_name(there["List"]))
        spaces.leave(tx, there["List"])


def list_some(tx: Tx, arn: str, number: int, after: bytes) -> bytes | None:
    """More of the items that were there are in the list. The key that was reached; None where that was the last, or
    the list is not wanted any more.
    """
    found = table.get(tx, arn)
    there = expiries.setting(found) if found is not None else None
    if found is None or there is None or there["List"] != number:
        return None
    stored = items.between(tx, found.space, after + b"\x00" if after else b"", _LAST, limits.DYNAMODB_BACKFILL_ITEMS)
    for each in stored:
        now_there = changes.locked(tx, found, each.key)
        at = expiries.expiry(parsed(now_there), there["AttributeName"]) if now_there is not None else None
        if at is not None:
            expiries.put(tx, arn, number, each.key, at)
    return stored[-1].key if len(stored) == limits.DYNAMODB_BACKFILL_ITEMS else None


def expire_some(tx: Tx, arn: str, number: int, trace: Trace) -> bool:
    """More of what has expired is deleted. Whether there may be more of that now."""
    found = table.get(tx, arn)
    there = expiries.setting(found) if found is not None else None
    if found is None or there is None or there["List"] != number:
        return False
    rows = tx.all(
        "SELECT key, at FROM dynamodb_expiries WHERE list = ? AND at <= ? ORDER BY at, key LIMIT ?",
        *(number, tx.now, limits.DYNAMODB_EXPIRED_AT_ONCE),
    )
    keys = sorted(bytes(row["key"]) for row in rows)
    try:
        held = changes.hold(tx, [(found, key) for key in keys])
    except ResourceNotFoundException:
        return False  # it was deleted while the items were waited for
    found = held.get(arn, found)
    for key in keys if expiries.setting(found) == there else ():
        _expire(tx, found, there, key, trace)
    return len(rows) == limits.DYNAMODB_EXPIRED_AT_ONCE


def _expire(tx: Tx, found: Table, there: Mapping[str, Any], key: bytes, trace: Trace) -> None:
    """The item is deleted, unless it was changed meanwhile, or expired years ago: then it stays for good."""
    before = changes.locked(tx, found, key)
    item = parsed(before) if before is not None else None
    at = expiries.expiry(item, there["AttributeName"])
    if at is not None and tx.now - limits.DYNAMODB_EXPIRY_AGE_S_MAX <= at <= tx.now:
        changes.apply(tx, found, key, item, None, changes.Cause(trace, IDENTITY))
    if at is None or at <= tx.now:
        tx.lock("dynamodb", "expiry", str(there["List"]), key.hex())
        tx.run("DELETE FROM dynamodb_expiries WHERE list = ? AND key = ?", there["List"], key)


async def _expire_due(node: Node, item: work.Item) -> Done:
    """What has expired is gone; the row is due again when the next item expires."""
    trace = new_trace(node.clock.now())
    while await node.store.write(expire_some, item.body["arn"], item.body["list"], trace):
        pass  # portions, so that others can write between
    return Done(partial(_wait_for_next, body=item.body))


def _wait_for_next(tx: Tx, body: Mapping[str, Any]) -> None:
    tx.lock("work", expiries.row_name(body["list"]))
    row = tx.one("SELECT min(at) AS at FROM dynamodb_expiries WHERE list = ?", body["list"])
    found = table.get(tx, body["arn"])
    there = expiries.setting(found) if found is not None else None
    if row is not None and row["at"] is not None and there is not None and there["List"] == body["list"]:
        work.put(tx, expiries.KIND, dict(body), due=float(row["at"]), name=expiries.row_name(body["list"]))


async def _list_all(node: Node, item: work.Item) -> Done | Again:
    body = item.body
    reached: bytes | None = bytes.fromhex(body["after"])
    for _ in range(limits.DYNAMODB_BACKFILL_TURN):
        assert reached is not None
        reached = await node.store.write(list_some, body["arn"], body["list"], reached)
        if reached is None:
            return Done()
    assert reached is not None
    return Again(node.clock.now(), {**body, "after": reached.hex()})


workers = (Worker(expiries.KIND, _expire_due, slots=2), Worker(FILL, _list_all, slots=1))
