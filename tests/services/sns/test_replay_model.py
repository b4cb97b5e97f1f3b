"""Replays that begin, are replaced, stop and go on at any moment, against what the subscriber must have in the end."""

from __future__ import annotations

import sqlite3
from typing import Any, cast

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.examples import examples
from tests.services.sns.test_fifo import SCHEMA
from wakeful.fabric.authorize import Authorizer
from wakeful.fabric.deliver import Delivery
from wakeful.fabric.parts import Parts
from wakeful.fabric.service import Call, Principal
from wakeful.fabric.trace import Trace
from wakeful.services.sns import fanout, replay, replaying
from wakeful.services.sns import subscription as subscriptions
from wakeful.services.sns import topic as topics
from wakeful.services.sns.message import Message, timestamp
from wakeful.store import schema, work
from wakeful.store.sqlite import SqliteTx
from wakeful.store.tx import Outbox

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q.fifo"


class _Anybody:
    """An authorizer that lets everybody deliver."""

    def check_delivery(self, tx: Any, delivery: Delivery) -> None:
        pass


class ReplayMachine(RuleBasedStateMachine):
    """One topic with an archive and one subscriber, which gets `received`: the body, and whether it is a replay."""

    def __init__(self) -> None:
        super().__init__()
        db = sqlite3.connect(":memory:", isolation_level=None)
        db.row_factory = sqlite3.Row
        self.received: list[tuple[int, bool]] = []
        parts = Parts(cast("Authorizer", _Anybody()), {"sqs": self.accept})
        self.tx = SqliteTx(db, 1_000_000.0, parts, Outbox())
        schema.apply(self.tx, {"sns": SCHEMA, "work": work.SCHEMA})
        root = Principal("root", "arn:aws:iam::000000000000:root", "000000000000")
        call = Call("000000000000", "us-east-1", root, "r", Trace("t"), "http://localhost")
        wanted = {"FifoTopic": "true", "ArchivePolicy": '{"MessageRetentionPeriod": 1}'}
        self.topic = topics.create(self.tx, call, "t.fifo", wanted, None)
        raw = {"RawMessageDelivery": "true"}
        self.arn = subscriptions.create(self.tx, call, self.topic, "sqs", QUEUE, call.account, raw).arn
        self.times: list[float] = []
        """When each message was published."""
        self.wanted: list[int] | None = None
        """What the latest replay has to bring, where nothing came in between."""
        self.began = 0

    def accept(self, tx: Any, delivery: Delivery) -> None:
        self.received.append((int(delivery.body), "Replayed" in delivery.attributes))

    @rule(count=st.integers(1, 5))
    def publish(self, count: int) -> None:
        self.tx.now += 1
        for _ in range(count):
            body = str(len(self.times))
            message = Message(body, group_id="g", deduplication_id=body)
            fanout.publish(self.tx, self.topic.arn, [message], Trace("t"))
            self.times.append(self.tx.now)

    @rule(start=st.floats(0, 1), length=st.none() | st.floats(0, 1))
    def begin(self, start: float, length: float | None) -> None:
        first = 1_000_000.0 + int(start * (self.tx.now - 1_000_000.0))
        last = None if length is None else first + int(length * 10)
        text = {"PointType": "Timestamp", "StartingPoint": timestamp(first)}
        if last is not None:
            text["EndingPoint"] = timestamp(last)
        old = replay.get(self.tx, self.arn)
        self.set(orjson.dumps(text).decode())
        # What had waited and was never delivered is no replay.
        known = len(self.times) if old is None or not old.waits else max(old.newest, old.after)
        self.wanted = [
            body for body, at in enumerate(self.times[:known]) if at >= first and (last is None or at <= last)
        ]
        self.began = len(self.received)

    @rule()
    def stop(self) -> None:
        self.set("{}")
        self.wanted = None

    @rule()
    def go_on(self) -> None:
        replaying.step(self.tx, self.arn)

    def set(self, text: str) -> None:
        subscriptions.set_attribute(self.tx, self.arn, replay.POLICY, text)
        subscription = subscriptions.find(self.tx, self.arn)
        replay.follow(self.tx, self.topic, subscription, Trace("t"), "")

    @invariant()
    def new_messages_come_once_and_in_order(self) -> None:
        new = [body for body, is_replayed in self.received if not is_replayed]
        assert new == list(range(len(new)))

    def teardown(self) -> None:
        while replaying.step(self.tx, self.arn):
            pass
        new = [body for body, is_replayed in self.received if not is_replayed]
        assert new == list(range(len(self.times))), "something that was published never came"
        if self.wanted is not None:
            assert [body for body, is_replayed in self.received[self.began :] if is_replayed] == self.wanted


TestReplays = ReplayMachine.TestCase
TestReplays.settings = examples(40, stateful_step_count=20)
