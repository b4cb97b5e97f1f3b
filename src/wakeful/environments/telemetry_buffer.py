"""What waits for one subscriber: batches that are due when they are full or old, and an end to how much waits.

Pure rules, after "Configuring memory usage and buffering" on the Lambda guide's page "Lambda Telemetry API". Whoever
does not fetch what waits loses what comes besides, and is told how much that was.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from wakeful import limits
from wakeful.environments.report import iso_ms

DROPPED = "platform.logsDropped"
_WHY = "Some logs were dropped because the downstream consumer is slower than the logs production rate"


class Record(NamedTuple):
    """One event. `text` is what was printed, or the JSON of a platform's record (`is_json`)."""

    at: float
    kind: str
    text: str
    is_json: bool = False

    @property
    def size(self) -> int:
        text = self.text
        return (len(text) if text.isascii() else len(text.encode())) + limits.TELEMETRY_RECORD_BYTES


class Room:
    """How much may wait in one environment, for all subscribers together."""

    def __init__(self, bytes_max: int) -> None:
        self.left_bytes = bytes_max


class Buffer:
    """The times are of any clock that only goes forward."""

    def __init__(self, max_items: int, max_bytes: int, timeout_s: float, room: Room) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._room = room
        self._waiting: deque[tuple[float, int, Record]] = deque()
        self._waiting_bytes = 0
        self._taken: list[Record] = []
        self._taken_bytes = 0
        self._flushed = 0
        """So many of those that wait are due, however young they are."""
        self._lost_records = 0
        self._lost_bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_empty(self) -> bool:
        """Nothing waits, and nothing was taken that is not settled."""
        return not self._waiting and not self._taken

    @property
    def due_at(self) -> float | None:
        """When there will be a batch; None as long as nothing waits."""
        if not self._waiting:
            return None
        is_full = len(self._waiting) >= self._max_items or self._waiting_bytes >= self._max_bytes
        return 0.0 if is_full or self._flushed else self._waiting[0][0] + self._timeout_s

    def add(self, record: Record, now: float) -> bool:
        """Whether it waits now; otherwise it is lost, and counted."""
        size = record.size
        batches = limits.TELEMETRY_BATCHES_WAITING_MAX
        is_too_much = len(self._waiting) >= batches * self._max_items or (
            self._waiting_bytes + size > batches * self._max_bytes and self._waiting
        )
        if is_too_much or size > self._room.left_bytes:
            self._lost_records += 1
            self._lost_bytes += size
            return False
        self._waiting.append((now, size, record))
        self._waiting_bytes += size
        self._room.left_bytes -= size
        return True

    def add_lines(self, at: float, kind: str, texts: Sequence[str], now: float) -> bool:
        """Whether any of them waits now. When one is lost, so are those after it: there may be very many."""
        for count, text in enumerate(texts):
            if not self.add(Record(at, kind, text), now):
                rest = texts[count + 1 :]
                self._lost_records += len(rest)
                self._lost_bytes += sum(map(len, rest)) + len(rest) * limits.TELEMETRY_RECORD_BYTES
                return count > 0
        return bool(texts)

    def flush(self) -> None:
        """All that waits is due."""
        self._flushed = len(self._waiting)

    def take(self) -> list[Record]:
        """The next batch, never an empty one. It counts until it is settled."""
        assert not self._taken
        while self._waiting and len(self._taken) < self._max_items:
            size = self._waiting[0][1]
            if self._taken and self._taken_bytes + size > self._max_bytes:
                break
            self._taken.append(self._waiting.popleft()[2])
            self._taken_bytes += size
            self._waiting_bytes -= size
        self._flushed = max(0, self._flushed - len(self._taken))
        return self._taken

    def settle(self, *, is_lost: bool = False) -> None:
        """The batch has been delivered, or never will be."""
        for record in self._taken if is_lost else ():
            told = json.loads(record.text) if record.is_json and record.kind == DROPPED else {}
            self._lost_records += told.get("droppedRecords", 1)  # what it told of is still not known
            self._lost_bytes += told.get("droppedBytes", record.size)
        self._room.left_bytes += self._taken_bytes
        self._taken = []
        self._taken_bytes = 0

    def confess(self, at: float, now: float) -> None:
        """What was lost so far is told, in a record of its own, if there is room for that."""
        if self._lost_records:
            told = self._lost_records, self._lost_bytes
            if self.add(dropped(at, *told), now):
                self._lost_records = self._lost_bytes = 0
            else:
                self._lost_records, self._lost_bytes = told

    def forget_lost(self) -> None:
        """Nobody wants to know."""
        self._lost_records = self._lost_bytes = 0

    def empty(self) -> None:
        """All is given up, and its room with it."""
        self._room.left_bytes += self._waiting_bytes + self._taken_bytes
        self._waiting.clear()
        self._taken = []
        self._waiting_bytes = self._taken_bytes = self._flushed = 0


def dropped(at: float, records: int, size: int) -> Record:
    return platform(at, DROPPED, {"droppedBytes": size, "droppedRecords": records, "reason": _WHY})


def platform(at: float, kind: str, record: object) -> Record:
    return Record(at, kind, json.dumps(record, separators=(",", ":")), is_json=True)


def encoded(record: Record, *, has_objects: bool) -> bytes:
    """As it is sent, on one line. `has_objects`: what a program printed as a JSON object is one here too."""
    text = record.text
    if not record.is_json:
        text = (_as_object(text) if has_objects else None) or json.dumps(text, ensure_ascii=False)
    return f'{{"time":"{iso_ms(record.at)}","type":"{record.kind}","record":{text}}}'.encode()


def _as_object(text: str) -> str | None:
    """As it was printed, on one line: numbers keep their digits."""
    if not text.startswith("{"):
        return None
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return text.strip().replace("\n", " ").replace("\r", " ")  # between values only: in strings they are escaped
