"""What invocations were given and what they answered, so that one that is past can be looked at and run again.

They are kept in chunks of what one function had in a tenth of a second, compressed, in a room of so many bytes. Where
it is full, whoever has most of it loses its oldest: an account first, and of that a function. So a flood of one
function's events drives out its own.
"""

from __future__ import annotations

import logging
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from wakeful import limits
from wakeful.store.tx import Tx

SCHEMA = """
CREATE TABLE IF NOT EXISTS telemetry_recordings(
    id       INTEGER PRIMARY KEY AUTOINCREMENT, -- a note that names a chunk never comes to name another
    function TEXT NOT NULL,
    last_at  REAL NOT NULL,
    failed   INTEGER NOT NULL,         -- how many of its invocations did
    bytes    INTEGER NOT NULL,
    packed   BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS telemetry_recordings_function ON telemetry_recordings(function, last_at, id);
CREATE INDEX IF NOT EXISTS telemetry_recordings_last ON telemetry_recordings(last_at);
CREATE TABLE IF NOT EXISTS telemetry_recording_use(
    function TEXT PRIMARY KEY,
    account  TEXT NOT NULL,
    bytes    INTEGER NOT NULL
) WITHOUT ROWID
"""

_LEVEL = 1  # of compression: a higher one takes two to ten times as long and leaves a tenth less
_HEAD_BYTES = 4  # that say how long the heads of a chunk are

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Room:
    """How much may be kept, and for how long. No bytes: nothing is recorded, and what was is forgotten."""

    bytes_max: int = limits.RECORD_BYTES
    age_s: float = limits.RECORD_AGE_S


class Recording(NamedTuple):
    """One invocation. `function` is the ARN without qualifier; `at` is when it began to run, in the node's time.

    `kind` says how it came (RequestResponse, Event, …), `source` from whom or what, as far as that is known. `answer`
    is None where it was too large to be kept; of a failure it is the error's document.
    """

    request_id: str
    function: str
    at: float
    kind: str
    source: str
    tenant: str | None
    client_context: str | None
    replay_of: str | None
    is_failed: bool
    event: bytes
    answer: bytes | None

    @property
    def account(self) -> str:
        return self.function.split(":", 5)[4]

    @property
    def size(self) -> int:
        return len(self.event) + len(self.answer or b"") + limits.RECORD_MEMORY_BYTES


@dataclass(slots=True)
class _Share:
    """What one function has in the buffer."""

    bytes: int
    recordings: list[Recording]


class Recorder:
    """Recordings on their way to the disk. One for each node, in its telemetry."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.is_on = room.bytes_max > 0
        self._shares: dict[str, _Share] = {}
        self._bytes = 0
        self._left_out = 0
        self._held = 0
        """Bytes of answers that are on their way still."""

    def hold(self, size: int) -> bool:
        """Whether there is room for so much more of answers that are on their way; it counts until it is let go."""
        has_room = self._held + size <= limits.RECORD_BUFFER_BYTES_MAX
        self._held += size if has_room else 0
        return has_room

    def let_go(self, size: int) -> None:
        self._held -= size

    def add(self, recording: Recording) -> None:
        """It will be found within about a tenth of a second, unless too much comes at once."""
        size = recording.size
        share = self._shares.get(recording.function)
        if self._bytes + size > limits.RECORD_BUFFER_BYTES_MAX or (
            share is not None and share.bytes + size > limits.RECORD_BUFFER_OF_ONE_BYTES_MAX
        ):
            self._left_out += 1
            return
        self._bytes += size
        if share is None:
            self._shares[recording.function] = _Share(size, [recording])
        else:
            share.bytes += size
            share.recordings.append(recording)

    def take(self) -> dict[str, list[Recording]]:
        """What has come together since, by function; it is the caller's to write."""
        if self._left_out:
            log.warning("%d invocations came faster than they could be recorded", self._left_out)
            self._left_out = 0
        shares, self._shares, self._bytes = self._shares, {}, 0
        return {function: share.recordings for function, share in shares.items()}

    def keep(self, taken: Mapping[str, Sequence[Recording]]) -> None:
        """What was taken could not be written now, and is there again before what has come since, as far as there is
        room."""
        since, self._shares, self._bytes = self._shares, {}, 0
        for recordings in (*taken.values(), *(share.recordings for share in since.values())):
            for recording in recordings:
                self.add(recording)


