"""Queues against a small model in virtual time: order, exactly-once deduplication, visibility, counts."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from tests.examples import examples
from wakeful import names
from wakeful.fabric.service import Call, Principal
from wakeful.fabric.trace import Trace
from wakeful.services.sqs import counts, messages
from wakeful.services.sqs import queue as queues
from wakeful.services.sqs.errors import InvalidParameterValue
from wakeful.store import schema
from wakeful.store.sqlite import SqliteTx
from wakeful.store.tx import Outbox

VISIBILITY_S = 30
DEDUPLICATION_S = 300
SCHEMA = (Path(messages.__file__).parent / "schema.sql").read_text()


ROOT = Principal("root", "arn:aws:iam::000000000000:root", "000000000000")
CALL = Call("000000000000", "us-east-1", ROOT, "r", Trace("t"), "http://localhost")


class WatchedTx(SqliteTx):
    """A transaction whose statements can be watched."""

    def __init__(self, db: sqlite3.Connection) -> None:
        super().__init__(db, 1_000_000.0, None, Outbox())
        self.watch = db.set_trace_callback


def opened() -> tuple[WatchedTx, Call]:
    """A transaction on an empty store in memory, and a call of an account's root."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    tx = WatchedTx(db)
    schema.apply(tx, {"sqs": SCHEMA})
    return tx, CALL


@dataclass
class Sent:
    """One message of the model, in the order of sending."""

    id: str
    group: str
    visible: float
    handle: str | None = None
    receives: int = 0

    def is_in_flight(self, now: float) -> bool:
        return self.handle is not None and self.visible > now


class QueueMachine(RuleBasedStateMachine):
    """Sends, receives, deletes, hides and lets time pass, on the queue and on the model alike."""

    handles = Bundle("handles")
    name = "q"
    attributes: dict[str, str] = {}  # noqa: RUF012 - of the class, and never changed

    def __init__(self) -> None:
        super().__init__()
        self.tx, call = opened()
        attributes = {"VisibilityTimeout": str(VISIBILITY_S), **self.attributes}
        self.queue = queues.create(self.tx, call, self.name, attributes, {})
        self.sent: list[Sent] = []

    @property
    def now(self) -> float:
        return self.tx.now

    def put(self, system: dict[str, str], delay_s: int | None = None) -> tuple[str, int]:
        made = names.new_uuid()
        content: dict[str, Any] = {"trace": Trace("t"), "message_id": made, "attributes": {}, "system": system}
        return messages.put(self.tx, self.queue, "body", **content, delay_s=delay_s)

    def takeable(self) -> list[Sent]:
        return [each for each in self.sent if each.visible <= self.now]

    @rule(target=handles, count=st.integers(1, 10), hide_s=st.sampled_from([None, 0, 5, 60]))
    def receive(self, count: int, hide_s: int | None) -> Any:
        due = self.takeable()
        taken = messages.take(self.tx, self.queue, count, hide_s)
        assert len(taken) == min(count, len(due))
        assert len({each.id for each in taken}) == len(taken)
        assert {each.id for each in taken} <= {each.id for each in due}
        self.check_order([each.id for each in taken])
        for each in taken:
            (mine,) = (sent for sent in self.sent if sent.id == each.id)
            mine.handle = each.facts["handle"]
            mine.visible = self.now + (VISIBILITY_S if hide_s is None else hide_s)
            mine.receives += 1
            assert each.facts["system"]["ApproximateReceiveCount"] == str(mine.receives)
        return multiple(*[each.facts["handle"] for each in taken])

    def check_order(self, taken: list[str]) -> None:
        """A standard queue promises none."""

    @rule(handle=handles)
    def delete(self, handle: str) -> None:
        messages.forget(self.tx, self.queue, handle)
        self.sent = [each for each in self.sent if each.handle != handle]

    @rule(handle=handles, for_s=st.sampled_from([0, 1, 45]))
    def hide(self, handle: str, for_s: int) -> None:
        hidden = [each for each in self.sent if each.handle == handle and each.is_in_flight(self.now)]
        try:
            messages.hide(self.tx, self.queue, handle, for_s)
        except InvalidParameterValue:
            assert not hidden
        else:
            (mine,) = hidden
            mine.visible = self.now + for_s

    @rule(seconds=st.sampled_from([1, 10, 31, 200, 301]))
    def wait(self, seconds: int) -> None:
        self.tx.now += seconds

    @invariant()
    def counts_are_exact(self) -> None:
        hidden = [each for each in self.sent if each.visible > self.now]
        in_flight = sum(each.handle is not None for each in hidden)
        expected = counts.Counts(len(self.sent) - len(hidden), in_flight, len(hidden) - in_flight)
        assert counts.of(self.tx, self.queue) == expected
        assert counts.has_in_flight(self.tx, self.queue, in_flight)
        assert not counts.has_in_flight(self.tx, self.queue, in_flight + 1)

    @invariant()
    def who_waits_is_woken_in_time(self) -> None:
        assert messages.has_visible(self.tx, self.queue) == bool(self.takeable())
        later = messages.next_visible(self.tx, self.queue)
        if self.sent and not self.takeable():
            assert later is not None
            self.tx.now, before = later, self.tx.now
            assert self.takeable()
            self.tx.now = before


class StandardQueue(QueueMachine):
    """Any message that is visible, each with a delay of its own."""

    @rule(delay_s=st.sampled_from([0, 0, 7]))
    def send(self, delay_s: int) -> None:
        made, _ = self.put({}, delay_s)
        self.sent.append(Sent(made, "", self.now + delay_s))


class FifoQueue(QueueMachine):
    """Groups in order, one batch of each at a time, no identity twice in five minutes."""

    name = "q.fifo"
    attributes = {"FifoQueue": "true"}  # noqa: RUF012 - as above

    def __init__(self) -> None:
        super().__init__()
        self.identities: dict[str, tuple[float, str]] = {}

    @rule(group=st.sampled_from("gh"), identity=st.sampled_from("abcdef"))
    def send(self, group: str, identity: str) -> None:
        until, before = self.identities.get(identity, (0.0, ""))
        made, _ = self.put({"MessageGroupId": group, "MessageDeduplicationId": identity})
        if until > self.now:
            assert made == before
        else:
            self.identities[identity] = (self.now + DEDUPLICATION_S, made)
            self.sent.append(Sent(made, group, self.now))

    def takeable(self) -> list[Sent]:
        locked = {each.group for each in self.sent if each.is_in_flight(self.now)}
        return [each for each in super().takeable() if each.group not in locked]

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


TestStandardQueue = StandardQueue.TestCase
TestFifoQueue = FifoQueue.TestCase
TestStandardQueue.settings = examples(100, stateful_step_count=30)
TestFifoQueue.settings = examples(100, stateful_step_count=30)
