"""What a function writes to its log: stdout and stderr without delay, and the root logger as Lambda sets it up."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import time
import traceback
from typing import Any

_NEWLINE_WITHIN = b"\xff"
"""Stands for a newline inside one log event. The node reads it so; no UTF-8 text contains it."""

_TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
_TEXT_TIME = "%Y-%m-%dT%H:%M:%S"
_JSON_TIME = "%Y-%m-%dT%H:%M:%SZ"
_ALWAYS_THERE = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "aws_request_id",
    "tenant_id",
    "message",
    "asctime",
    "taskName",
}


class Running:
    """The invocation under way, for the log lines."""

    request_id = ""
    tenant_id: str | None = None


def write(message: str) -> None:
    """One log event, even if it has several lines. The newline at its end is added where it is missing."""
    data = message.encode("utf-8", "replace")
    data = (data[:-1] if data.endswith(b"\n") else data).replace(b"\n", _NEWLINE_WITHIN) + b"\n"
    while data:
        data = data[os.write(1, data) :]


def open_streams(*, by_line: bool = False) -> None:
    """stdout and stderr reach the log with every write, so that nothing is lost when the process is killed.

    `by_line`: with every line, where other processes write to the same log.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        raw = io.FileIO(number, "w", closefd=False)
        errors = "strict" if number == 1 else "backslashreplace"
        stream = io.TextIOWrapper(
            raw, encoding="utf-8", errors=errors, write_through=not by_line, line_buffering=by_line
        )
        stream.mode = "w"  # type: ignore[misc]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def is_json() -> bool:
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def set_up() -> None:
    """The root logger writes to the function's log, in the format of the function's configuration."""
    logging.Formatter.converter = time.gmtime  # Lambda's clock is UTC whatever TZ says
    handler = LambdaLoggerHandler()
    handler.setFormatter(JsonFormatter() if is_json() else logging.Formatter(_TEXT_FORMAT, _TEXT_TIME))
    handler.addFilter(_with_invocation)
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    if level:
        root.setLevel({"TRACE": "DEBUG", "FATAL": "CRITICAL", "WARN": "WARNING"}.get(level, level))


class LambdaLoggerHandler(logging.Handler):
    """On the root logger from the start; libraries and functions look for it by this name."""

    def emit(self, record: logging.LogRecord) -> None:
        write(self.format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object per record, with the members of "Using structured JSON logs with Python" in the Lambda guide."""

    def __init__(self) -> None:
        super().__init__(datefmt=_JSON_TIME)

    def format(self, record: logging.LogRecord) -> str:
        message = record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage()
        entry: dict[str, Any] = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": message,
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[0] is not None:
            entry["stackTrace"] = traceback.format_tb(record.exc_info[2])
            entry["errorType"] = record.exc_info[0].__name__
            entry["errorMessage"] = str(record.exc_info[1])
            entry["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        entry["requestId"] = Running.request_id
        if Running.tenant_id is not None:
            entry["tenantId"] = Running.tenant_id
        for name, value in record.__dict__.items():
            if name not in _ALWAYS_THERE and name not in entry and value is not None:
                entry[name] = value
        return json.dumps(entry, ensure_ascii=False, default=str)


def error(document: dict[str, object], lines: list[str]) -> None:
    """A failure, as one log event."""
    if is_json():
        stamp = time.strftime(_JSON_TIME, time.gmtime())
        write(json.dumps({"timestamp": stamp, "level": "ERROR", **document}, ensure_ascii=False))
    else:
        write("\n".join(lines))


def _with_invocation(record: logging.LogRecord) -> bool:
    record.aws_request_id = Running.request_id
    record.tenant_id = Running.tenant_id
    return True