# --- on disk ---------------------------------------------------------------------------------------------------------


def put(tx: Tx, taken: Mapping[str, Sequence[Recording]], room: Room) -> dict[str, int]:
    """The recordings are there, as far as there is room; which chunk each is in, by request id."""
    places: dict[str, int] = {}
    if not taken:
        return places
    tx.lock("telemetry", "recordings")
    for function, recordings in taken.items():
        grown = 0
        for chunk in _chunks_of(recordings):
            packed = pack(chunk)
            size = len(packed) + limits.RECORD_CHUNK_OVERHEAD_BYTES
            row = tx.one(
                "INSERT INTO telemetry_recordings(function, last_at, failed, bytes, packed) VALUES (?, ?, ?, ?, ?)"
                " RETURNING id",
                *(function, max(each.at for each in chunk), sum(each.is_failed for each in chunk), size, packed),
            )
            assert row is not None
            places.update((each.request_id, row["id"]) for each in chunk)
            grown += size
        tx.run(
            "INSERT INTO telemetry_recording_use AS had (function, account, bytes) VALUES (?, ?, ?)"
            " ON CONFLICT(function) DO UPDATE SET bytes = had.bytes + excluded.bytes",
            *(function, recordings[0].account, grown),
        )
    _make_room(tx, room.bytes_max)
    return places


def find(tx: Tx, chunk: int, request_id: str) -> Recording | None:
    """The last invocation with this request id in the chunk; None where it is not kept any more."""
    row = tx.one("SELECT packed FROM telemetry_recordings WHERE id = ?", chunk)
    if row is None:
        return None
    return next((each for each in reversed(unpack(row["packed"])) if each.request_id == request_id), None)


def of_function(tx: Tx, function: str, since: float, count: int, *, failed: bool) -> list[Recording]:
    """The latest `count` invocations of the function since then, newest first; or only those that failed.

    Those that were replays are left out, and so are events and answers.
    """
    found: list[Recording] = []
    size = 0
    chunks = tx.all(
        "SELECT id, bytes FROM telemetry_recordings WHERE function = ? AND last_at >= ? AND failed >= ?"
        " ORDER BY last_at DESC, id DESC LIMIT ?",
        *(function, since, int(failed), limits.RECORDED_CHUNKS_READ_MAX),
    )
    for chunk in chunks:
        row = tx.one("SELECT packed FROM telemetry_recordings WHERE id = ?", chunk["id"])
        size += chunk["bytes"]
        if row is None or len(found) >= count or size > limits.RECORDED_READ_BYTES_MAX:
            break
        found += [
            each
            for each in unpack_heads(row["packed"])
            if each.at >= since and each.replay_of is None and each.is_failed >= failed
        ]
    found.sort(key=lambda each: each.at, reverse=True)
    return found[:count]


def kept(tx: Tx, chunks: Sequence[int]) -> set[int]:
    """Which of these chunks are still there."""
    return {
        chunk for chunk in set(chunks) if tx.one("SELECT 1 FROM telemetry_recordings WHERE id = ?", chunk) is not None
    }


def forget_older(tx: Tx, before: float) -> None:
    """Nothing from before then is left, but for what was stored together with later ones."""
    tx.lock("telemetry", "recordings")
    gone: defaultdict[str, int] = defaultdict(int)
    for row in tx.all("DELETE FROM telemetry_recordings WHERE last_at < ? RETURNING function, bytes", before):
        gone[row["function"]] += row["bytes"]
    for function, size in gone.items():
        _used_less(tx, function, size)


