"""Tending a mapping: from when a node holds its work row until the mapping has stopped, or the node does.

How a mapping draws is its drawer's: from a queue (poller.py) or from the shards of a stream (streams/follower.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from wakeful.fabric.patience import backoff_s
from wakeful.fabric.service import RIGHTS_CHANGED, Node
from wakeful.services.lambda_ import functions
from wakeful.services.lambda_.sources import mappings
from wakeful.services.lambda_.sources.mappings import SourceMapping
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.store.wakes import Listener

T = TypeVar("T")

log = logging.getLogger(__name__)


class TakenOver(Exception):
    """The mapping is another node's: this one was taken for dead."""


class Moved(Exception):
    """What is watched is another thing now: a stream was deleted, or there is another of its name."""


class Drawer(Protocol):
    """What draws for one mapping."""

    @property
    def has_in_hand(self) -> bool:
        """Whether there are batches that are not settled yet."""

    async def watched(self, mapping: SourceMapping) -> Sequence[str]:
        """What is woken when there may be more to draw."""

    async def go_on(self, mapping: SourceMapping, listener: Listener) -> None:
        """More batches are in work; or it has slept because there cannot be one yet. Raises Moved, TakenOver."""

    async def until_one_ends(self, listener: Listener) -> None:
        """It has slept until a batch that is in hand has ended, or something else woke it."""


class Tender:
    """Tends one mapping for as long as this node holds it."""

    def __init__(self, node: Node, item: work.Item, drawer_of: Callable[[SourceMapping], Drawer]) -> None:
        self._node = node
        self._item = item
        self._uuid: str = item.body["uuid"]
        self._drawer_of = drawer_of
        self._drawer: Drawer | None = None
        self._failures = 0
        """How often it failed since it last went on."""

    async def tend(self) -> None:
        """Returns when the mapping has stopped drawing, or the node is about to stop.

        A mistake of ours does not end that: it begins again later.
        """
        while True:
            try:
                await self._tend()
                return
            except TakenOver:
                log.warning("mapping %s is tended by another node now", self._uuid)
                return
            except Moved:
                continue  # it is found anew
            except Exception:
                self._failures += 1
                log.exception("mapping %s failed at attempt %d", self._uuid, self._failures)
                with self._node.wakes.listen(mappings.wake_name(self._uuid)) as listener:
                    await listener.wait(self._node.clock.now() + backoff_s(self._failures))

    async def _tend(self) -> None:
        watched = [mappings.wake_name(self._uuid)]
        first = await self._read()
        if first is not None:
            self._drawer = self._drawer or self._drawer_of(first)
            watched += [*await self._drawer.watched(first), functions.CHANGED, RIGHTS_CHANGED]
        with self._node.wakes.listen(*watched) as listener:
            while not self._node.is_stopping:
                mapping = await self._read()
                drawer = self._drawer
                if mapping is None or drawer is None or mapping.state in mappings.ENDING:
                    if drawer is not None and drawer.has_in_hand:
                        await drawer.until_one_ends(listener)
                    elif await self._node.store.write(mappings.ended, self._uuid, self._item):
                        return
                elif mapping.state in mappings.BEGINNING:
                    await self._node.store.write(mappings.begun, self._uuid)
                else:
                    await drawer.go_on(mapping, listener)
                    self._failures = 0

    async def _read(self) -> SourceMapping | None:
        return await read(self._node, self._uuid)


async def read(node: Node, uuid: str) -> SourceMapping | None:
    """The mapping as it is now, from memory until one changes."""
    return await node.caches.get(mappings.CHANGED, uuid, partial(node.store.read, mappings.get, uuid))


async def write_if_held(node: Node, item: work.Item, change: Callable[..., T], *args: Any) -> T:
    """What `change` answers, in one transaction with the question whether the mapping still is this node's.

    So two nodes never draw. Raises TakenOver.
    """
    is_held, answer = await node.store.write(_if_held, item, change, *args)
    if not is_held:
        raise TakenOver
    return answer  # type: ignore[return-value] # it is held


def _if_held(tx: Tx, item: work.Item, change: Callable[..., T], *args: Any) -> tuple[bool, T | None]:
    return (True, change(tx, *args)) if work.is_held(tx, item) else (False, None)
