"""What a run that somebody stands in for comes to."""

from __future__ import annotations

from typing import Any

import orjson

from wakeful.environments.version import Outcome


def outcome(answer: Any, *, has_failed: bool, now: float) -> Outcome:
    """Of a run that answered so, or failed, and cost a millisecond."""
    return Outcome(
        payload=b"{}" if has_failed else orjson.dumps(answer),
        error="Unhandled" if has_failed else None,
        error_type=None,
        status="error" if has_failed else "success",
        cold=False,
        init_ms=None,
        duration_ms=1.0,
        billed_ms=1,
        memory_mb=128,
        memory_used_mb=1,
        log_tail=b"",
        started_at=now,
        environment_id="e",
        log_stream="l",
    )
