"""When the runtime did what in one invocation, as platform.runtimeDone and platform.report tell it."""

from __future__ import annotations

from typing import Any

from wakeful.environments import report
from wakeful.environments.version import Invocation


class Spans:
    """Times are the node's, in seconds."""

    def __init__(self, invocation: Invocation, began: float) -> None:
        self.request_id = invocation.request_id
        self.tracing: dict[str, Any] = {}
        """The record's member of that name, where the invocation has a trace."""
        if invocation.trace is not None:
            self.tracing = {"tracing": {"type": "X-Amzn-Trace-Id", "value": invocation.trace.header}}
        self.error: tuple[str | None] | None = None
        """That the function failed, and how it called its error."""
        self._began = began
        self._answers: float | None = None
        self._answered: float | None = None
        self._done: float | None = None
        self._bytes = 0

    @property
    def is_done(self) -> bool:
        return self._done is not None

    def answers(self, now: float) -> None:
        """The response begins."""
        self._answers = self._answers or now

    def answered(self, now: float, size: int) -> None:
        """It has ended."""
        self.answers(now)
        self._answered = now
        self._bytes = size

    def ends(self, now: float) -> None:
        self._done = now

    @property
    def described(self) -> dict[str, Any]:
        """Spans and metrics of the runtime, once it is done."""
        assert self._done is not None
        spans = []
        if self._answers is not None:
            spans.append(_span("responseLatency", self._began, self._answers))
        if self._answers is not None and self._answered is not None:
            spans.append(_span("responseDuration", self._answers, self._answered))
            spans.append(_span("runtimeOverhead", self._answered, self._done))
        metrics = {"durationMs": _ms(self._began, self._done), "producedBytes": self._bytes}
        return {"spans": spans, "metrics": metrics} if spans else {"metrics": metrics}

    def overhead(self, now: float) -> dict[str, Any]:
        """What came after the runtime was done: extensions at work."""
        return {"spans": [_span("extensionOverhead", self._done, now)]} if self._done is not None else {}


def _span(name: str, start: float, end: float) -> dict[str, Any]:
    return {"name": name, "start": report.iso_ms(start), "durationMs": _ms(start, end)}


def _ms(start: float, end: float) -> float:
    return max(0.0, round((end - start) * 1000, 3))
