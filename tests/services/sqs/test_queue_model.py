"""Queues against a small model in virtual time: order, exactly-once deduplication, visibility, expiry, dead letters,
counts."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule

from tests.examples import examples
from wakeful import names
from wakeful.fabric.parts import Parts
from wakeful.fabric.service import Call, Principal
from wakeful.fabric.trace import Trace
from wakeful.services.sqs import counts, emptied, fifo, messages
from wakeful.services.sqs import queue as queues
from wakeful.services.sqs.errors import InvalidParameterValue
from wakeful.services.sqs.queue import Queue
from wakeful.store import schema, work
from wakeful.store.sqlite import SqliteTx
from wakeful.store.tx import Outbox

VISIBILITY_S = 30
DEDUPLICATION_S = 300
TWELVE_HOURS_S = 43_200
RETENTION_S = 50_000
DEAD_RETENTION_S = 60_000
RECEIVES_MAX = 4
SCHEMA = (Path(messages.__file__).parent / "schema.sql").read_text()


ROOT = Principal("root", "arn:aws:iam::000000000000:root", "000000000000")
CALL = Call("000000000000", "us-east-1", ROOT, "r", Trace("t"), "http://localhost")


class WatchedTx(SqliteTx):
    """A transaction whose statements can be watched."""

    def __init__(self, db: sqlite3.Connection) -> None:
        super().__init__(db, 1_000_000.0, Parts(cast(Any, None)), Outbox())
        self.watch = db.set_trace_callback


def opened() -> tuple[WatchedTx, Call]:
    """A transaction on an empty store in memory, and a call of an account's root."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    tx = WatchedTx(db)
    schema.apply(tx, {"work": work.SCHEMA, "sqs": SCHEMA})
    return tx, CALL


@dataclass
class Sent:
    """One message of the model, in the order of sending."""

    id: str
    group: str
    sent: float
    visible: float
    handle: str | None = None
    receives: int = 0
    received: float = 0.0

    def is_in_flight(self, now: float) -> bool:
        return self.handle is not None and self.visible > now


