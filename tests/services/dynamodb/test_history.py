"""What items were: a table can be read as it was at any moment, in portions, while it is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running_node import RunningNode
from tests.services.dynamodb.control import opened
from wakeful.services.dynamodb import items
from wakeful.services.dynamodb.copies import history
from wakeful.services.dynamodb.keys import Attribute, KeySchema
from wakeful.services.dynamodb.sizes import item_size
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Item, parsed, raw
from wakeful.store.tx import Tx


@dataclass(frozen=True)
class Change:
    """At its moment a key got that value, or lost it."""

    at: float
    key: bytes
    value: int | None


class Undone(Exception):
    """A test is over: nothing of it stays."""


changes = st.lists(
    st.builds(
        Change,
        at=st.integers(1, 6).map(float),
        key=st.sampled_from([bytes((number,)) for number in range(6)]),
        value=st.none() | st.integers(0, 2),
    ),
    max_size=25,
).map(lambda found: sorted(found, key=lambda change: change.at))


@examples(100, keeps_fixtures=True)
@given(changes, st.integers(0, 7), st.integers(1, 4))
def test_every_moment_is_found_in_portions_of_any_size(
    shared_node: RunningNode, changes: list[Change], at: int, count: int
) -> None:
    expected: dict[bytes, Item] = {}
    for change in changes:
        if change.at <= at:
            _model(expected, change)

    def check(tx: Tx) -> None:
        _make(tx, changes)
        found: dict[bytes, Item] = {}
        low: bytes | None = b""
        while low is not None:
            portion = history.portion(tx, 1, low, float(at), count)
            assert len(portion.items) <= 2 * count
            assert [each.size for each in portion.items] == [item_size(parsed(each.raw)) for each in portion.items]
            found.update({each.key: parsed(each.raw) for each in portion.items})
            low = portion.next
        assert found == expected
        assert list(found) == sorted(found), "in the order of the keys"
        raise Undone

    _in_nothing(shared_node, check)


@pytest.mark.parametrize("at", [0.0, 1.0, 2.0])
def test_a_portion_of_a_long_history_looks_at_its_own_keys(at: float) -> None:
    """Copies run in transactions that others wait for: whatever the moment, they are as short."""
    tx = opened()
    keys = [number.to_bytes(2) for number in range(2000)]
    tx._db.executemany(
        "INSERT INTO dynamodb_items(space, key, size, item) VALUES (1, ?, 2, '{}')", ((k,) for k in keys)
    )
    tx._db.executemany(
        "INSERT INTO dynamodb_history(space, key, number, at, item) VALUES (1, ?, 1, 1.0, NULL)", ((k,) for k in keys)
    )
    steps: list[None] = []
    tx._db.set_progress_handler(lambda: steps.append(None), 100)
    portion = history.portion(tx, 1, b"", at, 20)
    assert len(portion.items) == (0 if at < 1 else 20)
    assert 0 < 100 * len(steps) < 5_000, "steps of SQLite's machine"


@examples(60, keeps_fixtures=True)
@given(changes, st.integers(0, 6), st.integers(0, 6), st.integers(1, 4))
def test_what_has_changed_between_two_moments_is_found_with_what_it_was(
    shared_node: RunningNode, changes: list[Change], since: int, until: int, count: int
) -> None:
    before: dict[bytes, Item] = {}
    after: dict[bytes, Item] = {}
    for change in changes:
        if change.at <= since:
            _model(before, change)
        if change.at <= until:
            _model(after, change)
    keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key)) if since < until else []

    def check(tx: Tx) -> None:
        _make(tx, changes)
        found: list[Any] = []
        low: bytes | None = b""
        while low is not None:
            some, low = history.changed(tx, 1, low, float(since), float(until), count)
            found += some
        assert [each.key for each in found] == keys
        for each in found:
            assert (None if each.before is None else parsed(each.before)) == before.get(each.key)
            assert (None if each.after is None else parsed(each.after)) == after.get(each.key)
            assert since < each.at <= until
        raise Undone

    _in_nothing(shared_node, check)


@examples(60, keeps_fixtures=True)
@given(changes, st.integers(0, 6), st.integers(1, 4))
def test_pruning_leaves_every_later_moment_as_it_was(
    shared_node: RunningNode, changes: list[Change], before: int, count: int
) -> None:
    def check(tx: Tx) -> None:
        _make(tx, changes)
        expected = [history.portion(tx, 1, b"", float(at), 100) for at in range(before, 8)]
        for _ in range(30):  # of a key that changed very often, some is left for the next time
            low: bytes | None = b""
            while low is not None:
                low = history.prune(tx, 1, low, float(before), count)
        assert [history.portion(tx, 1, b"", float(at), 100) for at in range(before, 8)] == expected
        left = tx.one("SELECT count(*) AS rows FROM dynamodb_history WHERE space = 1 AND at <= ?", float(before))
        assert left is not None
        assert left["rows"] == 0
        raise Undone

    _in_nothing(shared_node, check)


def test_a_table_that_nobody_needs_to_know_the_past_of_writes_none(shared_node: RunningNode) -> None:
    def check(tx: Tx) -> None:
        history.change(tx, _table(history_kept=0), b"k", {"a": {"N": "1"}})
        assert tx.all("SELECT * FROM dynamodb_history WHERE space = 1") == []
        history.change(tx, _table(history_kept=2), b"k", {"a": {"N": "1"}})
        assert len(tx.all("SELECT * FROM dynamodb_history WHERE space = 1")) == 1
        raise Undone

    _in_nothing(shared_node, check)


# --- below -----------------------------------------------------------------------------------------------------------


def _make(tx: Tx, changes: list[Change]) -> None:
    """All of it happened, each at its moment."""
    table, now = _table(history_kept=1), tx.now
    state: dict[bytes, Item] = {}
    for change in changes:
        before = state.get(change.key)
        _model(state, change)
        after = state.get(change.key)
        tx.now = change.at
        if before != after:
            history.change(tx, table, change.key, before)
        if after is not None:
            items.put(tx, 1, change.key, raw(after), item_size(after), grown=(0, 0))
        elif before is not None:
            items.delete(tx, 1, change.key, grown=(0, 0))
    tx.now = now


def _model(state: dict[bytes, Item], change: Change) -> None:
    if change.value is None:
        state.pop(change.key, None)
    else:
        state[change.key] = {"k": {"S": change.key.hex()}, "v": {"N": str(change.value)}}


def _table(*, history_kept: int) -> Table:
    keys = KeySchema((Attribute("k", "S"),))
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/known"
    return Table(
        arn=arn,
        id="id",
        account="000000000000",
        region="us-east-1",
        name="known",
        created=0.0,
        status="ACTIVE",
        space=1,
        definition={},
        tags={},
        keys=keys,
        indexes=(),
        history=history_kept,
    )


def _in_nothing(node: RunningNode, work: Any) -> None:
    with pytest.raises(Undone):
        node.run(node.node.store.write(work))