def forget_all(tx: Tx) -> None:
    """Nothing is left."""
    tx.lock("telemetry", "recordings")
    tx.run("DELETE FROM telemetry_recordings")
    tx.run("DELETE FROM telemetry_recording_use")


def used(tx: Tx) -> int:
    """How many bytes all recordings take."""
    row = tx.one("SELECT coalesce(sum(bytes), 0) AS bytes FROM telemetry_recording_use")
    return 0 if row is None else int(row["bytes"])


def _make_room(tx: Tx, bytes_max: int) -> None:
    surplus = used(tx) - bytes_max
    if surplus <= 0:
        return
    uses: dict[str, int] = {}
    accounts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in tx.all("SELECT account, function, bytes FROM telemetry_recording_use ORDER BY function"):
        accounts[row["account"]][row["function"]] = uses[row["function"]] = row["bytes"]
    while surplus > 0 and accounts:
        account = max(accounts, key=lambda each: sum(accounts[each].values()))
        functions = accounts[account]
        function = max(functions, key=functions.__getitem__)
        oldest = tx.one(
            "DELETE FROM telemetry_recordings WHERE id = (SELECT id FROM telemetry_recordings WHERE function = ?"
            " ORDER BY last_at, id LIMIT 1) RETURNING bytes",
            function,
        )
        freed = functions[function] if oldest is None else oldest["bytes"]
        surplus -= freed
        functions[function] -= freed
        if functions[function] <= 0:
            del functions[function]
        if not functions:
            del accounts[account]
    left = {function: size for each in accounts.values() for function, size in each.items()}
    for function, size in uses.items():
        if left.get(function, 0) < size:
            _used_less(tx, function, size - left.get(function, 0))


def _used_less(tx: Tx, function: str, size: int) -> None:
    tx.run("UPDATE telemetry_recording_use SET bytes = bytes - ? WHERE function = ?", size, function)
    tx.run("DELETE FROM telemetry_recording_use WHERE function = ? AND bytes <= 0", function)


def _chunks_of(recordings: Sequence[Recording]) -> Iterator[list[Recording]]:
    chunk: list[Recording] = []
    size = 0
    for recording in recordings:
        size += recording.size
        if chunk and size > limits.RECORD_CHUNK_BYTES_MAX:
            yield chunk
            chunk, size = [], recording.size
        chunk.append(recording)
    if chunk:
        yield chunk


def pack(recordings: Sequence[Recording]) -> bytes:
    """Recordings of one function as they are kept: heads, then all events and answers one after the other."""
    heads = [[*each[:-2], len(each.event), None if each.answer is None else len(each.answer)] for each in recordings]
    head = orjson.dumps(heads)
    bodies = [body for each in recordings for body in (each.event, each.answer or b"")]
    return zlib.compress(b"".join([len(head).to_bytes(_HEAD_BYTES), head, *bodies]), _LEVEL)


def unpack_heads(packed: bytes) -> list[Recording]:
    """The same without events and answers, which are not even decompressed: they may be a thousand times as large."""
    stream = zlib.decompressobj()
    head_bytes = int.from_bytes(stream.decompress(packed, _HEAD_BYTES))
    heads = orjson.loads(stream.decompress(stream.unconsumed_tail, head_bytes))
    return [Recording._make([*head[:-2], b"", None]) for head in heads]


def unpack(packed: bytes) -> list[Recording]:
    """What `pack` was given."""
    text = zlib.decompress(packed)
    at = _HEAD_BYTES + int.from_bytes(text[:_HEAD_BYTES])
    recordings = []
    for *head, event_bytes, answer_bytes in orjson.loads(text[_HEAD_BYTES:at]):
        event, at = text[at : at + event_bytes], at + event_bytes
        answer, at = text[at : at + (answer_bytes or 0)], at + (answer_bytes or 0)
        recordings.append(Recording._make([*head, event, None if answer_bytes is None else answer]))
    return recordings