class QueueMachine(RuleBasedStateMachine):
    """Sends, receives, deletes, hides, purges and lets time pass, on the queue and on the model alike."""

    handles = Bundle("handles")
    suffix = ""
    attributes: dict[str, str] = {}  # noqa: RUF012 - of the class, and never changed

    def __init__(self) -> None:
        super().__init__()
        self.tx, self.call = opened()
        self.delay_s = 0
        self.dead_queue = self.make("dead", MessageRetentionPeriod=str(DEAD_RETENTION_S))
        policy = {"deadLetterTargetArn": self.dead_queue.arn, "maxReceiveCount": RECEIVES_MAX}
        self.queue = self.make(
            "q",
            VisibilityTimeout=str(VISIBILITY_S),
            MessageRetentionPeriod=str(RETENTION_S),
            RedrivePolicy=json.dumps(policy),
        )
        self.sent: list[Sent] = []
        self.dead: dict[str, float] = {}

    def make(self, name: str, **attributes: str) -> Queue:
        return queues.create(self.tx, self.call, name + self.suffix, {**self.attributes, **attributes}, {})

    @property
    def now(self) -> float:
        return self.tx.now

    def put(self, system: dict[str, str], delay_s: int | None = None) -> str:
        made = names.new_uuid()
        content: dict[str, Any] = {"trace": Trace("t"), "message_id": made, "attributes": {}, "system": system}
        return messages.put(self.tx, self.queue, "body", **content, delay_s=delay_s)[0]

    def takeable(self) -> list[Sent]:
        return [each for each in self.sent if each.visible <= self.now]

    @rule(target=handles, count=st.integers(1, 10), hide_s=st.sampled_from([None, 0, 5, 60, TWELVE_HOURS_S]))
    def receive(self, count: int, hide_s: int | None) -> Any:
        due = self.takeable()
        spent = {each.id for each in due if each.receives >= RECEIVES_MAX}
        taken = messages.take(self.tx, self.queue, count, hide_s)
        self.bury(spent, has_room=len(taken) < count)
        assert len(taken) == min(count, len(due) - len(spent))
        assert len({each.id for each in taken}) == len(taken)
        assert {each.id for each in taken} <= {each.id for each in due} - spent
        self.check_order([each.id for each in taken])
        for each in taken:
            (mine,) = (sent for sent in self.sent if sent.id == each.id)
            mine.handle = each.facts["handle"]
            mine.visible = self.now + (VISIBILITY_S if hide_s is None else hide_s)
            mine.received = self.now
            mine.receives += 1
            assert each.facts["system"]["ApproximateReceiveCount"] == str(mine.receives)
        return multiple(*[each.facts["handle"] for each in taken])

    def bury(self, spent: set[str], *, has_room: bool) -> None:
        """Nothing but spent messages has become dead letters; all of them, where no other message was in the way."""
        rows = self.tx.all("SELECT id, sent, earlier FROM sqs_messages WHERE queue = ?", self.dead_queue.id)
        new = {row["id"]: row["sent"] for row in rows if row["id"] in {each.id for each in self.sent}}
        assert new.keys() <= spent
        assert not has_room or new.keys() == spent
        for each in self.sent:
            if each.id in new:
                assert new[each.id] == (self.now if self.suffix else each.sent)
        assert all(row["earlier"] == RECEIVES_MAX for row in rows if row["id"] in new)
        self.sent = [each for each in self.sent if each.id not in new]
        self.dead |= new

    def check_order(self, taken: list[str]) -> None:
        """A standard queue promises none."""

    @rule(handle=handles)
    def delete(self, handle: str) -> None:
        messages.forget(self.tx, self.queue, handle)
        self.sent = [each for each in self.sent if each.handle != handle]

    @rule(handle=handles, for_s=st.sampled_from([0, 1, 45, TWELVE_HOURS_S]))
    def hide(self, handle: str, for_s: int) -> None:
        mine = next((each for each in self.sent if each.handle == handle), None)
        hidden = mine if mine is not None and mine.is_in_flight(self.now) else None
        too_long = hidden is not None and self.now + for_s > hidden.received + TWELVE_HOURS_S
        try:
            messages.hide(self.tx, self.queue, handle, for_s)
        except InvalidParameterValue as error:
            assert ("beyond the limit" in error.message) == too_long
            assert too_long or hidden is None
            assert mine is None or too_long or self.suffix
        else:
            assert mine is not None
            assert not too_long
            if hidden is not None:
                hidden.visible = self.now + for_s

    @rule(seconds=st.sampled_from([1, 10, 31, 200, 301, 20_000]))
    def wait(self, seconds: int) -> None:
        self.tx.now += seconds
        self.sent = [each for each in self.sent if each.sent > self.now - RETENTION_S]
        self.dead = {each: sent for each, sent in self.dead.items() if sent > self.now - DEAD_RETENTION_S}

    @rule()
    def sweep(self) -> None:
        messages.expire(self.tx)
        fifo.forget_old(self.tx)
        emptied.sweep(self.tx)

    @precondition(lambda self: len(self.sent) >= 5)
    @rule()
    def purge(self) -> None:
        queues.purge(self.tx, self.queue)
        self.queue = queues.find(self.tx, self.queue.arn)
        self.sent = []

    @rule(delay_s=st.sampled_from([0, 20]))
    def change_the_delay(self, delay_s: int) -> None:
        self.delay_s = delay_s
        queues.set_attributes(self.tx, self.queue.arn, {"DelaySeconds": str(delay_s)})
        self.queue = queues.find(self.tx, self.queue.arn)

    @invariant()
    def counts_are_exact(self) -> None:
        hidden = [each for each in self.sent if each.visible > self.now]
        in_flight = sum(each.handle is not None for each in hidden)
        expected = counts.Counts(len(self.sent) - len(hidden), in_flight, len(hidden) - in_flight)
        assert counts.of(self.tx, self.queue) == expected
        assert counts.of(self.tx, self.dead_queue) == counts.Counts(len(self.dead), 0, 0)
        assert counts.in_flight(self.tx, self.queue) == in_flight
        assert in_flight <= counts.in_flight(self.tx, self.queue, few=100)

    @invariant()
    def who_waits_is_woken_in_time(self) -> None:
        if self.takeable():
            assert messages.has_visible(self.tx, self.queue)
        elif self.sent and not messages.has_visible(self.tx, self.queue):
            soonest = messages.next_visible(self.tx, self.queue)
            assert soonest is not None
            before = self.tx.now
            for moment in sorted({each.visible for each in self.sent if each.visible < soonest}):
                self.tx.now = moment
                assert not self.takeable()
            self.tx.now = before


