"""Markers of Lambda's lists: opaque to the client, and refused where they are none of ours."""

from __future__ import annotations

import base64
import json
from typing import Any

from wakeful.services.lambda_.errors import InvalidParameterValueException


def marked(*parts: str | float) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def unmarked(marker: str | None, default: list[Any]) -> list[Any]:
    """The parts that a marker of ours has, of the default's types. Raises what Lambda answers to any other."""
    if not marker:
        return default
    try:
        parts = json.loads(base64.b64decode(marker, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        parts = None
    if (
        not isinstance(parts, list)
        or [type(part) for part in parts] != [type(part) for part in default]
        or not all(map(_may_be_of_a_row, parts))
    ):
        raise InvalidParameterValueException("Invalid Marker")
    return parts


def _may_be_of_a_row(part: str | float) -> bool:
    """Not every text and number that JSON can say can be asked for."""
    return part.isprintable() if isinstance(part, str) else abs(part) < 1 << 63
