"""A response that a runtime streams: counted, passed on to whoever wants the pieces as they come, or else kept."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable

from wakeful import limits
from wakeful.environments import report
from wakeful.environments.faults import Fault
from wakeful.environments.version import Sink

DEFAULT_CONTENT_TYPE = "application/octet-stream"


class StreamedResponse:
    """What one response came to. Its attributes are those of a buffered answer, once it has ended."""

    def __init__(self, sink: Sink | None, content_type: str | None, resume: Callable[[], None]) -> None:
        """`resume` is called when pieces may come again after `add` has said that they should not."""
        self.is_error = False
        self.error_type: str | None = None
        self.is_truncated = False
        self.bytes_max = limits.RESPONSE_BYTES_MAX if sink is None else limits.STREAMED_RESPONSE_BYTES_MAX
        self._sink = sink
        self._kept: list[bytes] = []
        self._bytes = 0
        self._error = b""
        self._broken_by: str | None = None
        if sink is not None:
            sink.begin(content_type or DEFAULT_CONTENT_TYPE, resume)

    @property
    def payload(self) -> bytes:
        """The error document where it failed; else what nobody took as it came."""
        return self._error if self.is_error else b"".join(self._kept)

    @property
    def fault(self) -> Fault | None:
        return Fault("error", self.error_type, payload=self.payload) if self.is_error else None

    @property
    def is_too_large(self) -> bool:
        return self._bytes > self.bytes_max

    @property
    def taken_bytes(self) -> int:
        return min(self._bytes, self.bytes_max)

    @property
    def passed_on_bytes(self) -> int:
        return 0 if self._sink is None else self.taken_bytes

    def add(self, piece: bytes) -> bool:
        """Whether more may come at once."""
        room = self.bytes_max - self._bytes
        self._bytes += len(piece)
        if room <= 0:
            return True  # read to its end, so that the runtime hears why, and not kept
        piece = piece[:room]
        if self._sink is not None:
            return self._sink.write(piece)
        self._kept.append(piece)
        return True

    def end(self, error_type: str | None, error_body: str | None) -> None:
        """The runtime has said all, in the end perhaps that it failed."""
        if self.is_too_large:
            words = f"Response payload size exceeded maximum allowed payload size ({self.bytes_max} bytes)."
            self._fail("Function.ResponseSizeTooLarge", words)
        elif error_type or error_body:
            self.is_error = True
            self._broken_by = error_type or "Unhandled"
            self._error = _decoded(error_body) if error_body else report.error_document(self._broken_by, "")

    def break_off(self) -> None:
        """The connection was lost in the middle."""
        self.is_truncated = True
        self._fail("Runtime.TruncatedResponse", "The response was broken off before its end.")

    def forget(self) -> None:
        """Nobody wants it any more: it is read to its end, and not kept."""
        self._sink = None
        self._kept.clear()
        self.bytes_max = 0

    def broken_by(self, fault: Fault) -> str:
        """What the caller, who already has a part of it, is told as the error's code."""
        if self._broken_by is not None:
            return self._broken_by
        return fault.kind

    def _fail(self, error_type: str, words: str) -> None:
        self.is_error = True
        self.error_type = error_type
        self._error = report.error_document(error_type, words)


def _decoded(body: str) -> bytes:
    try:
        return b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return body.encode()
