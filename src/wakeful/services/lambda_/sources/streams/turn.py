"""A lane's turn: whether there is one, and what becomes true when it is taken.

It is a run of the function, or letting go of what is too old or too large.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from itertools import takewhile

from wakeful import limits
from wakeful.environments.version import Throttled
from wakeful.fabric.patience import insist
from wakeful.fabric.service import Node
from wakeful.services.lambda_ import measuring
from wakeful.services.lambda_.references import of_arn
from wakeful.services.lambda_.sources import mappings
from wakeful.services.lambda_.sources.batch import FAILED, LOOPED, OK
from wakeful.services.lambda_.sources.mappings import SourceMapping
from wakeful.services.lambda_.sources.streams import checkpoints, progress, run
from wakeful.services.lambda_.sources.streams.checkpoints import Checkpoint, LaneKey, Response, Window
from wakeful.services.lambda_.sources.streams.discarded import Discarded
from wakeful.services.lambda_.sources.streams.progress import After
from wakeful.services.lambda_.sources.streams.reading import EVENT_BYTES, Lane, Piece
from wakeful.services.lambda_.sources.streams.run import Ran, Task
from wakeful.services.lambda_.sources.tender import TakenOver, write_if_held
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError

log = logging.getLogger(__name__)


class Turn:
    """What one lane does next, under the rules that its mapping has now."""

    def __init__(self, node: Node, item: work.Item, mapping: SourceMapping, lane: Lane, role_arn: str) -> None:
        self._node = node
        self._item = item
        self._mapping = mapping
        self._lane = lane
        self._role_arn = role_arn
        self._policy = progress.policy_of(mapping.config)
        self._window_s = int(mapping.config["TumblingWindowInSeconds"])

    def due(self, now: float, oldest: float) -> float | None:
        """When it is to be taken; None where nothing is known of it yet."""
        lane = self._lane
        if self._ends_window(now):
            return now
        ends_at = self._window_ends_at()
        if lane.has_more and not lane.is_full:
            return None  # it is read on at once
        if lane.checkpoint.pending or self._aged(now, oldest):
            return now
        if not lane.gathered:
            return ends_at
        if lane.gather_until is None:
            lane.gather_until = now + self._mapping.window_s
        is_over = lane.is_read or (lane.until is not None and lane.cursor >= lane.until)
        if lane.is_full or is_over or now >= lane.gather_until:
            return now
        return lane.gather_until if ends_at is None else min(lane.gather_until, ends_at)

    async def take(self, oldest: float) -> None:
        """Raises TakenOver where it is no longer ours to take."""
        lane, now = self._lane, self._node.clock.now()
        if self._ends_window(now):
            await self._end_window()
        elif aged := self._aged(now, oldest):
            last = lane.end if len(aged) == len(lane.gathered) else aged[-1].number
            await self._let_go(aged, progress.AGE_EXCEEDED, progress.aged(lane.checkpoint, last))
        elif self._is_too_large():
            self._node.telemetry.note(measuring.oversized(of_arn(self._mapping.function), now))
            await self._let_go(lane.gathered, progress.TOO_LARGE, progress.succeeded(lane.checkpoint, lane.end))
        else:
            await self._run()

    # --- a run -------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        lane = self._lane
        pieces = await run.without_loops(self._node, self._mapping, lane.gathered)
        if not pieces:  # none is left, or the filters want none of them any more
            result = LOOPED if lane.gathered else OK
            await self._settle(progress.succeeded(lane.checkpoint, lane.end), result)
            return
        window = self._window_of(pieces)
        ran = await self._ran(Task(self._mapping, lane.key.shard, pieces, window))
        if ran is None:
            return
        before = lane.checkpoint
        if window is not None and ran.state is not None:
            before = progress.with_state(before, window, ran.state, ran.state_bytes)
        if not ran.has_failed:
            await self._settle(progress.succeeded(before, lane.end), OK)
            return
        numbers = [each.number for each in pieces]
        after = progress.failed(before, numbers, lane.end, ran.done, ran.response, self._policy, self._node.clock.now())
        left = pieces[len(pieces) - after.given_up :]
        await self._settle(after.checkpoint, ran.result, self._discarded(left, after, ran.response))

    async def _end_window(self) -> None:
        """The last of a window is run, with no entries. What was made of it goes with it."""
        lane = self._lane
        assert lane.checkpoint.window is not None
        ran = await self._ran(Task(self._mapping, lane.key.shard, (), lane.checkpoint.window, ends_window=True))
        if ran is None:
            return
        if not ran.has_failed:
            await self._settle(progress.window_ended(lane.checkpoint), OK)
            return
        after = progress.window_failed(lane.checkpoint, self._policy, self._node.clock.now())
        is_over = after.attempts > 0
        discarded = self._discard((), progress.RETRIES_EXHAUSTED, after.attempts, ran.response) if is_over else None
        await self._settle(after.checkpoint, FAILED, discarded)

    async def _ran(self, task: Task) -> Ran | None:
        """None where it could not be run at all: that is told, counts as no attempt, and it is tried again."""
        try:
            ran = await run.run(self._node, task)
        except (Throttled, AwsError) as refusal:
            log.info("mapping %s: %s", self._mapping.uuid, refusal)
            self._lane.refuse(self._node.clock.now())
            await self._node.store.write(mappings.processed, self._mapping.uuid, f"PROBLEM: {refusal}")
            return None
        self._lane.refusals = 0
        return ran

    # --- what is let go ----------------------------------------------------------------------------------------------

    def _aged(self, now: float, oldest: float) -> list[Piece]:
        """What begins the batch and is too old for the function, or as good as gone from the stream."""
        age_s = self._policy.age_max_s
        since = oldest if age_s is None else max(oldest, now - age_s)
        return list(takewhile(lambda each: each.at < since, self._lane.gathered))

    def _is_too_large(self) -> bool:
        """Whether it is one entry that no event can hold."""
        lane = self._lane
        return (
            len(lane.gathered) == 1 and len(lane.gathered[0].record) + EVENT_BYTES > limits.LAMBDA_SYNCHRONOUS_BYTES_MAX
        )

    async def _let_go(self, pieces: Sequence[Piece], condition: str, after: Checkpoint) -> None:
        pending = self._lane.checkpoint.pending
        attempts, response = (pending[0].attempts, pending[0].response) if pending else (0, None)
        await self._settle(after, FAILED if attempts else OK, self._discard(pieces, condition, attempts, response))

    def _discarded(self, left: Sequence[Piece], after: After, response: Response) -> Discarded | None:
        if not after.given_up:
            return None
        return self._discard(left, progress.RETRIES_EXHAUSTED, after.attempts, response)

    def _discard(self, pieces: Sequence[Piece], condition: str, attempts: int, response: Response | None) -> Discarded:
        """No pieces are the end of the window."""
        window = self._window_of(pieces) if pieces else self._lane.checkpoint.window
        task = Task(self._mapping, self._lane.key.shard, tuple(pieces), window, ends_window=not pieces)
        return Discarded(task, condition, attempts, response, self._role_arn)

    # --- windows -----------------------------------------------------------------------------------------------------

    def _ends_window(self, now: float) -> bool:
        lane = self._lane
        window = lane.checkpoint.window
        if window is None:
            return False
        if window.is_too_large:
            return True
        if lane.checkpoint.pending:
            return False
        if lane.has_more and not lane.gathered:
            return False
        next_at = lane.gathered[0].at if lane.gathered else None
        return progress.ends_window(window, now, next_at, is_over=lane.is_read, is_asked_for=bool(self._window_s))

    def _window_ends_at(self) -> float | None:
        window = self._lane.checkpoint.window
        return None if window is None else window.end + limits.LAMBDA_TUMBLING_GRACE_S

    def _window_of(self, pieces: Sequence[Piece]) -> Window | None:
        if not self._window_s:
            return None
        return progress.window_of(pieces[0].at, self._lane.checkpoint.window, self._window_s)

    # --- settling ----------------------------------------------------------------------------------------------------

    async def _settle(self, after: Checkpoint, result: str, discarded: Discarded | None = None) -> None:
        """What the turn came to is on disk. A store that fails is asked again: what has run shall not run twice."""
        lane, uuid = self._lane, self._mapping.uuid
        attempt = partial(self._attempt, after, result, discarded)
        async with asyncio.timeout(limits.LAMBDA_SETTLE_PATIENCE_S):
            if not await insist(f"settling a batch of mapping {uuid}", attempt):
                raise TakenOver
        lane.checkpoint = after
        lane.skipped = 0
        lane.again()

    async def _attempt(self, after: Checkpoint, result: str, discarded: Discarded | None) -> bool:
        uuid, key = self._mapping.uuid, self._lane.key
        try:
            await write_if_held(self._node, self._item, _settle, uuid, key, after, result, discarded)
        except TakenOver:
            return False
        return True


def _settle(tx: Tx, uuid: str, key: LaneKey, after: Checkpoint, result: str, discarded: Discarded | None) -> None:
    checkpoints.put(tx, uuid, key, after)
    if discarded is not None:
        discarded.tell(tx)
    mappings.processed(tx, uuid, result)