class StandardQueue(QueueMachine):
    """Any message that is visible, each with a delay of its own; some of them of tenants."""

    @rule(delay_s=st.sampled_from([None, 0, 7]), tenant=st.sampled_from([None, None, "t", "u"]))
    def send(self, delay_s: int | None, tenant: str | None) -> None:
        made = self.put({} if tenant is None else {"MessageGroupId": tenant}, delay_s)
        delay_s = self.delay_s if delay_s is None else delay_s
        self.sent.append(Sent(made, "", self.now, self.now + delay_s))


class FifoQueue(QueueMachine):
    """Groups in order, one batch of each at a time, no identity twice in five minutes."""

    suffix = ".fifo"
    attributes = {"FifoQueue": "true"}  # noqa: RUF012 - as above
    is_by_group = False

    def __init__(self) -> None:
        super().__init__()
        self.identities: dict[str, tuple[float, str]] = {}

    @rule(group=st.sampled_from("gh"), identity=st.sampled_from("abcdef"))
    def send(self, group: str, identity: str) -> None:
        scoped = group + identity if self.is_by_group else identity
        until, before = self.identities.get(scoped, (0.0, ""))
        made = self.put({"MessageGroupId": group, "MessageDeduplicationId": identity})
        if until > self.now:
            assert made == before
        else:
            self.identities[scoped] = (self.now + DEDUPLICATION_S, made)
            self.sent.append(Sent(made, group, self.now, self.now + self.delay_s))

    @rule(delay_s=st.sampled_from([0, 20]))
    def change_the_delay(self, delay_s: int) -> None:
        """It is also that of the messages that are there."""
        super().change_the_delay(delay_s)
        fifo.delayed_anew(self.tx, self.queue)
        for each in self.sent:
            if each.receives == 0:
                each.visible = each.sent + delay_s

    def takeable(self) -> list[Sent]:
        """Of each group that is not locked, what comes before the first that is still delayed."""
        closed = {each.group for each in self.sent if each.is_in_flight(self.now)}
        found = []
        for each in self.sent:
            if each.group not in closed:
                if each.visible > self.now:
                    closed.add(each.group)
                else:
                    found.append(each)
        return found

    def check_order(self, taken: list[str]) -> None:
        """What is taken of a group is the beginning of it."""
        for group in "gh":
            of_group = [each.id for each in self.sent if each.group == group]
            mine = [each for each in taken if each in of_group]
            assert mine == of_group[: len(mine)]

    @rule(handle=QueueMachine.handles)
    def delete(self, handle: str) -> None:
        mine = [each for each in self.sent if each.handle == handle]
        was_received = any(handle == each.handle for each in mine)
        try:
            messages.forget(self.tx, self.queue, handle)
        except InvalidParameterValue:
            assert not (was_received and mine[0].is_in_flight(self.now))
        else:
            assert not mine or mine[0].is_in_flight(self.now)
            self.sent = [each for each in self.sent if each.handle != handle]


class FastFifoQueue(FifoQueue):
    """High throughput: an identity counts in its group alone."""

    attributes = {  # noqa: RUF012 - as above
        "FifoQueue": "true",
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
    }
    is_by_group = True


TestStandardQueue = StandardQueue.TestCase
TestFifoQueue = FifoQueue.TestCase
TestFastFifoQueue = FastFifoQueue.TestCase
TestStandardQueue.settings = examples(100, stateful_step_count=30)
TestFifoQueue.settings = examples(100, stateful_step_count=30)
TestFastFifoQueue.settings = examples(50, stateful_step_count=30)
