"""Batches, as everybody who draws from a source treats them: what filters let through, what fits into one event, and
which of them failed in the words of whoever got them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from wakeful import limits
from wakeful.fabric.pattern import Conjunction, compile_pattern
from wakeful.fabric.source import Taken

AsRecord = Callable[[Taken], dict[str, Any]]
_EMPTY = b'{"Records":[]}'


class Filter:
    """What filter patterns let through: what any of them wants, or everything where there is none."""

    __slots__ = ("_content", "_ways")

    def __init__(self, patterns: Sequence[str], content: str) -> None:
        """`content` is the record's member that may be JSON. Raises InvalidEventPatternException."""
        ways = [way for each in patterns for way in compile_pattern(each).alternatives]
        self._ways = [(way, wants_json(way, content)) for way in ways]
        self._content = content

    def wanted(self, batch: Sequence[Taken], as_record: AsRecord) -> list[Taken]:
        """What of the batch gets through, in its order."""
        if not self._ways:
            return list(batch)
        return [each for each in batch if self.wants(as_record(each))]

    def wants(self, record: dict[str, Any]) -> bool:
        """Patterns see the content as what its JSON says; what is no object or array is the text that it is, and those
        that ask for the one never want the other.
        """
        content = _seen(record.get(self._content))
        is_json, seen = isinstance(content, dict | list), {**record, self._content: content}
        return any(wanted in (None, is_json) and way.matches(seen) for way, wanted in self._ways)


def wants_json(way: Conjunction, content: str) -> bool | None:
    """Whether the content has to be JSON for that way to match a pattern, or a text; None where it does not look."""
    asked = [field.name for field in way.fields if field.name.partition(".")[0] == content]
    return any("." in name for name in asked) if asked else None


def _seen(content: Any) -> Any:
    if not isinstance(content, str) or content.lstrip()[:1] not in ("{", "["):
        return content
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return content


def parts(batch: Sequence[Taken], as_record: AsRecord, bytes_max: int) -> Iterator[list[Taken]]:
    """The batch, or as many parts of it as it takes for none to be a larger event than `bytes_max`."""
    empty = len(_EMPTY) - 1  # a comma is counted with each record, and the first one has none before it
    part: list[Taken] = []
    size = empty
    for each in batch:
        grown = len(orjson.dumps(as_record(each))) + 1
        if part and size + grown > bytes_max:
            yield part
            part, size = [], empty
        part.append(each)
        size += grown
    if part:
        yield part


def next_slice(left: int, taken: Sequence[Taken], bytes_max: int) -> int:
    """How many to take at once when `left` are still wanted: hardly more than fit into `bytes_max` together.

    What is taken is in memory, and one transaction takes it: so a batch of ten thousand is taken in slices, the first
    of them small, the next ones as what has come lets expect. 0 where there is no room for more.
    """
    if not taken:
        return min(left, limits.BATCH_FIRST_SLICE)
    size = sum(size_of(each) for each in taken)
    room = bytes_max - size
    fit = -(-room * len(taken) // size)  # rounded up: what is left over would be a transaction of its own
    return 0 if room <= 0 else min(left, limits.BATCH_SLICE_MAX, fit)


def size_of(taken: Taken) -> int:
    """About how many bytes it has."""
    return limits.BATCH_RECORD_BYTES + (len(taken.body) if isinstance(taken.body, str | bytes) else 0)


def reported_failures(payload: bytes, known: set[str]) -> set[str] | None:
    """The ids that were reported as failed ("Implementing partial batch responses"); None where all have.

    Nothing, null, and a list that is missing, null or empty report none. What is no such report, and an id that is
    empty, null, missing or of nothing in the batch, condemn the whole batch.
    """
    if not payload.strip():
        return set()
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    if answer is None or answer == "":
        return set()
    if not isinstance(answer, dict):
        return None
    failures = answer.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return None
    ids = [each.get("itemIdentifier") if isinstance(each, dict) else None for each in failures]
    failed = {each for each in ids if isinstance(each, str) and each in known}
    return failed if all(isinstance(each, str) and each in failed for each in ids) else None


def group_of(taken: Taken) -> str | None:
    """The group within which order counts; None where it does not. Only messages of FIFO queues have a sequence
    number."""
    system = taken.facts.get("system", {})
    return str(system.get("MessageGroupId", "")) if "SequenceNumber" in system else None
