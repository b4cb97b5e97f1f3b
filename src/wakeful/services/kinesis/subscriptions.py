"""SubscribeToShard: a consumer is given what comes into a shard, event by event, for five minutes.

Who has the subscription is a row, so that another subscriber takes it over wherever it is: whoever had it finds out
when it looks next, and ends. An event comes at least every five seconds, empty or not; so who has left is found out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from wakeful import limits, names
from wakeful.fabric import journal as journals
from wakeful.fabric.journal import Entry, Shard
from wakeful.fabric.service import Call, Node, Request
from wakeful.services.kinesis import consumers, measuring, positions, records, sequences, shards
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.errors import (
    DryRunOperationException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from wakeful.services.kinesis.stream import Stream
from wakeful.store.tx import Tx

Events = AsyncGenerator[Mapping[str, Any], None]


@dataclass(frozen=True, slots=True)
class Subscription:
    consumer: str
    """Its ARN."""
    stream: Stream
    shard: Shard
    token: str
    after: int
    """The number of the entry it was given last."""
    until: float

    @property
    def name(self) -> str:
        """The consumer's."""
        return self.consumer.rpartition("/")[2].rpartition(":")[0]


class _Seen(NamedTuple):
    """What there is for a subscriber."""

    shard: Shard
    entries: list[Entry]
    behind_ms: int
    children: list[dict[str, Any]] | None
    """Where the shard has ended."""


def begin(tx: Tx, request: Request) -> Subscription:
    """The subscription is this one's. Raises where it cannot be."""
    consumer = consumers.find(tx, request["ConsumerARN"])
    tx.lock("kinesis", consumer.arn, request["ShardId"])
    stream = streams.find(tx, consumer.stream)
    shard = shards.find(tx, stream, request["ShardId"])
    position = request["StartingPosition"]
    after = positions.start(
        *(tx, stream, shard, position["Type"]), sequence=position.get("SequenceNumber"), at=position.get("Timestamp")
    )
    row = tx.one("SELECT since FROM kinesis_subscriptions WHERE consumer = ? AND shard = ?", consumer.arn, shard.name)
    if row is not None and tx.now - row["since"] < limits.KINESIS_SUBSCRIPTION_PAUSE_S:
        raise ResourceInUseException(
            f"Another active subscription exists for this consumer: {stream.account}:{stream.name}:"
            f"{int(stream.created)}:{consumer.name}:{shard.name}"
        )
    if request.get("DryRun"):
        raise DryRunOperationException
    token = names.new_token()
    tx.run(
        "INSERT INTO kinesis_subscriptions(consumer, shard, token, since) VALUES (?, ?, ?, ?)"
        " ON CONFLICT(consumer, shard) DO UPDATE SET token = excluded.token, since = excluded.since",
        *(consumer.arn, shard.name, token, tx.now),
    )
    tx.wake(_wake_name(consumer.arn, shard.name))
    tx.note(measuring.subscribed(stream, consumer.name, tx.now))
    return Subscription(consumer.arn, stream, shard, token, after, until=tx.now + limits.KINESIS_SUBSCRIPTION_S)


async def events(call: Call, node: Node, subscription: Subscription) -> Events:
    """Until the shard or the time ends, somebody takes the subscription over, or the subscriber leaves."""
    wake_names = (
        journals.wake_name(subscription.stream.journal),
        _wake_name(subscription.consumer, subscription.shard.name),
    )
    told = 0.0
    try:
        while True:
            # Nobody listens while an event is on its way: how long that takes is the subscriber's.
            with node.wakes.listen(*wake_names, is_lazy=True) as listener:
                while True:
                    now = node.clock.now()
                    if now >= subscription.until or node.is_stopping or call.has_left():
                        return
                    seen = await node.store.read(_look, subscription)
                    if seen.entries or seen.children is not None or now - told >= limits.KINESIS_HEARTBEAT_S:
                        break
                    await listener.wait(min(subscription.until, told + limits.KINESIS_HEARTBEAT_S))
            told = node.clock.now()
            sizes = (entry.size for entry in seen.entries)
            node.telemetry.note(measuring.event(subscription.stream, subscription.name, told, sizes, seen.behind_ms))
            if seen.entries:
                subscription = dataclasses.replace(subscription, after=seen.entries[-1].seq)
            yield {"SubscribeToShardEvent": _event(subscription, seen, told)}
            if seen.children is not None:
                return
    finally:
        await node.store.write(_end, subscription)


def _look(tx: Tx, subscription: Subscription) -> _Seen:
    """Raises what ends a subscription before its time."""
    stream = streams.get(tx, subscription.stream.arn)
    if stream is None or stream.journal != subscription.stream.journal:
        raise ResourceNotFoundException(f"Stream {subscription.stream.under} not found.")
    consumers.find(tx, subscription.consumer)
    row = tx.one(
        "SELECT token FROM kinesis_subscriptions WHERE consumer = ? AND shard = ?",
        *(subscription.consumer, subscription.shard.name),
    )
    if row is None or row["token"] != subscription.token:
        raise ResourceInUseException("Another subscription of this consumer to this shard has begun.")
    shard = shards.find(tx, stream, subscription.shard.name)
    entries = positions.read(
        *(tx, stream, shard, subscription.after, limits.KINESIS_GET_RECORDS_MAX, limits.KINESIS_EVENT_BYTES_MAX)
    )
    if positions.is_at_end(shard, entries):
        return _Seen(shard, entries, 0, shards.told_children(tx, stream, shard))
    return _Seen(shard, entries, positions.behind_ms(tx, shard, entries), None)


def _event(subscription: Subscription, seen: _Seen, now: float) -> dict[str, Any]:
    """The model's SubscribeToShardEvent. The last one of a shard does not say where to go on."""
    event: dict[str, Any] = {
        "Records": [records.answered(seen.shard, entry) for entry in seen.entries],
        "MillisBehindLatest": seen.behind_ms,
    }
    if seen.children is not None:
        return {**event, "ChildShards": seen.children}
    at = seen.entries[-1].at if seen.entries else now
    return {**event, "ContinuationSequenceNumber": sequences.text(seen.shard, subscription.after, at)}


def _end(tx: Tx, subscription: Subscription) -> None:
    tx.lock("kinesis", subscription.consumer, subscription.shard.name)
    tx.run(
        "DELETE FROM kinesis_subscriptions WHERE consumer = ? AND shard = ? AND token = ?",
        *(subscription.consumer, subscription.shard.name, subscription.token),
    )


def _wake_name(consumer: str, shard: str) -> str:
    return f"kinesis.subscription.{consumer}.{shard}"
