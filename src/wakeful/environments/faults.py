"""What a runtime answered, or why it is of no use any more, and the document that tells the caller."""

from __future__ import annotations

from dataclasses import dataclass

from wakeful.environments import report
from wakeful.environments.report import Status
from wakeful.environments.sandbox import Exit


@dataclass(frozen=True, slots=True)
class Fault:
    """`words` become part of the message; `payload` is a document of the runtime's own, told as it is."""

    status: Status
    error_type: str | None
    words: str = ""
    payload: bytes | None = None

    def document(self, request_id: str) -> bytes:
        if self.payload is not None:
            return self.payload
        return report.error_document(self.kind, f"RequestId: {request_id} Error: {self.words}")

    @property
    def kind(self) -> str:
        return "Sandbox.Timedout" if self.status == "timeout" else self.error_type or "Runtime.Unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a runtime made of an event; `error_type` only where Lambda does not take its answer."""

    payload: bytes
    is_error: bool
    error_type: str | None = None

    @property
    def fault(self) -> Fault | None:
        return Fault("error", self.error_type, payload=self.payload) if self.is_error else None


def timed_out(timeout_s: float) -> Fault:
    return Fault("timeout", None, f"Task timed out after {timeout_s:.2f} seconds")


def invalid_entrypoint(words: str) -> Fault:
    return Fault("error", "Runtime.InvalidEntrypoint", words)


def extension(error_type: str, words: str) -> Fault:
    """An extension has ended, or never ran."""
    return Fault("error", error_type, words)


def ended(end: Exit) -> Fault:
    """The runtime process has ended, or never ran."""
    if end.error is not None:
        return invalid_entrypoint(end.error)
    return Fault("error", "Runtime.OutOfMemory" if end.out_of_memory else "Runtime.ExitError", report.exit_words(end))
