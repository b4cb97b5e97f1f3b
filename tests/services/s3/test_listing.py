"""Walking keys: against a model that reads everything, and counting what is read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful import limits
from wakeful.services.s3 import listing
from wakeful.services.s3.listing import Entry, Fetch, Page, Position

Told = list[tuple[str, bytes]]


class Shelf:
    """Keys in order, and how many were looked at."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self.keys = sorted(set(keys))
        self.read_count = 0

    def fetch(self, start: Position, end: bytes | None, count: int) -> list[Entry[None]]:
        found = [key for key in self.keys if key >= start[0] and (end is None or key < end)][:count]
        self.read_count += len(found)
        return [Entry((key, ""), (key + b"\0", ""), None) for key in found]


def in_order(page: Page[None]) -> Told:
    entries = [("key", entry.key) for entry in page.entries]
    return sorted(entries + [("prefix", prefix) for prefix in page.prefixes], key=lambda each: each[1])


def model(keys: Sequence[bytes], prefix: bytes, delimiter: bytes, marker: bytes) -> Told:
    """Everything a listing tells, by reading everything."""
    told: dict[bytes, str] = {}
    for key in sorted(set(keys)):
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        rolled = key[: at + len(delimiter)] if at >= 0 else None
        if marker and (key <= marker or rolled == marker):
            continue
        told[key if rolled is None else rolled] = "key" if rolled is None else "prefix"
    return sorted(((kind, name) for name, kind in told.items()), key=lambda each: each[1])


def pages(fetch: Fetch[None], prefix: bytes, delimiter: bytes, marker: bytes, limit: int) -> list[Told]:
    found: list[Told] = []
    last: bytes | None = marker
    while last is not None:
        start = listing.after_marker(last, prefix, delimiter) if last else (b"", "")
        page = listing.walk(fetch, prefix=prefix, delimiter=delimiter, start=start, limit=limit)
        found.append(in_order(page))
        last = page.last
    return found


letters = st.text(alphabet="ab/é", max_size=6).map(str.encode)


@given(
    keys=st.lists(letters.filter(bool), max_size=30),
    prefix=letters,
    delimiter=st.sampled_from([b"", b"/", b"b", "é".encode(), b"a/"]),
    marker=letters,
    limit=st.integers(1, 7),
)
def test_the_pages_of_a_walk_tell_what_the_model_tells_in_order_and_nothing_twice(
    keys: list[bytes], prefix: bytes, delimiter: bytes, marker: bytes, limit: int
) -> None:
    found = pages(Shelf(keys).fetch, prefix, delimiter, marker, limit)
    assert [each for page in found for each in page] == model(keys, prefix, delimiter, marker)
    assert all(len(page) == limit for page in found[:-1])
    assert len(found[-1]) <= limit


def test_a_page_of_nothing_tells_nothing_and_is_not_cut_off() -> None:
    page = listing.walk(Shelf([b"a", b"b/c"]).fetch, prefix=b"", delimiter=b"/", start=(b"", ""), limit=0)
    assert (in_order(page), page.last) == ([], None)


def test_what_is_rolled_up_is_jumped_over_and_not_read() -> None:
    folders, files = 50, 2000
    shelf = Shelf([f"{folder:03}/{file:05}".encode() for folder in range(folders) for file in range(files)])
    page = listing.walk(shelf.fetch, prefix=b"", delimiter=b"/", start=(b"", ""), limit=1000)
    assert len(page.prefixes) == folders
    assert shelf.read_count < 2 * limits.S3_LIST_MAX + folders * limits.S3_LIST_ROWS_MIN
    assert shelf.read_count < folders * files / 20


def test_a_flat_listing_reads_one_row_more_than_it_tells() -> None:
    shelf = Shelf([f"{number:05}".encode() for number in range(5000)])
    page = listing.walk(shelf.fetch, prefix=b"", delimiter=b"/", start=(b"", ""), limit=1000)
    assert len(page.entries) == 1000
    assert shelf.read_count == 1001
    assert page.last == b"00999"


def test_a_token_is_read_back_and_anything_else_is_refused() -> None:
    assert listing.read_token(listing.token_of("é/?".encode())) == "é/?".encode()
    with pytest.raises(ValueError, match="no token"):
        listing.read_token("no token")
