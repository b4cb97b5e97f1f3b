"""What must go on although something failed: it is logged, waited for and begun again. Nothing here ends the node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from wakeful import limits

T = TypeVar("T")

log = logging.getLogger(__name__)


def backoff_s(attempts: int) -> float:
    """How long to wait after so many attempts at a thing that should have worked: doubling, up to a bound."""
    return float(min(limits.WORK_BACKOFF_MAX_S, limits.WORK_BACKOFF_S * 2 ** min(attempts - 1, 16)))


async def insist(what: str, attempt: Callable[[], Awaitable[T]]) -> T:
    """What `attempt` answers, once it does: a disk that is full or a database that is away is waited for.

    It waits in the machine's time: moving the node's clock makes no disk emptier.
    """
    attempts = 0
    while True:
        try:
            return await attempt()
        except Exception:
            attempts += 1
            pause_s = min(limits.STORE_PATIENCE_MAX_S, backoff_s(attempts))
            log.exception("%s failed; it is tried again in %.0f s", what, pause_s)
            await asyncio.sleep(pause_s)


async def keep_up(what: str, run: Callable[[], Awaitable[None]]) -> None:
    """Runs as long as the node does: where it fails it begins again, and the others hear nothing of it."""
    await insist(what, run)
