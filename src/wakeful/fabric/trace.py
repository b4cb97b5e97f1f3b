"""Causes: which event led to which, through how many hands. Every event and every run carries one of these."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b

from wakeful import limits, names

_LINEAGE = re.compile(r"[0-9a-f]{8}:[0-9]{1,5}(?:\|[0-9a-f]{8}:[0-9]{1,5})*")


@dataclass(frozen=True, slots=True)
class Trace:
    """Where something stands in a story.

    `id` names the story (an X-Ray trace id), `cause` the note that led directly here (None where the story begins),
    `hops` counts the functions it came through. `lineage` counts how often it came through each function on
    ways on which Lambda looks for loops, as `Lineage` of a trace header has it ("AWS X-Ray concepts"): a hash of the
    function, a colon, the count, and a bar before the next; the one it came through last stands last.
    """

    id: str
    cause: str | None = None
    hops: int = 0
    lineage: str = ""

    def caused_by(self, note_id: str, *, hops: int = 0) -> Trace:
        """The trace of what `note_id` sets off."""
        return Trace(self.id, note_id, self.hops + hops, self.lineage)

    def through(self, arn: str) -> Trace:
        """The same, come through this function once more."""
        return Trace(self.id, self.cause, self.hops, _through(self.lineage, arn))

    def passes(self, arn: str) -> int:
        """How often it came through this function."""
        return _counts(self.lineage).get(_mark(arn), 0) if self.lineage else 0

    def without_lineage(self) -> Trace:
        """The same beyond a way on which nobody looks for loops."""
        return replace(self, lineage="") if self.lineage else self

    @property
    def header(self) -> str:
        """As `X-Amzn-Trace-Id` and `_X_AMZN_TRACE_ID` carry it.

        Not sampled: nobody here collects segments, and X-Ray's client would complain in the function's log.
        """
        parent = f";Parent={blake2b(self.cause.encode(), digest_size=8).hexdigest()}" if self.cause else ""
        lineage = f";Lineage={self.lineage}" if self.lineage else ""
        return f"Root={self.id}{parent};Sampled=0{lineage}"


def new_trace(now_s: float) -> Trace:
    return Trace(names.new_trace_id(now_s))


def of_header(header: str) -> Trace | None:
    """The story that a client says its request belongs to; None where it says nothing."""
    root = member(header, "Root")
    return Trace(root, lineage=lineage_of(header)) if root else None


def lineage_of(header: str) -> str:
    """The lineage that a trace header carries; none where it is not of our form, or longer than any of ours."""
    lineage = member(header, "Lineage")
    if not _LINEAGE.fullmatch(lineage) or lineage.count("|") >= limits.LINEAGE_FUNCTIONS_MAX:
        return ""
    return lineage


def member(header: str, name: str) -> str:
    """One member of a trace header; "" where it has none of that name."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return next((value for key, _, value in pairs if key == name), "")


def merged(traces: Iterable[Trace]) -> Trace:
    """The trace of what several set off together: of the one that came farthest, with the highest counts of all."""
    several = list(traces)
    counts: dict[str, int] = {}
    for trace in several:
        for mark, count in _counts(trace.lineage).items():
            counts[mark] = max(count, counts.pop(mark, 0))
    return replace(max(several, key=lambda trace: trace.hops), lineage=_lineage(counts))


@lru_cache(limits.LINEAGE_MARKS_KEPT)
def _mark(arn: str) -> str:
    return blake2b(arn.encode(), digest_size=4).hexdigest()


@lru_cache(limits.LINEAGE_MARKS_KEPT)
def _through(lineage: str, arn: str) -> str:
    # Most stories begin with the function: every run of it would work out the same.
    mark = _mark(arn)
    counts = _counts(lineage)
    counts[mark] = counts.pop(mark, 0) + 1
    return _lineage(counts)


def _counts(lineage: str) -> dict[str, int]:
    if not lineage:
        return {}
    pairs = (part.partition(":") for part in lineage.split("|"))
    return {mark: int(count) for mark, _, count in pairs}


def _lineage(counts: dict[str, int]) -> str:
    """Of more functions than are remembered, those it came through last."""
    kept = list(counts.items())[-limits.LINEAGE_FUNCTIONS_MAX :]
    return "|".join(f"{mark}:{count}" for mark, count in kept)
