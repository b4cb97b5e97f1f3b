"""Replays carried out: due rows that go through an archive batch by batch, each batch in one transaction."""

from __future__ import annotations

from dataclasses import replace

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.services.sns import archive, archive_policy, fanout, replay
from wakeful.services.sns import subscription as subscriptions
from wakeful.services.sns import topic as topics
from wakeful.store import work
from wakeful.store.tx import Tx


async def _carry_on(node: Node, item: work.Item) -> Done | Again:
    """How far a replay is stands beside what it delivered: a node that dies in between does neither."""
    has_more = await node.store.write(step, item.body["subscription"])
    return Again(node.clock.now()) if has_more else Done()


def step(tx: Tx, subscription_arn: str) -> bool:
    """The next messages of the archive are delivered. Whether there may be more.

    Behind the last that was there when the replay began come those that were published since: they are no replays.
    """
    tx.lock("sns", subscription_arn.rpartition(":")[0])
    found = replay.get(tx, subscription_arn)
    if found is None or not found.waits:
        return False
    topic = topics.find(tx, found.topic)
    subscription = subscriptions.find(tx, subscription_arn)
    batch = archive.after(tx, found.topic, found.after, limits.SNS_REPLAY_BATCH)
    for archived in batch:
        message = archived.message
        assert message.published is not None
        if archived.sequence > found.newest:
            fanout.send(tx, topic, subscription, message, archived.trace)
        elif found.ending is None or archive_policy.floor_ms(message.published) <= found.ending:
            fanout.send(tx, topic, subscription, replace(message, is_replayed=True), found.trace)
    if batch:
        status = replay.IN_PROGRESS if found.status == replay.PENDING else found.status
        replay.advance(tx, found, status, batch[-1].sequence)
        return True
    replay.end(tx, found)
    replay.let_go(tx, topic)
    return False


worker = Worker(replay.WORK, _carry_on)
