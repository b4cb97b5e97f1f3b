"""Following a log group through FilterLogEvents, the operation everyone has for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

_PAUSE_S = 0.3
_LATE_MS = 5_000
"""An event that comes in after a newer one was shown is still shown if it is older by no more than this."""


def has_group(logs: Any, group: str) -> bool:
    """Whether there is such a log group by now."""
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=group)
    return any(found["logGroupName"] == group for page in pages for found in page["logGroups"])


def events(logs: Any, group: str, start_ms: int, follow: bool, pause_s: float = _PAUSE_S) -> Iterator[tuple[int, str]]:
    """(timestamp in ms, message) from `start_ms` on, each event once; with `follow` it never ends."""
    told: dict[str, int] = {}
    newest_ms = start_ms
    while True:
        since_ms = max(start_ms, newest_ms - _LATE_MS)
        for event in _found(logs, group, since_ms):
            if event["eventId"] not in told:
                told[event["eventId"]] = event["timestamp"]
                newest_ms = max(newest_ms, event["timestamp"])
                yield event["timestamp"], event["message"]
        if not follow:
            return
        told = {id_: moment_ms for id_, moment_ms in told.items() if moment_ms >= newest_ms - _LATE_MS}
        time.sleep(pause_s)


def _found(logs: Any, group: str, start_ms: int) -> Iterator[dict[str, Any]]:
    """Nothing, where there is no such log group."""
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=start_ms)
    try:
        for page in pages:
            yield from page["events"]
    except logs.exceptions.ResourceNotFoundException:
        return
