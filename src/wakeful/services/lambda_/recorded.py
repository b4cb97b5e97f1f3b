"""What is recorded of every run: the event and the answer, so that it can be looked at and run again."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from wakeful import limits
from wakeful.environments.version import Invocation, Outcome, Sink, Version
from wakeful.fabric.service import Node
from wakeful.store.recordings import Recorder
from wakeful.store.telemetry import Note, Recording


class Overheard:
    """A `Sink` that passes a streamed response on, where somebody wants it, and keeps as much as may be recorded.

    All of them together keep no more than the recorder has room for: of one that finds none, nothing is recorded.
    """

    def __init__(self, recorder: Recorder, sink: Sink | None = None) -> None:
        self._recorder = recorder
        self._sink = sink
        self._kept: list[bytes] = []
        self._size = 0
        self._is_kept = True

    def __del__(self) -> None:
        # However the run ended, also where nobody came to record it.
        self._forget()

    def begin(self, content_type: str, resume: Callable[[], None]) -> None:
        if self._sink is not None:
            self._sink.begin(content_type, resume)

    def write(self, piece: bytes) -> bool:
        if self._is_kept:
            fits = self._size + len(piece) <= limits.RECORD_PAYLOAD_BYTES_MAX and self._recorder.hold(len(piece))
            if fits:
                self._kept.append(piece)
                self._size += len(piece)
            else:
                self._is_kept = False
                self._forget()
        return True if self._sink is None else self._sink.write(piece)

    def _forget(self) -> None:
        self._recorder.let_go(self._size)
        self._kept.clear()
        self._size = 0

    @property
    def answer(self) -> bytes | None:
        """All of it; None where it is more than is kept."""
        return b"".join(self._kept) if self._is_kept else None


def overhear(node: Node, invocation: Invocation) -> Invocation:
    """The same invocation; what it answers piece by piece can be recorded."""
    if invocation.sink is None or isinstance(invocation.sink, Overheard) or not node.telemetry.recorder.is_on:
        return invocation
    return replace(invocation, sink=Overheard(node.telemetry.recorder, invocation.sink))


def record(node: Node, version: Version, invocation: Invocation, outcome: Outcome) -> None:
    """The run can be looked at and replayed, as long as there is room for it."""
    recorder = node.telemetry.recorder
    if recorder.is_on:
        recorder.add(of_run(version, invocation, outcome))


def of_run(version: Version, invocation: Invocation, outcome: Outcome) -> Recording:
    answer: bytes | None = outcome.payload
    if outcome.error is None and isinstance(invocation.sink, Overheard):
        streamed = invocation.sink.answer
        answer = None if streamed is None else streamed + outcome.payload
    if answer is not None and len(answer) > limits.RECORD_PAYLOAD_BYTES_MAX:
        answer = None
    return Recording(
        invocation.request_id,
        version.arn,
        outcome.started_at,
        invocation.kind,
        invocation.source,
        invocation.tenant_id,
        invocation.client_context,
        invocation.replay_of,
        outcome.error is not None,
        invocation.payload,
        answer,
    )


def described(recording: Recording) -> dict[str, Any]:
    """A recording as the front tells it."""
    return {
        "request_id": recording.request_id,
        "function": recording.function,
        "at": recording.at,
        "kind": recording.kind,
        "source": recording.source,
        "tenant": recording.tenant,
        "client_context": recording.client_context,
        "replay_of": recording.replay_of,
        "is_failed": recording.is_failed,
        "event": _shown(recording.event),
        "answer": None if recording.answer is None else _shown(recording.answer),
    }


def figures_of_note(run: Note) -> dict[str, Any]:
    """What a run took, as its note has it."""
    told = ("version", "cold", "init_ms", "billed_ms", "memory_mb", "memory_used_mb", "log_group", "log_stream")
    return {
        "trace": run.trace,
        "invoked_arn": run.resource,
        "status": run.status,
        "duration_ms": run.duration_ms,
        **{name: run.detail.get(name) for name in told},
    }


def figures(trace: str, version: Version, invocation: Invocation, outcome: Outcome) -> dict[str, Any]:
    """What a run took that is just over."""
    return {
        "trace": trace,
        "invoked_arn": invocation.invoked_arn,
        "status": "ok" if outcome.error is None else (outcome.error_type or outcome.error),
        "duration_ms": outcome.duration_ms,
        "version": version.version,
        "cold": outcome.cold,
        "init_ms": outcome.init_ms,
        "billed_ms": outcome.billed_ms,
        "memory_mb": outcome.memory_mb,
        "memory_used_mb": outcome.memory_used_mb,
        "log_group": version.logs_to,
        "log_stream": outcome.log_stream,
    }


def _shown(body: bytes) -> dict[str, str]:
    """Text where it is text, for JSON."""
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
