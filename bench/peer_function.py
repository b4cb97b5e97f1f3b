"""The echo function as functions-framework wants it."""

from __future__ import annotations

from typing import Any


def handler(request: Any) -> Any:
    return request.get_json(silent=True) or {}
