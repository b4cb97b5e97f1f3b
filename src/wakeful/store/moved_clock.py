"""How far the node's time is ahead of the machine's: a setting of the store, which all its nodes follow."""

from __future__ import annotations

from wakeful.store import schema
from wakeful.store.tx import Tx

MOVED = "node.clock"
"""Woken when the time was moved."""

_OFFSET = "clock_offset_s"


def offset(tx: Tx) -> float:
    return float(schema.get_setting(tx, _OFFSET) or 0.0)


def put_offset(tx: Tx, offset_s: float) -> None:
    """The time is so far ahead, or farther: another node may have moved it more."""
    schema.put_setting(tx, _OFFSET, repr(max(offset_s, offset(tx))))
    tx.wake(MOVED)
