"""Runtime hooks of Lambda SnapStart: what a function does before its snapshot and after it is restored.

The public functions of the module of this name that Lambda's Python runtime carries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["register_after_restore", "register_before_snapshot"]

_Hook = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

_before_snapshot: list[_Hook] = []
_after_restore: list[_Hook] = []


def register_before_snapshot(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """`func` is called when INIT is over; the hook registered last comes first. Also a decorator."""
    _before_snapshot.append((func, args, kwargs))
    return func


def register_after_restore(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """`func` is called before the first event; the hook registered first comes first. Also a decorator."""
    _after_restore.append((func, args, kwargs))
    return func


def get_before_snapshot() -> list[_Hook]:
    """For the runtime, which runs them."""
    return _before_snapshot


def get_after_restore() -> list[_Hook]:
    """For the runtime, which runs them."""
    return _after_restore
