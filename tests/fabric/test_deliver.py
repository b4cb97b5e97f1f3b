"""deliver: cause and effects become true together; who refuses harms nobody but its own edge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest

from tests.conftest import OpenStore
from wakeful import limits
from wakeful.fabric import deliver as module
from wakeful.fabric.deliver import DeadLetter, Delivery, Refused, bury, deliver, refusal
from wakeful.fabric.parts import Parts
from wakeful.fabric.trace import Trace
from wakeful.store import work
from wakeful.store.telemetry import Note
from wakeful.store.tx import Outbox, Store, Tx

TABLES = "CREATE TABLE IF NOT EXISTS test_accepted(target TEXT NOT NULL, body TEXT NOT NULL, cause TEXT)"


class Permissive:
    """Authorisation is another test's matter."""

    def check_delivery(self, tx: Tx, delivery: Delivery) -> None:
        return None


@dataclass
class Fabric:
    store: Store
    notes: list[Note]

    async def accepted(self) -> list[tuple[str, str]]:
        def read(tx: Tx) -> list[tuple[str, str]]:
            rows = tx.all("SELECT target, body FROM test_accepted ORDER BY target, body")
            return [(row["target"], row["body"]) for row in rows]

        return await self.store.read(read)


def accept(tx: Tx, delivery: Delivery) -> None:
    """Takes everything, but first stores it: what is refused must be undone."""
    tx.run(
        "INSERT INTO test_accepted(target, body, cause) VALUES (?, ?, ?)",
        *(delivery.target_arn.rsplit(":", 1)[1], delivery.body, delivery.trace.cause),
    )
    if delivery.target_arn.endswith(":no"):
        raise Refused("it says no", "NO")
    if ":again-" in delivery.target_arn:
        left = int(delivery.target_arn.rsplit("-", 1)[1])
        if left:
            deliver(tx, replace(delivery, target_arn=arn(f"again-{left - 1}"), trace=delivery.effects))


def arn(name: str, service: str = "test") -> str:
    return f"arn:aws:{service}:us-east-1:000000000000:{name}"


def delivery(name: str, **more: Any) -> Delivery:
    return Delivery(
        **{
            "target_arn": arn(name),
            "body": "b",
            "source_arn": arn("source"),
            "principal": "test.amazonaws.com",
            "account": "000000000000",
            "trace": Trace("t", "cause"),
            **more,
        }
    )


@pytest.fixture
async def fabric(open_store: OpenStore) -> AsyncIterator[Fabric]:
    notes: list[Note] = []

    def committed(outbox: Outbox) -> None:
        notes.extend(outbox.notes)

    parts = Parts(authorizer=Permissive(), accepts={"test": accept})  # type: ignore[arg-type]
    async with open_store(tables=TABLES, parts=parts, on_commit=committed) as store:
        yield Fabric(store, notes)


async def test_what_is_accepted_is_there_with_its_cause(fabric: Fabric) -> None:
    sent = delivery("yes")
    assert await fabric.store.write(deliver, sent)
    assert await fabric.accepted() == [("yes", "b")]
    (told,) = fabric.notes
    assert (told.id, told.trace, told.cause, told.status) == (sent.id, "t", "cause", "ok")


async def test_a_cause_that_fails_has_no_effects(fabric: Fabric) -> None:
    def cause(tx: Tx) -> None:
        deliver(tx, delivery("yes"))
        raise ValueError

    with pytest.raises(ValueError):
        await fabric.store.write(cause)
    assert await fabric.accepted() == []
    assert fabric.notes == []


async def test_a_refusal_undoes_only_itself(fabric: Fabric) -> None:
    def cause(tx: Tx) -> list[bool]:
        return [deliver(tx, delivery(name)) for name in ("before", "no", "after")]

    assert await fabric.store.write(cause) == [True, False, True]
    assert await fabric.accepted() == [("after", "b"), ("before", "b")]
    assert sorted(note.status for note in fabric.notes) == ["NO", "ok", "ok"]


async def test_who_is_only_asked_keeps_nothing_and_nothing_is_told(fabric: Fabric) -> None:
    def ask(tx: Tx) -> list[str | None]:
        answers = [refusal(tx, delivery(name)) for name in ("yes", "no", "again-3")]
        assert (tx.depth, tx.deliveries) == (0, 0)
        return [answer.code if answer else None for answer in answers]

    assert await fabric.store.write(ask) == [None, "NO", None]
    assert await fabric.accepted() == []
    assert fabric.notes == []


