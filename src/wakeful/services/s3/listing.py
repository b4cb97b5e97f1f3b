"""Walking keys in order: what lies behind a prefix, with everything behind a delimiter rolled up into one.

A walk jumps over what it rolls up instead of reading it: a page costs about as many rows as it has entries, however
many keys there are ("Listing object keys programmatically").
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from wakeful import limits
from wakeful.services.s3 import keys

T = TypeVar("T")

Position = tuple[bytes, str]
"""A place in the order: a key, and where several things have that key the place among them."""


class Entry(NamedTuple, Generic[T]):
    """One thing that is listed: where it is in the order, the place right behind it, and what the answer shows."""

    at: Position
    after: Position
    row: T

    @property
    def key(self) -> bytes:
        return self.at[0]


class Page(NamedTuple, Generic[T]):
    """What was found. `last` is the key or the common prefix at which it was cut off, None where all is told."""

    entries: list[Entry[T]]
    prefixes: list[bytes]
    last: bytes | None


Fetch = Callable[[Position, bytes | None, int], Sequence[Entry[T]]]
"""At most so many entries from a position on, up to, not including, a key; in order."""


def walk(fetch: Fetch[T], *, prefix: bytes, delimiter: bytes, start: Position, limit: int) -> Page[T]:
    """At most `limit` entries and common prefixes, together, from `start` on."""
    entries: list[Entry[T]] = []
    prefixes: list[bytes] = []
    if limit == 0:
        return Page(entries, prefixes, None)
    end = keys.after(prefix)
    position, last = max(start, (prefix, "")), b""
    count = min(limit + 1, limits.S3_LIST_MAX + 1)
    while True:
        rows = fetch(position, end, count)
        used = 0
        for entry in rows:
            if entry.at < position:
                continue  # behind a common prefix that was rolled up
            if len(entries) + len(prefixes) == limit:
                return Page(entries, prefixes, last)
            used += 1
            rolled = _rolled_up(entry.key, prefix, delimiter)
            if rolled is None:
                entries.append(entry)
                last, position = entry.key, entry.after
            else:
                prefixes.append(rolled)
                last, position = rolled, _behind(rolled)
        if len(rows) < count:
            return Page(entries, prefixes, None)
        # Where most of what was read had been rolled up, it was read in vain: read less at a time, and jump.
        count = count // 2 if used * 2 < len(rows) else count * 2
        count = max(limits.S3_LIST_ROWS_MIN, min(count, limits.S3_LIST_MAX + 1))


def after_marker(marker: bytes, prefix: bytes, delimiter: bytes) -> Position:
    """Where a listing goes on behind a marker, which may be a key or a common prefix that was told already."""
    if marker.startswith(prefix) and _rolled_up(marker, prefix, delimiter) == marker:
        return _behind(marker)
    return (marker + b"\0", "")


def _behind(prefix: bytes) -> Position:
    found = keys.after(prefix)
    assert found is not None, "no text begins with the byte 255"
    return (found, "")


def _rolled_up(key: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    at = key.find(delimiter, len(prefix)) if delimiter else -1
    return None if at < 0 else key[: at + len(delimiter)]


# --- tokens ----------------------------------------------------------------------------------------------------------


def token_of(last: bytes) -> str:
    """What a client gives back to go on. It says nothing to the client."""
    return base64.urlsafe_b64encode(last).decode("ascii")


def read_token(token: str) -> bytes:
    """Raises ValueError for what was never given out."""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(token) from error
