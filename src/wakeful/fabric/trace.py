"""Causes: which event led to which, through how many hands. Every event and every run carries one of these."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from wakeful import names


@dataclass(frozen=True, slots=True)
class Trace:
    """Where something stands in a story.

    `id` names the story (an X-Ray trace id), `cause` the note that led directly here (None where the story begins),
    `hops` counts the functions and queues it came through.
    """

    id: str
    cause: str | None = None
    hops: int = 0

    def caused_by(self, note_id: str, *, hops: int = 0) -> Trace:
        """The trace of what `note_id` sets off."""
        return Trace(self.id, note_id, self.hops + hops)

    @property
    def header(self) -> str:
        """As `X-Amzn-Trace-Id` and `_X_AMZN_TRACE_ID` carry it.

        Not sampled: nobody here collects segments, and X-Ray's client would complain in the function's log.
        """
        parent = f";Parent={blake2b(self.cause.encode(), digest_size=8).hexdigest()}" if self.cause else ""
        return f"Root={self.id}{parent};Sampled=0"


def new_trace(now_s: float) -> Trace:
    return Trace(names.new_trace_id(now_s))
