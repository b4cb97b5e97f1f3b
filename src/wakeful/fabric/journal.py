"""Journals: what happened to something, in order, in shards. Data streams and the streams of tables are journals.

A journal has a name, the ARN of what it is the journal of. Its shards hold entries, whose numbers only grow within a
shard; who appends holds the shard's lock until the commit, so nobody who reads ever sees a number before a smaller one.
A shard that is closed takes no more, and others may have it as their parent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wakeful import limits
from wakeful.fabric.trace import Trace
from wakeful.store.tx import Row, Tx

SCHEMA = """
CREATE TABLE IF NOT EXISTS journal_shards(
    id         INTEGER PRIMARY KEY,
    journal    TEXT NOT NULL,
    name       TEXT NOT NULL,
    parent     TEXT,
    adjacent   TEXT,              -- the other parent, of a shard that two were merged into
    first_hash TEXT NOT NULL,     -- 39 digits: the hashes of keys whose entries it takes
    last_hash  TEXT NOT NULL,
    opened     REAL NOT NULL,
    closed     REAL,
    starts     INTEGER NOT NULL,  -- every entry it ever has has a greater number
    ends       INTEGER,           -- of a closed one: no entry has a greater number
    UNIQUE (journal, name)
);
CREATE TABLE IF NOT EXISTS journal_entries(
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    shard   INTEGER NOT NULL,
    at      REAL NOT NULL,
    size    INTEGER NOT NULL,     -- bytes, as the service counts them
    body    BLOB NOT NULL,        -- the service's own
    trace   TEXT NOT NULL,
    cause   TEXT,
    hops    INTEGER NOT NULL,
    lineage TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS journal_entries_of ON journal_entries(shard, seq);
CREATE INDEX IF NOT EXISTS journal_entries_at ON journal_entries(at)
"""

HASHES_MAX = 2**128 - 1


@dataclass(frozen=True, slots=True)
class Shard:
    """`starts` and `ends` are numbers of entries: all it has are greater than the one, none is greater than the
    other.
    """

    id: int
    journal: str
    name: str
    parents: tuple[str, ...]
    first_hash: int
    last_hash: int
    opened: float
    closed: float | None
    starts: int
    ends: int | None

    @property
    def is_open(self) -> bool:
        return self.closed is None


@dataclass(frozen=True, slots=True)
class Entry:
    seq: int
    shard: int
    at: float
    size: int
    body: bytes
    trace: Trace


def wake_name(journal: str) -> str:
    """Woken when something was appended, and when shards come or go."""
    return f"journal.{journal}"


# --- shards ----------------------------------------------------------------------------------------------------------


def open_shard(
    tx: Tx, journal: str, name: str, *, parents: tuple[str, ...] = (), hashes: tuple[int, int] = (0, HASHES_MAX)
) -> Shard:
    """A shard that takes entries is there."""
    tx.lock("journal", journal)
    parent, adjacent = (*parents, None, None)[:2]
    number = tx.insert(
        "id",
        "INSERT INTO journal_shards(journal, name, parent, adjacent, first_hash, last_hash, opened, starts)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(journal, name, parent, adjacent, f"{hashes[0]:039}", f"{hashes[1]:039}", tx.now, _newest(tx)),
    )
    tx.wake(wake_name(journal))
    row = tx.one("SELECT * FROM journal_shards WHERE id = ?", number)
    assert row is not None
    return _shard(row)


def close_shard(tx: Tx, shard: Shard) -> None:
    """It takes no more; what it has stays for as long as it would have."""
    tx.lock("journal", shard.journal)
    tx.lock("journal", "shard", str(shard.id))
    row = tx.one("SELECT max(seq) AS newest FROM journal_entries WHERE shard = ?", shard.id)
    newest = (row["newest"] if row is not None else None) or shard.starts
    tx.run("UPDATE journal_shards SET closed = ?, ends = ? WHERE id = ?", tx.now, newest, shard.id)
    tx.wake(wake_name(shard.journal))


def shards(tx: Tx, journal: str) -> list[Shard]:
    """All there are, the oldest first."""
    return [_shard(row) for row in tx.all("SELECT * FROM journal_shards WHERE journal = ? ORDER BY id", journal)]


def find_shard(tx: Tx, journal: str, name: str) -> Shard | None:
    row = tx.one("SELECT * FROM journal_shards WHERE journal = ? AND name = ?", journal, name)
    return None if row is None else _shard(row)


def drop(tx: Tx, journal: str) -> bool:
    """Less is left of the journal; its shards go with the last entries. Whether there is more to drop."""
    tx.lock("journal", journal)
    for shard in shards(tx, journal):
        gone = tx.run(
            "DELETE FROM journal_entries WHERE seq IN (SELECT seq FROM journal_entries WHERE shard = ? LIMIT ?)",
            *(shard.id, limits.JOURNAL_DROPPED_AT_ONCE),
        )
        if gone == limits.JOURNAL_DROPPED_AT_ONCE:
            return True
        tx.run("DELETE FROM journal_shards WHERE id = ?", shard.id)
    tx.wake(wake_name(journal))
    return False


_APPEND = (
    "INSERT INTO journal_entries(shard, at, size, body, trace, cause, hops, lineage) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)

# --- entries ---------------------------------------------------------------------------------------------------------


def append(tx: Tx, shard: Shard, body: bytes, trace: Trace, *, size: int) -> int:
    """The entry stands last in the shard; its number."""
    return append_all(tx, shard, ((body, size),), trace)[0]


def append_all(tx: Tx, shard: Shard, entries: Iterable[tuple[bytes, int]], trace: Trace) -> list[int]:
    """Entries, each with its size, stand last in the shard, in this order; their numbers."""
    tx.lock("journal", "shard", str(shard.id))
    kept = (trace.id, trace.cause, trace.hops, trace.lineage)
    numbers = [tx.insert("seq", _APPEND, shard.id, tx.now, size, body, *kept) for body, size in entries]
    tx.wake(wake_name(shard.journal))
    return numbers


def read(tx: Tx, shard: Shard, after: int, count: int, bytes_max: int = limits.JOURNAL_READ_BYTES_MAX) -> list[Entry]:
    """Up to `count` entries with numbers greater than `after`, in order; the first of them however large it is."""
    found: list[Entry] = []
    size = 0
    last = after
    while len(found) < count:
        slice_size = min(count - len(found), limits.JOURNAL_SLICE)
        rows = tx.all(
            "SELECT * FROM journal_entries WHERE shard = ? AND seq > ? ORDER BY seq LIMIT ?", shard.id, last, slice_size
        )
        for row in rows:
            size += row["size"]
            if found and size > bytes_max:
                return found
            found.append(_entry(row))
        if len(rows) < slice_size:
            return found
        last = found[-1].seq
    return found


def newest(tx: Tx, shard: Shard) -> int:
    """The greatest number there is in the shard, or was."""
    row = tx.one("SELECT max(seq) AS newest FROM journal_entries WHERE shard = ?", shard.id)
    return int((row["newest"] if row is not None else None) or shard.ends or shard.starts)


def lately(tx: Tx, shard: Shard, since: float, most: int) -> tuple[int, int]:
    """How many entries, and bytes, came after that moment; of the latest `most`."""
    row = tx.one(
        "SELECT count(*) AS entries, sum(size) AS bytes FROM"
        " (SELECT at, size FROM journal_entries WHERE shard = ? ORDER BY seq DESC LIMIT ?) AS latest WHERE at > ?",
        *(shard.id, most, since),
    )
    assert row is not None
    return int(row["entries"]), int(row["bytes"] or 0)


def before(tx: Tx, shard: Shard, at: float) -> int:
    """A number after which the entries are those of the moment `at` and later."""
    low, high = shard.starts, newest(tx, shard)
    while low < high:
        middle = (low + high) // 2
        row = tx.one(
            "SELECT seq, at FROM journal_entries WHERE shard = ? AND seq > ? ORDER BY seq LIMIT 1", shard.id, middle
        )
        if row is None or row["at"] >= at:
            high = middle
        else:
            low = row["seq"]
    return low


def expire(tx: Tx, journal: str, until: float) -> bool:
    """Entries from before `until` are gone, and closed shards with nothing left. Whether there may be more of that."""
    tx.lock("journal", journal)
    are_more = False
    for shard in shards(tx, journal):
        gone = tx.run(
            "DELETE FROM journal_entries WHERE seq IN"
            " (SELECT seq FROM journal_entries WHERE shard = ? AND at < ? ORDER BY seq LIMIT ?)",
            *(shard.id, until, limits.JOURNAL_DROPPED_AT_ONCE),
        )
        are_more |= gone == limits.JOURNAL_DROPPED_AT_ONCE
        is_empty = tx.one("SELECT 1 FROM journal_entries WHERE shard = ? LIMIT 1", shard.id) is None
        if shard.closed is not None and shard.closed < until and is_empty:
            tx.run("DELETE FROM journal_shards WHERE id = ?", shard.id)
    return are_more


def _newest(tx: Tx) -> int:
    """No entry of any shard that is not yet there has a number as small as this one."""
    row = tx.one("SELECT max(seq) AS newest FROM journal_entries")
    past = tx.one("SELECT max(coalesce(ends, starts)) AS newest FROM journal_shards")
    return max(int(row["newest"] or 0) if row else 0, int(past["newest"] or 0) if past else 0)


def _shard(row: Row) -> Shard:
    return Shard(
        id=row["id"],
        journal=row["journal"],
        name=row["name"],
        parents=tuple(each for each in (row["parent"], row["adjacent"]) if each is not None),
        first_hash=int(row["first_hash"]),
        last_hash=int(row["last_hash"]),
        opened=row["opened"],
        closed=row["closed"],
        starts=row["starts"],
        ends=row["ends"],
    )


def _entry(row: Row) -> Entry:
    trace = Trace(row["trace"], row["cause"], row["hops"], row["lineage"])
    return Entry(row["seq"], row["shard"], row["at"], row["size"], bytes(row["body"]), trace)
