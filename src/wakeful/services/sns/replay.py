"""Replays: a subscription to a FIFO topic gets again what the topic has archived.

"Amazon SNS message replay for FIFO topic subscribers". While a subscription has messages replayed, newly published ones
wait in the archive behind them, so that it gets everything once and in its order.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import orjson

from wakeful.fabric.trace import Trace
from wakeful.services.sns import archive
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic
from wakeful.store import work
from wakeful.store.tx import Row, Tx

WORK = "sns.replay"
"""The kind of the rows that carry replays on."""

PENDING, IN_PROGRESS, COMPLETED, FAILED = "Pending", "In progress", "Completed", "Failed"
POLICY = "ReplayPolicy"

_MEMBERS = {"PointType", "StartingPoint", "EndingPoint"}


@dataclass(frozen=True, slots=True)
class Span:
    """Which messages a replay policy asks for, by when they were published."""

    start: float
    end: float | None


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay as it stands in the store."""

    subscription: str
    topic: str
    status: str
    ending: float | None
    after: int
    newest: int
    waits: bool
    trace: Trace


def check_policy(text: str, prefix: str) -> Span:
    """What the policy asks for. Raises InvalidParameterException unless it is one; `prefix` begins the complaints."""
    try:
        document = json.loads(text)
        if not document.keys() <= _MEMBERS or document["PointType"] != "Timestamp":
            raise ValueError(text)
        ending = document.get("EndingPoint")
        span = Span(_moment(document["StartingPoint"]), None if ending is None else _moment(ending))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise InvalidParameterException(
            f'{prefix}ReplayPolicy: it must be JSON with PointType "Timestamp", a StartingPoint and optionally an'
            " EndingPoint, which are ISO 8601 timestamps"
        ) from None
    if span.end is not None and span.end < span.start:
        raise InvalidParameterException(f"{prefix}ReplayPolicy: EndingPoint is before StartingPoint")
    return span


def follow(tx: Tx, topic: Topic, subscription: Subscription, trace: Trace, prefix: str) -> None:
    """What the subscription's replay policy asks for has begun; where it has none any more, its replay has stopped.

    A replay takes the place of the one before. What was published behind that one is delivered all the same.
    """
    tx.lock("sns", topic.arn)
    before = get(tx, subscription.arn)
    text = subscription.attributes.get(POLICY)
    if text is None:
        if before is not None:
            _stop(tx, before)
        return
    span = check_policy(text, prefix)
    since = topic.archived_since(tx.now)
    if since is None:
        raise InvalidParameterException(f"{prefix}ReplayPolicy: the topic has no ArchivePolicy")
    if span.start > tx.now:
        raise InvalidParameterException(f"{prefix}ReplayPolicy: StartingPoint is in the future")
    if subscription.is_pending:
        return
    newest = archive.newest(tx, topic)
    if before is not None and before.waits:
        newest = max(before.newest, before.after)  # what is behind has not been delivered yet
    replay = Replay(
        subscription=subscription.arn,
        topic=topic.arn,
        status=PENDING,
        ending=span.end,
        after=min(archive.before(tx, topic, max(span.start, since)), newest),
        newest=newest,
        waits=True,
        trace=trace,
    )
    _put(tx, replay)
    work.put(tx, WORK, {"subscription": subscription.arn}, name=f"{WORK}:{subscription.arn}")


def end_archive(tx: Tx, topic: Topic) -> None:
    """The topic has given up its archive: no replay goes on. What was published meanwhile is still delivered."""
    for row in tx.all("SELECT * FROM sns_replays WHERE topic = ? AND waits = 1", topic.arn):
        replay = _replay(row)
        advance(tx, replay, FAILED, max(replay.after, replay.newest))
    let_go(tx, topic)


def let_go(tx: Tx, topic: Topic) -> None:
    """Where a topic has given up its archive, what is in it goes, once no subscription waits for it."""
    if topic.archiving is None and not waiting(tx, topic):
        archive.discard(tx, topic.arn, tx.now)


def waiting(tx: Tx, topic: Topic) -> Collection[str]:
    """The subscriptions whose new messages wait behind a replay."""
    rows = tx.all("SELECT subscription FROM sns_replays WHERE topic = ? AND waits = 1", topic.arn)
    return {row["subscription"] for row in rows}


def get(tx: Tx, subscription: str) -> Replay | None:
    row = tx.one("SELECT * FROM sns_replays WHERE subscription = ?", subscription)
    return None if row is None else _replay(row)


def shown(tx: Tx, subscription: Subscription) -> Mapping[str, str]:
    """What GetSubscriptionAttributes says of it."""
    replay = get(tx, subscription.arn) if POLICY in subscription.attributes else None
    return {} if replay is None else {"ReplayStatus": replay.status}


def advance(tx: Tx, replay: Replay, status: str, after: int) -> None:
    """The replay has come that far."""
    tx.run(
        "UPDATE sns_replays SET status = ?, after = ? WHERE subscription = ?",
        *(status, after, replay.subscription),
    )


def end(tx: Tx, replay: Replay) -> None:
    """Nothing waits behind it any more."""
    status = FAILED if replay.status == FAILED else COMPLETED
    tx.run("UPDATE sns_replays SET status = ?, waits = 0 WHERE subscription = ?", status, replay.subscription)


def _stop(tx: Tx, replay: Replay) -> None:
    """It replays nothing more, and is forgotten once what was published meanwhile is delivered."""
    if replay.waits:
        advance(tx, replay, COMPLETED, max(replay.after, replay.newest))


def _put(tx: Tx, replay: Replay) -> None:
    tx.run("DELETE FROM sns_replays WHERE subscription = ?", replay.subscription)
    tx.run(
        "INSERT INTO sns_replays(subscription, topic, status, ending, after, newest, waits, trace)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(replay.subscription, replay.topic, replay.status, replay.ending, replay.after, replay.newest),
        *(int(replay.waits), orjson.dumps(asdict(replay.trace))),
    )


def _replay(row: Row) -> Replay:
    return Replay(
        subscription=row["subscription"],
        topic=row["topic"],
        status=row["status"],
        ending=row["ending"],
        after=row["after"],
        newest=row["newest"],
        waits=bool(row["waits"]),
        trace=Trace(**orjson.loads(row["trace"])),
    )


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
