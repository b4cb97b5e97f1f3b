"""Journals: what happened to something, in order, in shards. Data streams and the streams of tables are journals.

A journal has a name, the ARN of what it is the journal of. Its shards hold entries, whose numbers only grow within a
shard and from it to its children; who appends holds the shard (`place`) until the commit, so nobody who reads ever
sees a number before a smaller one. A shard that is closed takes no more, and others may have it as their parent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

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
CREATE INDEX IF NOT EXISTS journal_shards_last ON journal_shards((coalesce(ends, starts)));
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
CREATE INDEX IF NOT EXISTS journal_entries_of ON journal_entries(shard, seq)
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
class Place:
    """An open shard that is this transaction's: until it ends nobody else appends to it or closes it."""

    shard: Shard


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


def held_open_shards(tx: Tx, journal: str) -> tuple[Shard, ...]:
    """Those that take entries; until this transaction ends nobody else opens or closes one."""
    tx.lock("journal", journal)
    return open_shards(tx, journal)


def close_shard(tx: Tx, shard: Shard) -> Shard:
    """It takes no more; what it has stays for as long as it would have. The shard, closed."""
    tx.lock("journal", shard.journal)
    _hold(tx, shard.id)
    ends = newest(tx, shard)
    tx.run("UPDATE journal_shards SET closed = ?, ends = ? WHERE id = ? AND closed IS NULL", tx.now, ends, shard.id)
    tx.wake(wake_name(shard.journal))
    return replace(shard, closed=tx.now, ends=ends)


def roll(tx: Tx, shard: Shard, name: str) -> Shard:
    """It is closed, and the one that takes its place is its child. The child."""
    closed = close_shard(tx, shard)
    return open_shard(tx, shard.journal, name, parents=(closed.name,), hashes=(shard.first_hash, shard.last_hash))


def shards(tx: Tx, journal: str) -> list[Shard]:
    """All there are, the oldest first."""
    return [_shard(row) for row in tx.all("SELECT * FROM journal_shards WHERE journal = ? ORDER BY id", journal)]


def open_shards(tx: Tx, journal: str) -> tuple[Shard, ...]:
    """Those that take entries, by the hashes of their keys."""
    return tx.known("journal_shards", _open_shards, journal) or ()


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


def place(tx: Tx, journal: str, hash_of_key: int) -> Place | None:
    """Where an entry of such a key is appended; None where no shard takes it."""
    found = open_shards(tx, journal)
    while True:
        shard = next((each for each in found if each.first_hash <= hash_of_key <= each.last_hash), None)
        if shard is None:
            return None
        _hold(tx, shard.id)
        before, found = found, open_shards(tx, journal)
        if found is before or any(each.id == shard.id for each in found):
            return Place(shard)
        # It was closed while its lock was waited for.


def append(tx: Tx, place: Place, body: bytes, trace: Trace, *, size: int) -> int:
    """The entry stands last in the shard; its number."""
    return append_all(tx, place, ((body, size),), trace)[0]


def append_all(tx: Tx, place: Place, entries: Iterable[tuple[bytes, int]], trace: Trace) -> list[int]:
    """Entries, each with its size, stand last in the shard, in this order; their numbers."""
    shard, kept = place.shard, (trace.id, trace.cause, trace.hops, trace.lineage)
    numbers = [tx.insert("seq", _APPEND, shard.id, tx.now, size, body, *kept) for body, size in entries]
    tx.wake(wake_name(shard.journal))
    return numbers


def read(
    tx: Tx,
    shard: Shard,
    after: int,
    count: int,
    bytes_max: int = limits.JOURNAL_READ_BYTES_MAX,
    *,
    since: float = 0.0,
) -> list[Entry]:
    """Up to `count` entries with numbers greater than `after`, in order; the first of them however large it is.

    Those from before `since` are as good as gone.
    """
    return portion(tx, shard, after, count, bytes_max, since=since)[0]


def portion(
    tx: Tx, shard: Shard, after: int, count: int, bytes_max: int, *, since: float = 0.0
) -> tuple[list[Entry], bool]:
    """The same; and whether there may be more behind it, of which it has no room."""
    found: list[Entry] = []
    size = 0
    last = _beyond(tx, shard, after, since)
    while len(found) < count:
        slice_size = min(count - len(found), _slice(len(found), size, bytes_max))
        rows = tx.all(
            "SELECT * FROM journal_entries WHERE shard = ? AND seq > ? ORDER BY seq LIMIT ?", shard.id, last, slice_size
        )
        for row in rows:
            size += row["size"]
            if found and size > bytes_max:
                return found, True
            found.append(_entry(row))
        if len(rows) < slice_size:
            return found, False
        last = found[-1].seq
    return found, True


def _slice(count: int, size: int, bytes_max: int) -> int:
    """How many entries to ask for next: as many as there is room for, if they are as large as those before."""
    if count == 0:
        return limits.JOURNAL_FIRST_SLICE
    return max(1, min(limits.JOURNAL_SLICE, (bytes_max - size) * count // max(1, size) + 1))


def newest(tx: Tx, shard: Shard) -> int:
    """The greatest number there is in the shard, or was; of one that is empty, a number from before anything that will
    come.
    """
    if shard.ends is not None:
        return shard.ends
    row = tx.one("SELECT max(seq) AS newest FROM journal_entries WHERE shard = ?", shard.id)
    return int((row["newest"] if row is not None else None) or shard.starts)


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
    last = tx.one("SELECT seq, at FROM journal_entries WHERE shard = ? ORDER BY seq DESC LIMIT 1", shard.id)
    if last is None or last["at"] < at:
        return newest(tx, shard)
    low, high = shard.starts, int(last["seq"])
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
        is_over = shard.closed is not None and shard.closed < until
        last = newest(tx, shard) if is_over else before(tx, shard, until)
        gone = tx.run(
            "DELETE FROM journal_entries WHERE seq IN"
            " (SELECT seq FROM journal_entries WHERE shard = ? AND seq <= ? ORDER BY seq LIMIT ?)",
            *(shard.id, last, limits.JOURNAL_DROPPED_AT_ONCE),
        )
        if gone == limits.JOURNAL_DROPPED_AT_ONCE:
            are_more = True
        elif is_over:
            tx.run("DELETE FROM journal_shards WHERE id = ?", shard.id)
            tx.wake(wake_name(journal))
    return are_more


def _hold(tx: Tx, shard_id: int) -> None:
    tx.lock("journal", "shard", str(shard_id))


def _open_shards(tx: Tx, journal: str) -> tuple[Shard, ...]:
    rows = tx.all("SELECT * FROM journal_shards WHERE journal = ? AND closed IS NULL ORDER BY first_hash, id", journal)
    return tuple(map(_shard, rows))


def _beyond(tx: Tx, shard: Shard, after: int, since: float) -> int:
    """`after`, or a greater number after which the entries are those since then."""
    row = (
        tx.one("SELECT at FROM journal_entries WHERE shard = ? AND seq > ? ORDER BY seq LIMIT 1", shard.id, after)
        if since
        else None
    )
    return after if row is None or row["at"] >= since else max(after, before(tx, shard, since))


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
