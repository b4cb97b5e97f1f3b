"""Work on the node's loop that may be long: others have their turn between its portions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from wakeful import limits

Given = TypeVar("Given")
Made = TypeVar("Made")

_AT_ONCE = 16  # things between two looks at the time


class Turn:
    """A portion of such work, begun now: how long is this thread's own time of the processor."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        self._begun = time.thread_time()

    @property
    def is_over(self) -> bool:
        """Whether others are to have theirs."""
        return time.thread_time() - self._begun >= limits.TURN_S

    async def passed_on(self) -> None:
        """Others have had theirs, if this one was over; another has begun then."""
        if self.is_over:
            await asyncio.sleep(0)
            self._begun = time.thread_time()


async def each_made(make: Callable[[Given], Made], things: Sequence[Given]) -> list[Made]:
    """What is made of each of many things."""
    turn = Turn()
    made: list[Made] = []
    for at in range(0, len(things), _AT_ONCE):
        made += map(make, things[at : at + _AT_ONCE])
        await turn.passed_on()
    return made
