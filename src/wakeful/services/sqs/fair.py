"""Fair queues: while one tenant keeps a standard queue's consumers busy, the messages of the others go first.

A tenant is the group of messages that have the same MessageGroupId. It is noisy while it has a backlog and more than a
tenth of the messages in flight, and at least thirty; or more than a tenth of the recent processing time, which is what
was in flight over the time it was ("How Amazon SQS fair queues work"). A queue whose messages have no groups pays
nothing for all this, and one whose tenants are quiet a glance a few times a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from wakeful import limits
from wakeful.services.sqs.queue import Queue
from wakeful.store.tx import Row, Tx

_SENT_STEP_S = 30.0
"""How exactly it is remembered when a tenant sent last: it spares most messages a write."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one tenant has of its queue's consumers."""

    in_flight: int
    busy_s: float
    """Its recent processing time; what is longer ago counts less."""
    is_noisy: bool


@dataclass(frozen=True, slots=True)
class Shares:
    """How it stood with a queue's consumers when somebody last looked."""

    at: float
    in_flight: int
    busy_s: float
    tenants: dict[str, Share]

    @property
    def noisy(self) -> dict[str, int]:
        """The noisy tenants, and how many messages of each are in flight."""
        return {tenant: share.in_flight for tenant, share in self.tenants.items() if share.is_noisy}


def joined(tx: Tx, queue: Queue, tenant: str, visible: float, *, is_sent: bool) -> None:
    """The tenant has a message that may be handed out from then on."""
    known = tx.one("SELECT ready, sent FROM sqs_tenants WHERE queue = ? AND tenant = ?", queue.id, tenant)
    ready = visible if known is None else min(visible, known["ready"])
    sent = known["sent"] if known is not None else 0.0
    if is_sent and tx.now >= sent + _SENT_STEP_S:
        sent = tx.now
    if known is not None and (ready, sent) == (known["ready"], known["sent"]):
        return
    tx.lock("sqs", "tenants", queue.arn)
    tx.run(
        "INSERT INTO sqs_tenants(queue, tenant, ready, sent) VALUES (?, ?, ?, ?)"
        " ON CONFLICT(queue, tenant) DO UPDATE SET ready = excluded.ready, sent = excluded.sent",
        *(queue.id, tenant, ready, sent),
    )


def in_order(tx: Tx, queue: Queue, rows: list[Row], count: int) -> list[Row]:
    """What to hand out instead of the first visible messages: those of quiet tenants before those of noisy ones."""
    if all(row["tenant"] is None for row in rows):
        return rows
    noisy = look(tx, queue).noisy
    if not any(row["tenant"] in noisy for row in rows):
        return rows
    oldest = tx.now - queue.setting("MessageRetentionPeriod")
    found = [*_ungrouped(tx, queue, oldest, count), *_of_quiet_tenants(tx, queue, oldest, count, noisy)]
    found = sorted(found, key=lambda row: (row["visible"], row["seq"]))[:count]
    for tenant in sorted(noisy, key=lambda each: (noisy[each], each)):
        if len(found) < count:
            found += _of_tenant(tx, queue, oldest, tenant, count - len(found))
    there = {row["seq"] for row in found}
    return [*found, *(row for row in rows if row["seq"] not in there)][:count]


def look(tx: Tx, queue: Queue) -> Shares:
    """The tenants' shares, looked at anew where the last look is too long ago."""
    row = tx.one("SELECT again, shares FROM sqs_fairness WHERE queue = ?", queue.id)
    before = Shares(tx.now, 0, 0.0, {}) if row is None else _read(row["shares"])
    if row is not None and tx.now < row["again"]:
        return before
    in_flight = tx.all(
        "SELECT tenant, count(*) AS number FROM sqs_messages WHERE queue = ? AND visible > ? AND receives > 0"
        " GROUP BY tenant",
        *(queue.id, tx.now),
    )
    shares = judged(before, tx.now, {each["tenant"]: each["number"] for each in in_flight})
    asleep = {tenant for tenant in shares.noisy if not _has_backlog(tx, queue, tenant)}
    shares = _with_quiet(shares, asleep)
    again = tx.now + max(limits.SQS_NOISY_LOOK_S, shares.in_flight / limits.SQS_NOISY_LOOKED_AT_PER_S)
    tx.lock("sqs", queue.arn)
    tx.run(
        "INSERT INTO sqs_fairness(queue, again, shares) VALUES (?, ?, ?)"
        " ON CONFLICT(queue) DO UPDATE SET again = excluded.again, shares = excluded.shares",
        *(queue.id, again, _written(shares)),
    )
    return shares


