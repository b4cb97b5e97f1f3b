"""Following a log group through FilterLogEvents, the operation everyone has for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

_PAUSE_S = 0.3


class NoSuchLog(Exception):
    """There is no such log group (yet)."""


def events(logs: Any, group: str, start_ms: int, follow: bool) -> Iterator[tuple[int, str]]:
    """(timestamp in ms, message) from `start_ms` on, each event once; with `follow` it never ends."""
    told: set[str] = set()
    is_there = False
    while True:
        try:
            for event in _page_through(logs, group, start_ms):
                if event["eventId"] not in told:
                    told.add(event["eventId"])
                    start_ms = max(start_ms, event["timestamp"])
                    yield event["timestamp"], event["message"]
            is_there = True
        except logs.exceptions.ResourceNotFoundException as error:
            if not follow:
                raise NoSuchLog(f"There is no log group {group}; it comes with the first run.") from error
        if not follow:
            return
        if is_there and len(told) > 10_000:
            told.clear()
            start_ms += 1
        time.sleep(_PAUSE_S)


def _page_through(logs: Any, group: str, start_ms: int) -> Iterator[dict[str, Any]]:
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=start_ms):
        yield from page["events"]
