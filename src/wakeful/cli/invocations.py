"""A function's log for whoever works on the function: what it printed, and one line for each invocation."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

WIDTH = 80

_QUIET = re.compile(r"(START|END) RequestId: |INIT_(START|REPORT) |EXTENSION\tName|LOGS\tName|TELEMETRY\tName")
_REPORT = re.compile(r"REPORT RequestId: (?P<id>\S+)\t(?P<rest>.*)", re.DOTALL)
_QUIET_TYPES = frozenset(
    ("platform.start", "platform.initStart", "platform.initRuntimeDone", "platform.runtimeDone", "platform.extension")
)
_MS = re.compile(r"(?P<name>[A-Z][A-Za-z ]+): (?P<value>[\d.]+) (?:ms|MB)")
_OF_NODE = re.compile(r"\S+Z\t(?:undefined|[0-9a-f]{8}-[0-9a-f-]{27})\t(?P<level>[A-Z]+)\t")
_OF_PYTHON = re.compile(r"\[(?P<level>[A-Z]+)\]\t\S+Z\t[0-9a-f-]*\t")


@dataclass(frozen=True, slots=True)
class Line:
    """`kind`: ok or failed for an invocation, else text."""

    kind: str
    text: str


def lines(message: str) -> Iterator[Line]:
    """What of an event of the log is to be shown."""
    message = message.rstrip("\n")
    if report := _REPORT.match(message):
        yield _summary(report["id"], *_figures(report["rest"]))
    elif message.startswith("{") and (platform := _platform(message)) is not None:
        if platform["type"] == "platform.report":
            yield _of_platform(platform["record"])
        elif platform["type"] not in _QUIET_TYPES:
            yield from _text(message)
    elif not _QUIET.match(message):
        yield from _text(_without_prefix(message))


def _without_prefix(message: str) -> str:
    """What a logger puts before it says nothing here, but a level that is worth it."""
    for prefix in (_OF_NODE, _OF_PYTHON):
        if found := prefix.match(message):
            rest = message[found.end() :]
            return rest if found["level"] == "INFO" else f"{found['level']} {rest}"
    return message


def _platform(message: str) -> dict[str, Any] | None:
    try:
        document = json.loads(message)
    except ValueError:
        return None
    is_platform = isinstance(document, dict) and str(document.get("type", "")).startswith("platform.")
    return document if is_platform else None


def _figures(rest: str) -> tuple[dict[str, float], str]:
    found = {each["name"].strip(): float(each["value"]) for each in _MS.finditer(rest)}
    status = re.search(r"Status: (\w+)(?:\tError Type: (\S+))?", rest)
    return found, "" if status is None else (status.group(2) or status.group(1))


def _of_platform(record: dict[str, Any]) -> Line:
    metrics = record.get("metrics", {})
    names = {
        "durationMs": "Duration",
        "billedDurationMs": "Billed Duration",
        "maxMemoryUsedMB": "Max Memory Used",
        "initDurationMs": "Init Duration",
        "restoreDurationMs": "Restore Duration",
    }
    found = {title: float(metrics[name]) for name, title in names.items() if name in metrics}
    status = record.get("status", "success")
    return _summary(record["requestId"], found, "" if status == "success" else record.get("errorType", status))


def _summary(request_id: str, figures: dict[str, float], status: str) -> Line:
    parts = [f"{figures.get('Duration', 0.0):,.1f} ms"]
    if "Init Duration" in figures:
        parts.append(f"init {figures['Init Duration']:,.1f} ms")
    if "Restore Duration" in figures:
        parts.append(f"restore {figures['Restore Duration']:,.1f} ms")
    parts.append(f"billed {figures.get('Billed Duration', 0.0):,.0f} ms")
    parts.append(f"{figures.get('Max Memory Used', 0.0):,.0f} MB")
    words = {"timeout": "timed out"}.get(status, status)
    mark = "✗" if status else "✓"
    text = f"{mark} {request_id[:8]}  {', '.join(parts)}{'  ' + words if words else ''}"
    return Line("failed" if status else "ok", text)


def _text(message: str) -> Iterator[Line]:
    """In lines of 80 columns, two of them for the margin."""
    for line in message.splitlines() or [""]:
        pieces = textwrap.wrap(
            line.expandtabs(4), WIDTH - 4, subsequent_indent="  ", replace_whitespace=False, drop_whitespace=False
        )
        for piece in pieces or [""]:
            yield Line("text", f"  {piece}".rstrip())
