"""How deep queues are and how old what is in them, told once a minute ("Available CloudWatch metrics for Amazon SQS").

Nothing is counted when messages are sent or received: a sweep looks at the queues that have messages, or had some in
the last six hours. When the clock is moved it looks once, at the end.
"""

from __future__ import annotations

from typing import NamedTuple

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.services.sqs import counts, fair, measuring
from wakeful.services.sqs import queue as queues
from wakeful.services.sqs.counts import Counts
from wakeful.services.sqs.queue import Queue
from wakeful.store import work
from wakeful.store.metrics import Sample
from wakeful.store.tx import Tx

KIND = "sqs.depths"

_POISONED = 3
"""Received so often, a message of a standard queue no longer counts as its oldest."""

_STEP_S = 600.0
"""How exactly it is remembered until when a queue is active: it spares most minutes a write."""


class _Found(NamedTuple):
    samples: list[Sample]
    active: list[Queue]
    """Queues that have messages, and whose rows do not say so yet."""


async def _tell(node: Node, item: work.Item) -> Done | Again:
    found = await node.store.read(_look)
    for sample in found.samples:
        node.telemetry.note(sample)
    if found.active:
        await node.store.write(_keep_active, found.active)
    return Again(node.clock.now() + limits.SQS_DEPTH_S)


def first(tx: Tx) -> None:
    work.ensure(tx, KIND, KIND, {}, due=tx.now + limits.SQS_DEPTH_S)


def _look(tx: Tx) -> _Found:
    until = {row["queue"]: row["until"] for row in tx.all("SELECT queue, until FROM sqs_active")}
    found = _Found([], [])
    for queue in queues.every(tx):
        there = tx.one("SELECT 1 FROM sqs_messages WHERE queue = ? LIMIT 1", queue.id)
        is_active_until = until.get(queue.lasting_id, 0.0)
        if there is not None and is_active_until < tx.now + limits.SQS_ACTIVE_S - _STEP_S:
            found.active.append(queue)
        if there is not None or is_active_until > tx.now:
            found.samples.extend(_samples(tx, queue))
    return found


def _keep_active(tx: Tx, active: list[Queue]) -> None:
    for queue in active:
        queues.stay_active(tx, queue)


def _samples(tx: Tx, queue: Queue) -> list[Sample]:
    all_of_it = counts.of(tx, queue)
    samples = [measuring.depth(queue.arn, tx.now, all_of_it.visible, all_of_it.in_flight, all_of_it.delayed)]
    if (age := _oldest(tx, queue, ())) is not None:
        samples.append(measuring.oldest(queue.arn, tx.now, age))
    if queue.is_fifo:
        samples.append(measuring.groups_in_flight(queue.arn, tx.now, _groups_in_flight(tx, queue)))
    elif (noisy := fair.noisy_of(tx, queue)) is not None:
        samples.extend(_of_quiet(tx, queue, all_of_it, tuple(noisy)))
    return samples


def _of_quiet(tx: Tx, queue: Queue, all_of_it: Counts, noisy: tuple[str, ...]) -> list[Sample]:
    quiet = [all_of_it.visible, all_of_it.in_flight, all_of_it.delayed]
    for tenant in noisy:
        row = tx.one(
            "SELECT sum(CASE WHEN visible <= ? THEN 1 ELSE 0 END) AS visible,"
            " sum(CASE WHEN visible > ? AND receives > 0 THEN 1 ELSE 0 END) AS in_flight,"
            " sum(CASE WHEN visible > ? AND receives = 0 THEN 1 ELSE 0 END) AS delayed"
            " FROM sqs_messages WHERE queue = ? AND tenant = ? AND sent > ?",
            *(tx.now, tx.now, tx.now, queue.id, tenant, tx.now - queue.setting("MessageRetentionPeriod")),
        )
        assert row is not None
        of_it = (row["visible"], row["in_flight"], row["delayed"])
        quiet = [count - int(number or 0) for count, number in zip(quiet, of_it, strict=True)]
    samples = [measuring.quiet(queue.arn, tx.now, len(noisy), *quiet)]
    if (age := _oldest(tx, queue, noisy)) is not None:
        samples.append(measuring.oldest_quiet(queue.arn, tx.now, age))
    return samples


def _oldest(tx: Tx, queue: Queue, noisy: tuple[str, ...]) -> float | None:
    """Its age in seconds; of a dead letter, since it came here."""
    quiet = f" AND (tenant IS NULL OR tenant NOT IN ({', '.join('?' * len(noisy))}))" if noisy else ""
    what = "queue = ? AND sent + 0 > ? AND (receives < ? OR grp IS NOT NULL)" + quiet
    row = tx.one(
        f"SELECT sent, moved FROM sqs_messages WHERE {what} ORDER BY sent + 0 LIMIT 1",  # noqa: S608 - a text of ours
        *(queue.id, tx.now - queue.setting("MessageRetentionPeriod"), _POISONED, *noisy),
    )
    return None if row is None else float(tx.now - (row["moved"] or row["sent"]))


def _groups_in_flight(tx: Tx, queue: Queue) -> int:
    row = tx.one(
        "SELECT count(DISTINCT grp) AS number FROM sqs_messages WHERE queue = ? AND grp IS NOT NULL"
        " AND ticket IS NOT NULL AND visible > ?",
        *(queue.id, tx.now),
    )
    assert row is not None
    return int(row["number"])


worker = Worker(KIND, _tell, slots=1, is_lazy=True)
