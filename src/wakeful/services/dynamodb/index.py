"""The rows of secondary indexes: copies of what an index projects, under the index's key and then the item's."""

from __future__ import annotations

from wakeful.services.dynamodb import items
from wakeful.services.dynamodb.capacity import write_units
from wakeful.services.dynamodb.sizes import item_size
from wakeful.services.dynamodb.table import CREATING, Index, Table
from wakeful.services.dynamodb.values import Item, raw
from wakeful.store.tx import Tx


def change(
    tx: Tx, table: Table, key: bytes, before: Item | None, after: Item | None, sizes: tuple[int, int]
) -> list[tuple[Index, float]]:
    """Every index shows the item under `key` as it is now, or not at all where it lacks the index's keys. `sizes` are
    the item's, before and after.

    Returned is what that costs, in units of each index that had to be written.
    """
    written: list[tuple[Index, float]] = []
    for index in table.indexes:
        old, new = entry(index, key, before), entry(index, key, after)
        if old is not None and index.status == CREATING and items.get(tx, index.space, old[0]) is None:
            old = None  # the index is being filled, and has not come to this item yet
        if old == new:
            continue
        size_before = _size(index, old[1], sizes[0]) if old is not None else 0
        size_after = _size(index, new[1], sizes[1]) if new is not None else 0
        stays = old is not None and new is not None and old[0] == new[0]
        if old is not None and not stays:
            items.delete(tx, index.space, old[0], grown=(-1, -size_before))
        if new is not None:
            grown = (0, size_after - size_before) if stays else (1, size_after)
            items.put(tx, index.space, new[0], raw(new[1]), size_after, grown=grown)
        moved = old is not None and new is not None and not stays
        units = write_units(size_before) + write_units(size_after) if moved else write_units(size_before, size_after)
        written.append((index, units))
    return written


def entry(index: Index, key: bytes, item: Item | None) -> tuple[bytes, Item] | None:
    """The row's key and what it shows; None where the item is not in the index."""
    own = index.keys.find(item) if item is not None else None
    if own is None or item is None:
        return None
    return own + key, projected(index, item)


def projected(index: Index, item: Item) -> Item:
    """What of the item the index has."""
    if index.attributes is None:
        return item
    return {name: value for name, value in item.items() if name in index.attributes}


def _size(index: Index, shown: Item, whole: int) -> int:
    """Of what the index shows of an item that has so many bytes itself."""
    return whole if index.attributes is None else item_size(shown)