def noisy_of(tx: Tx, queue: Queue) -> dict[str, int] | None:
    """The noisy tenants as of the last look that still have a backlog; None of a queue that has had no tenants."""
    row = tx.one("SELECT shares FROM sqs_fairness WHERE queue = ?", queue.id)
    if row is None:
        return None
    noisy = _read(row["shares"]).noisy
    return {tenant: number for tenant, number in noisy.items() if _has_backlog(tx, queue, tenant)}


def judged(before: Shares, now: float, in_flight: dict[str | None, int]) -> Shares:
    """Who is noisy, if there is a backlog: nobody looks for one here. Messages without a group are each a tenant."""
    passed_s = max(0.0, now - before.at)
    fades = 0.5 ** (passed_s / limits.SQS_NOISY_HALF_LIFE_S)
    counts_s = min(passed_s, limits.SQS_NOISY_HALF_LIFE_S)
    total = sum(in_flight.values())
    busy_s = before.busy_s * fades + (before.in_flight + total) / 2 * counts_s
    tenants: dict[str, Share] = {}
    for tenant in {*before.tenants, *(each for each in in_flight if each is not None)}:
        was = before.tenants.get(tenant, Share(0, 0.0, is_noisy=False))
        number = in_flight.get(tenant, 0)
        its_busy_s = was.busy_s * fades + (was.in_flight + number) / 2 * counts_s
        is_slow = its_busy_s > limits.SQS_NOISY_SHARE * busy_s
        has_many = number > limits.SQS_NOISY_SHARE * total
        is_loud = (has_many and number >= limits.SQS_NOISY_IN_FLIGHT_MIN) or (
            is_slow and busy_s >= limits.SQS_NOISY_BUSY_MIN_S
        )
        # Who was noisy stays so until both its shares are again as those of others are.
        is_noisy = is_loud or (was.is_noisy and (has_many or is_slow))
        tenants[tenant] = Share(number, its_busy_s, is_noisy)
    return Shares(now, total, busy_s, dict(_largest(tenants.items())))


def _largest(tenants: Iterable[tuple[str, Share]]) -> list[tuple[str, Share]]:
    by_size = sorted(tenants, key=lambda each: (each[1].is_noisy, each[1].in_flight, each[1].busy_s), reverse=True)
    return [each for each in by_size[: limits.SQS_TENANTS_REMEMBERED] if each[1].in_flight or each[1].busy_s > 0.001]


def _with_quiet(shares: Shares, quiet: set[str]) -> Shares:
    tenants = {
        tenant: Share(share.in_flight, share.busy_s, is_noisy=share.is_noisy and tenant not in quiet)
        for tenant, share in shares.tenants.items()
    }
    return Shares(shares.at, shares.in_flight, shares.busy_s, tenants)


def _has_backlog(tx: Tx, queue: Queue, tenant: str) -> bool:
    """Whether messages of it wait, and it has sent some in the last five minutes."""
    known = tx.one("SELECT sent FROM sqs_tenants WHERE queue = ? AND tenant = ?", queue.id, tenant)
    if known is None or known["sent"] <= tx.now - limits.SQS_NOISY_SENT_S:
        return False
    oldest = tx.now - queue.setting("MessageRetentionPeriod")
    return bool(_of_tenant(tx, queue, oldest, tenant, 1))


# --- finding messages ------------------------------------------------------------------------------------------------