@pytest.mark.parametrize("target", [arn("x", service="nobody"), "no arn at all"])
async def test_who_takes_no_deliveries_refuses(fabric: Fabric, target: str) -> None:
    assert not await fabric.store.write(deliver, replace(delivery("x"), target_arn=target))
    assert [note.status for note in fabric.notes] == ["INVALID_TARGET"]


async def test_a_refused_event_goes_to_its_dead_letter_target_and_says_why(fabric: Fabric) -> None:
    seen: list[Delivery] = []

    def spy(tx: Tx, each: Delivery) -> None:
        seen.append(each)
        accept(tx, each)

    fabric.store.parts = replace(fabric.store.parts, accepts={"test": spy})  # type: ignore[attr-defined]
    letter = DeadLetter(arn("letters"), {"RULE_ARN": "r"})
    assert not await fabric.store.write(deliver, delivery("no", dead_letter=letter))
    assert await fabric.accepted() == [("letters", "b")]
    texts = {name: value["StringValue"] for name, value in seen[-1].attributes.items()}
    assert texts == {"RULE_ARN": "r", "ERROR_CODE": "NO", "ERROR_MESSAGE": "it says no"}


async def test_a_dead_letter_may_hold_something_else_come_from_somebody_else_and_be_silent(fabric: Fabric) -> None:
    seen: list[Delivery] = []

    def spy(tx: Tx, each: Delivery) -> None:
        seen.append(each)
        accept(tx, each)

    fabric.store.parts = replace(fabric.store.parts, accepts={"test": spy})  # type: ignore[attr-defined]
    letter = DeadLetter(arn("letters"), code_attribute=None, reason_attribute=None, body="whole", principal="service")
    attributes = {"own": {"DataType": "String", "StringValue": "v"}}
    assert not await fabric.store.write(deliver, delivery("no", dead_letter=letter, attributes=attributes))
    assert await fabric.accepted() == [("letters", "whole")]
    assert (seen[-1].principal, seen[-1].attributes) == ("service", attributes)


async def test_a_giver_may_bury_what_it_knows_cannot_be_delivered(fabric: Fabric) -> None:
    sent = delivery("yes", dead_letter=DeadLetter(arn("letters")))
    await fabric.store.write(bury, sent, Refused("it makes no sense", "INVALID_JSON"))
    assert await fabric.accepted() == [("letters", "b")]
    assert {(note.resource, note.status) for note in fabric.notes} == {
        (arn("yes"), "INVALID_JSON"),
        (arn("letters"), "ok"),
    }


async def test_a_dead_letter_that_is_refused_ends_there(fabric: Fabric) -> None:
    assert not await fabric.store.write(deliver, delivery("no", dead_letter=DeadLetter(arn("no"))))
    assert await fabric.accepted() == []
    assert [note.status for note in fabric.notes] == ["NO", "NO"]


async def test_a_fan_out_beyond_one_transaction_goes_on_as_rows_and_loses_nothing(fabric: Fabric) -> None:
    count = limits.DELIVERIES_PER_TRANSACTION + 25

    def cause(tx: Tx) -> None:
        for number in range(count):
            deliver(tx, delivery(f"{number:04}"))

    await fabric.store.write(cause)
    assert len(await fabric.accepted()) == limits.DELIVERIES_PER_TRANSACTION
    put_off = await fabric.store.write(work.claim, module.LATER, 1000, "n")
    assert len(put_off) == 25
    for item in put_off:
        done = await module.carry_on(None, item)  # type: ignore[arg-type]
        assert done.also is not None
        await fabric.store.write(done.also)
    assert [target for target, _ in await fabric.accepted()] == [f"{number:04}" for number in range(count)]


async def test_deliveries_that_cause_one_another_are_cut_at_a_depth(fabric: Fabric) -> None:
    await fabric.store.write(deliver, delivery("again-20"))
    assert len(await fabric.accepted()) == limits.DELIVERY_DEPTH_MAX
    (item,) = await fabric.store.write(work.claim, module.LATER, 10, "n")
    assert module.from_json(item.body).target_arn == arn(f"again-{20 - limits.DELIVERY_DEPTH_MAX}")


async def test_a_loop_through_too_many_functions_is_refused(fabric: Fabric) -> None:
    looped = delivery("yes", trace=Trace("t", "c", limits.HOPS_MAX + 1))
    assert not await fabric.store.write(deliver, looped)
    assert [note.status for note in fabric.notes] == ["RECURSIVE_LOOP"]


async def test_a_delivery_survives_being_a_row() -> None:
    sent = delivery("x", dead_letter=DeadLetter(arn("d"), {"A": "b"}), attributes={"n": {"DataType": "String"}})
    assert module.from_json(orjson.loads(orjson.dumps(sent))) == sent
