"""A table's stream: every change of an item is an entry of a journal, in the same transaction ("Change data capture for
DynamoDB Streams").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Item
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.services.dynamodb.changes import Cause


def change(tx: Tx, table: Table, key: bytes, before: Item | None, after: Item | None, cause: Cause) -> None:
    """The change stands in the table's stream, where it has one."""


def enabled(tx: Tx, table: Table) -> None:
    """The table has a new stream, whose label its definition has; whatever changes from now on is in it."""


def disabled(tx: Tx, table: Table) -> None:
    """The stream that the table has had takes no more, because it was switched off or the table is gone; what it has
    stays for as long as it would have.
    """