def _of_tenant(tx: Tx, queue: Queue, oldest: float, tenant: str, count: int) -> list[Row]:
    return tx.all(
        "SELECT * FROM sqs_messages WHERE queue = ? AND tenant = ? AND visible <= ? AND sent > ?"
        " ORDER BY visible, seq LIMIT ?",
        *(queue.id, tenant, tx.now, oldest, count),
    )


def _of_quiet_tenants(tx: Tx, queue: Queue, oldest: float, count: int, noisy: dict[str, int]) -> list[Row]:
    """The first messages of so many quiet tenants as there are messages wanted, the longest ready first.

    A tenant's `ready` may be too early: it is put right when nothing is found.
    """
    found: list[Row] = []
    looked: set[str] = set()
    tenants = 0
    while tenants < count and len(looked) < limits.SQS_TENANTS_LOOKED_AT:
        ready = tx.all(
            "SELECT tenant FROM sqs_tenants WHERE queue = ? AND ready <= ? ORDER BY ready, tenant LIMIT ?",
            *(queue.id, tx.now, count + len(noisy) + tenants),
        )
        news = [row["tenant"] for row in ready if row["tenant"] not in noisy and row["tenant"] not in looked]
        if not news:
            break
        for tenant in news:
            looked.add(tenant)
            rows = _of_tenant(tx, queue, oldest, tenant, count)
            if rows:
                tenants += 1
                found += rows
            else:
                _put_right(tx, queue, tenant)
    return found


def _put_right(tx: Tx, queue: Queue, tenant: str) -> None:
    """The tenant is ready when its next message is; one without messages is forgotten."""
    tx.lock("sqs", "tenants", queue.arn)
    first = tx.one(
        "SELECT min(visible) AS ready FROM sqs_messages WHERE queue = ? AND tenant = ? AND visible > ?",
        *(queue.id, tenant, tx.now),
    )
    if first is None or first["ready"] is None:
        tx.run("DELETE FROM sqs_tenants WHERE queue = ? AND tenant = ?", queue.id, tenant)
    else:
        tx.run("UPDATE sqs_tenants SET ready = ? WHERE queue = ? AND tenant = ?", first["ready"], queue.id, tenant)


def _ungrouped(tx: Tx, queue: Queue, oldest: float, count: int) -> list[Row]:
    """Messages without a group, of those ahead: each is a tenant of its own, and quiet."""
    return tx.all(
        "SELECT * FROM sqs_messages WHERE seq IN (SELECT seq FROM (SELECT seq, tenant FROM sqs_messages"
        " WHERE queue = ? AND visible <= ? AND sent > ? ORDER BY visible, seq LIMIT ?) AS ahead WHERE tenant IS NULL)"
        " ORDER BY visible, seq LIMIT ?",
        *(queue.id, tx.now, oldest, limits.SQS_UNGROUPED_LOOKED_AT, count),
    )


def forget_idle(tx: Tx) -> None:
    """No tenant is remembered that has no messages and sends none."""
    tx.lock("sqs", "tenants")
    tx.run(
        "DELETE FROM sqs_tenants WHERE sent <= ? AND NOT EXISTS (SELECT 1 FROM sqs_messages AS m"
        " WHERE m.queue = sqs_tenants.queue AND m.tenant = sqs_tenants.tenant)",
        tx.now - limits.SQS_NOISY_SENT_S,
    )


# --- the row ---------------------------------------------------------------------------------------------------------


def _written(shares: Shares) -> bytes:
    tenants = {tenant: (each.in_flight, each.busy_s, each.is_noisy) for tenant, each in shares.tenants.items()}
    return orjson.dumps((shares.at, shares.in_flight, shares.busy_s, tenants))


def _read(written: bytes) -> Shares:
    at, in_flight, busy_s, tenants = orjson.loads(bytes(written))
    return Shares(
        at,
        in_flight,
        busy_s,
        {tenant: Share(one, two, is_noisy=three) for tenant, (one, two, three) in tenants.items()},
    )
