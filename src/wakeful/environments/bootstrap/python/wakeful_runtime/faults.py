"""What can go wrong in a function, and the documents and log lines that tell of it."""

from __future__ import annotations

import sys
import traceback
from types import TracebackType

_OWN_FOLDER = __file__.rpartition("/")[0]
_NO_BREAK_SPACE = "\u00a0"


class Fault(Exception):
    """A failure that Lambda has a name for."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = trace or []


class Failure:
    """The error document of a failed invocation or INIT, in the members and the order of Lambda's Python runtime."""

    def __init__(self, kind: str, message: str, trace: list[str], request_id: str = "") -> None:
        self.kind = kind
        self.message = message
        self.trace = trace
        self.request_id = request_id

    def document(self) -> dict[str, object]:
        return {
            "errorMessage": self.message,
            "errorType": self.kind,
            "requestId": self.request_id,
            "stackTrace": self.trace,
        }

    def lines(self) -> list[str]:
        """As the log shows it. Indentation is of no-break spaces, which no log viewer strips."""
        head = "[ERROR]"
        if self.kind:
            head += f" {self.kind}" + (":" if self.message else "")
        if self.message:
            head += f" {self.message}"
        lines = [head, "Traceback (most recent call last):"]
        for entry in self.trace:
            lines += [_indented(line) for line in entry.splitlines()] if entry else [""]
        return lines


def failure_of(error: BaseException, request_id: str = "") -> Failure:
    """What is told of an exception. Frames of this runtime at the top of its traceback are left out."""
    if isinstance(error, Fault):
        return Failure(error.kind, error.message, error.trace, request_id)
    return Failure(type(error).__name__, _words(error), _trace(error.__traceback__), request_id)


def _trace(start: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(start)
    first = next((i for i, frame in enumerate(frames) if not _is_own(frame.filename)), 0)
    # As tuples: later interpreters would add markers below the line, which Lambda does not print.
    return traceback.format_list([(f.filename, f.lineno or 0, f.name, f.line) for f in frames[first:]])


def _is_own(filename: str) -> bool:
    return filename.startswith(_OWN_FOLDER)


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  an exception's own __str__ may raise anything
        print(f"{type(error).__name__}.__str__ failed", file=sys.stderr)  # noqa: T201
        return f"<unprintable {type(error).__name__} object>"


def _indented(line: str) -> str:
    text = line.lstrip(" ")
    return _NO_BREAK_SPACE * (len(line) - len(text)) + text
