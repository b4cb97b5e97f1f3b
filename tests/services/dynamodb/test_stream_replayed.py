"""A table that is replayed from its stream equals the table, whatever happened to it, and wherever the reader stood."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.examples import examples
from wakeful import limits
from wakeful.clock import Clock
from wakeful.composition import SERVICES, schemas
from wakeful.fabric import journal
from wakeful.fabric.journal import Entry, Shard
from wakeful.fabric.trace import Trace
from wakeful.names import new_uuid
from wakeful.services.dynamodb import changes, items, keys, table
from wakeful.services.dynamodb.changes import Cause
from wakeful.services.dynamodb.streams import stream_settings
from wakeful.services.dynamodb.streams.stream_records import TableStreams
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Item, parsed
from wakeful.store import schema
from wakeful.store.sqlite import SqliteStore
from wakeful.store.tx import Tx

T = TypeVar("T")
ROLLS_MAX = 5  # then the first record is not a day old
KEYS = st.sampled_from([f"partition {number}" for number in range(8)])
VALUES = st.one_of(st.none(), st.integers(0, 3))
"""What becomes of an item; None: it is deleted."""


class Undone(Exception):
    """What a client is refused after something has changed."""


class Place:
    """A store, a clock that the test moves, and a loop to run transactions on."""

    def __init__(self, path: Path) -> None:
        self.clock = Clock()
        self._runner = asyncio.Runner()
        self._store = self._runner.run(self._opened(path))

    async def _opened(self, path: Path) -> SqliteStore:
        store = SqliteStore(path, clock=self.clock.now, on_commit=lambda outbox: None)
        await store.write(schema.apply, schemas(SERVICES))
        return store

    def write(self, work: Callable[..., T], *args: Any) -> T:
        return self._runner.run(self._store.write(work, *args))

    def read(self, work: Callable[..., T], *args: Any, **more: Any) -> T:
        return self._runner.run(self._store.read(work, *args, **more))

    def close(self) -> None:
        self._runner.run(self._store.close())
        self._runner.close()


class Replayed(RuleBasedStateMachine):
    """One table, and a reader that makes a copy of it from records alone, shard by shard."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.stream = TableStreams()
        self.table = place.write(_make)
        assert self.table.stream_arn is not None
        self.arn = self.table.stream_arn
        self.copy: dict[str, Item] = {}
        self.positions: dict[str, int] = {}
        self.finished: set[str] = set()
        self.numbers: list[int] = []
        self.rolls = 0

    @rule(key=KEYS, value=VALUES)
    def change(self, key: str, value: int | None) -> None:
        self.place.write(_change, self.table, [(key, value)])

    @rule(wanted=st.lists(st.tuples(KEYS, VALUES), min_size=2, max_size=5, unique_by=lambda each: each[0]))
    def change_together(self, wanted: list[tuple[str, int | None]]) -> None:
        self.place.write(_change, self.table, wanted)

    @rule(key=KEYS, value=VALUES)
    def change_in_vain(self, key: str, value: int | None) -> None:
        def refused(tx: Tx) -> None:
            _change(tx, self.table, [(key, value)])
            raise Undone

        try:
            self.place.write(refused)
        except Undone:
            pass

    @precondition(lambda self: self.rolls < ROLLS_MAX)
    @rule()
    def four_hours_pass(self) -> None:
        self.rolls += 1
        self.place.clock.advance(limits.DYNAMODB_STREAM_ROLL_S + 1)
        self.place.write(stream_settings.tend, self.arn)

    @rule(which=st.integers(0, 30), count=st.integers(1, 4))
    def read_on(self, which: int, count: int) -> None:
        ready = self._ready()
        if ready:
            self._follow(ready[which % len(ready)], count)

    def teardown(self) -> None:
        while any(self._follow(shard, 100) for shard in self._ready()):
            pass
        assert self.copy == self.place.read(_contents, self.table)
        assert len(set(self.numbers)) == len(self.numbers), "a record came twice"

    def _ready(self) -> list[Shard]:
        """Shards that may have more, and whose parents have not."""

        def found(tx: Tx) -> list[Shard]:
            name = self.stream.journal(tx, self.arn)
            assert name is not None
            return journal.shards(tx, name)

        shards = [each for each in self.place.read(found) if each.name not in self.finished]
        return [each for each in shards if self.finished.issuperset(each.parents)]

    def _follow(self, shard: Shard, count: int) -> bool:
        """Whether there was anything to follow."""
        after = self.positions.get(shard.name, shard.starts)
        entries = self.place.read(_entries, self.stream, self.arn, shard, after, count)
        for entry in entries:
            self._replay(self.stream.as_record(self.arn, shard, entry))
            self.numbers.append(int(self.stream.sequence(shard, entry)))
            after = self.positions[shard.name] = entry.seq
        if shard.ends is not None and after >= shard.ends:
            self.finished.add(shard.name)
        return bool(entries) or shard.name in self.finished

    def _replay(self, record: dict[str, Any]) -> None:
        told = record["dynamodb"]
        key, before, after = told["Keys"]["p"]["S"], told.get("OldImage"), told.get("NewImage")
        assert self.copy.get(key) == before, "a record is missing, doubled or out of order"
        assert before != after
        assert (
            record["eventName"]
            == {(True, False): "INSERT", (False, False): "MODIFY", (False, True): "REMOVE"}[
                before is None, after is None
            ]
        )
        if after is None:
            del self.copy[key]
        else:
            self.copy[key] = after


def _make(tx: Tx) -> Table:
    """A table that has a stream: in the store is what changes of its items need."""
    definition: dict[str, Any] = {
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    name = new_uuid()
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}"
    definition["Stream"] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES", "Label": "now"}
    space = tx.insert("id", "INSERT INTO dynamodb_spaces(owner, name) VALUES (?, ?)", name, "")
    schema = keys.schema_of(definition["KeySchema"], definition["AttributeDefinitions"])
    made = Table(arn, name, "000000000000", "us-east-1", name, tx.now, table.ACTIVE, space, definition, {}, schema, ())
    stream_settings.enable(tx, made)
    return made


def _entries(tx: Tx, stream: TableStreams, arn: str, shard: Shard, after: int, count: int) -> list[Entry]:
    return journal.read(tx, shard, after, count, since=stream.oldest(tx, arn))


def _change(tx: Tx, found: Table, wanted: list[tuple[str, int | None]]) -> None:
    for name, value in wanted:
        key = found.keys.of({"p": {"S": name}})
        before = changes.locked(tx, found, key)
        after = None if value is None else {"p": {"S": name}, "value": {"N": str(value)}}
        changes.apply(tx, found, key, None if before is None else parsed(before), after, Cause(Trace("1-t")))


def _contents(tx: Tx, found: Table) -> dict[str, Item]:
    stored = items.between(tx, found.space, b"", b"\xff" * 9, 100)
    return {item["p"]["S"]: item for item in (parsed(each.raw) for each in stored)}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    opened = Place(tmp_path / "ledger.db")
    yield opened
    opened.close()


def test_a_table_replayed_from_its_stream_equals_the_table(place: Place) -> None:
    machine = cast("type[Replayed]", lambda: Replayed(place))  # it is only ever called
    run_state_machine_as_test(machine, settings=examples(40, stateful_step_count=30))
