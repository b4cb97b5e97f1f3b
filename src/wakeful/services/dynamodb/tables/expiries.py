"""When which item of a table expires: a list that every change of an item keeps right, where there is time to live."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Item
from wakeful.store import work
from wakeful.store.tx import Tx

KIND = "dynamodb.expire"
"""Work: what has expired is deleted (`ttl.py`)."""

_AT_MAX = 2**53


def setting(found: Table) -> Mapping[str, Any] | None:
    """The attribute's name and the list's number; None where nothing expires."""
    found_setting: Mapping[str, Any] | None = found.definition.get("TimeToLive")
    return found_setting


def change(tx: Tx, found: Table, key: bytes, before: Item | None, after: Item | None) -> None:
    """The list is right about the item under `key`. Whoever calls has locked the key."""
    there = setting(found)
    if there is None:
        return
    was, at = expiry(before, there["AttributeName"]), expiry(after, there["AttributeName"])
    if was == at:
        return
    tx.lock("dynamodb", "expiry", str(there["List"]), key.hex())
    if at is None:
        tx.run("DELETE FROM dynamodb_expiries WHERE list = ? AND key = ?", there["List"], key)
    else:
        put(tx, found.arn, there["List"], key, at)


def put(tx: Tx, arn: str, number: int, key: bytes, at: int) -> None:
    """The item under `key` expires then, and somebody is there to delete it."""
    tx.lock("dynamodb", "expiry", str(number), key.hex())
    tx.run(
        "INSERT INTO dynamodb_expiries(list, key, at) VALUES (?, ?, ?)"
        " ON CONFLICT(list, key) DO UPDATE SET at = excluded.at",
        *(number, key, at),
    )
    work.hasten(tx, KIND, row_name(number), {"arn": arn, "list": number}, due=float(at))


def expiry(item: Item | None, attribute: str) -> int | None:
    """When the item expires; None where it never does: the attribute is no number, or none of a time."""
    text = (item or {}).get(attribute, {}).get("N")
    if text is None:
        return None
    try:
        at = Decimal(text)
    except InvalidOperation:
        return None
    return int(at) if 0 < at < _AT_MAX else None


def row_name(number: int) -> str:
    """Of the one row that deletes what has expired of a list."""
    return f"{KIND}/{number}"
