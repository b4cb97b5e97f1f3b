"""Events and answers as JSON, with the liberties that Lambda's Python runtime takes."""

from __future__ import annotations

import functools
import json
import os
import re
from typing import Any

from .faults import Fault

_ESCAPING_ONLY = frozenset({"AWS_Lambda_python3.9", "AWS_Lambda_python3.10", "AWS_Lambda_python3.11"})


def read(body: bytes) -> Any:
    """The event."""
    try:
        return json.loads(body)
    except ValueError as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error


def answer(value: Any) -> tuple[bytes, bytes | None]:
    """What a handler returned, and its content type where it is not JSON. Bytes go out as they are."""
    if isinstance(value, bytes):
        return value, b"application/unknown"
    try:
        return write(value), None
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def write(value: Any) -> bytes:
    """JSON. Decimals become numbers digit by digit, bytes text; other than ASCII is escaped up to Python 3.11."""
    return _writer().write(value).encode()


def write_document(document: dict[str, object]) -> bytes:
    """An error document. What cannot be written of an exception's words is left out, but the rest arrives."""
    return _writer().write(document).encode("utf-8", "replace")


class _Writer:
    """Writes JSON. Decimals are stood in for while `json` writes, which cannot write a number it does not know."""

    def __init__(self, *, escapes: bool) -> None:
        self._encode = json.JSONEncoder(ensure_ascii=escapes, default=self.stand_in).encode
        self.numbers: list[str] = []
        self._mark = ""

    def write(self, value: Any) -> str:
        try:
            text = self._encode(value)
            return self.put_back(text) if self.numbers else text
        finally:
            if self.numbers:
                self.numbers = []

    def stand_in(self, value: Any) -> Any:
        if isinstance(value, bytes):
            return value.decode("utf-8")
        kind = type(value)
        if any(base.__module__ in ("decimal", "_decimal") and base.__name__ == "Decimal" for base in kind.__mro__):
            if not value.is_finite():
                return float("nan") if value.is_nan() else float(value)
            self._mark = self._mark or os.urandom(16).hex()
            self.numbers.append(str(value))
            return f"{self._mark}{len(self.numbers) - 1}"
        raise TypeError(f"Object of type {kind.__name__} is not JSON serializable")

    def put_back(self, text: str) -> str:
        return re.sub(f'"{self._mark}([0-9]+)"', lambda hit: self.numbers[int(hit[1])], text)


@functools.lru_cache(1)
def _writer() -> _Writer:
    return _Writer(escapes=os.environ.get("AWS_EXECUTION_ENV") in _ESCAPING_ONLY)


def forget_writer() -> None:
    """The next answer is written as the variables then ask for."""
    _writer.cache_clear()
