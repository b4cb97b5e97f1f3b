"""Checkpoints as rows, on both engines: which lanes there are, and in which order shards are read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import OpenStore
from wakeful.fabric import journal
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import service
from wakeful.services.lambda_.sources.streams import checkpoints
from wakeful.services.lambda_.sources.streams.checkpoints import Checkpoint, LaneKey, Pending, Response, Window
from wakeful.store import schema
from wakeful.store.tx import Store, Tx

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
CONFIG = {"StartingPosition": "LATEST", "ParallelizationFactor": 2}


class Named:
    """All of a stream that checkpoints ask."""

    def journal(self, tx: Tx, arn: str) -> str | None:
        return arn


@pytest.fixture
async def store(open_store: OpenStore) -> AsyncIterator[Store]:
    async with open_store() as store:
        await store.write(schema.apply, {"journal": journal.SCHEMA, "lambda": service.schema})
        yield store


def put(tx: Tx, count: int = 1) -> int:
    place = journal.place(tx, ARN, 0)
    assert place is not None
    return [journal.append(tx, place, b"x", Trace("1-t"), size=1) for _ in range(count)][-1]


async def test_a_checkpoint_is_found_as_it_was_put_and_forgotten_with_its_shard(store: Store) -> None:
    key = LaneKey("s0", 1, 3)
    pending = (Pending(7, 2, Response("r", "$LATEST", "Unhandled")), Pending(9))
    whole = Checkpoint(5, pending, 12.5, Window(0.0, 60.0, {"a": [1]}, 2, is_too_large=True))
    await store.write(checkpoints.put, "m", key, whole)
    await store.write(checkpoints.put, "m", LaneKey("s1", 0, 1), Checkpoint(3))
    await store.write(checkpoints.put, "other", key, Checkpoint(1))
    assert await store.read(checkpoints.of, "m") == {key: whole, LaneKey("s1", 0, 1): Checkpoint(3)}
    await store.write(checkpoints.put, "m", key, Checkpoint(6))
    await store.write(checkpoints.forget, "m", "s1")
    assert await store.read(checkpoints.of, "m") == {key: Checkpoint(6)}
    await store.write(checkpoints.forget, "m")
    assert await store.read(checkpoints.of, "m") == {}
    assert await store.read(checkpoints.of, "other") == {key: Checkpoint(1)}


async def test_what_is_there_has_a_checkpoint_and_children_wait_for_their_parents(store: Store) -> None:
    parent = await store.write(journal.open_shard, ARN, "s0")
    newest = await store.write(put, 3)
    stream: Any = Named()
    await store.write(checkpoints.start, stream, "m", ARN, CONFIG)
    await store.write(checkpoints.start, stream, "m", ARN, {**CONFIG, "StartingPosition": "TRIM_HORIZON"})
    lanes = await store.read(checkpoints.of, "m")
    assert lanes == {LaneKey("s0", lane, 2): Checkpoint(newest) for lane in (0, 1)}, "it began only once"
    await store.write(put)
    await store.write(journal.roll, parent, "s1")
    last = await store.write(put)

    async def shaped(lanes: Any) -> Any:
        shards = await store.read(journal.shards, ARN)
        return await store.write(checkpoints.shaped, "m", shards, lanes, 2)

    assert {key.shard for key in await shaped(lanes)} == {"s0"}, "the parent has not been read yet"
    ended = {key: Checkpoint(newest + 1) for key in lanes}
    both = await shaped(ended)
    assert {key: each.position for key, each in both.items() if key.shard == "s1"} == {
        LaneKey("s1", lane, 2): last - 1 for lane in (0, 1)
    }
    held = {**ended, LaneKey("s0", 0, 2): Checkpoint(newest + 1, window=Window(0.0, 60.0, {}))}
    shards = await store.read(journal.shards, ARN)
    assert [each.shard.name for each in checkpoints.followed(shards, held, 2)] == ["s0"]
    await store.write(journal.drop, ARN)
    assert await shaped(both) == {}


async def test_there_is_another_number_of_lanes_once_all_have_come_equally_far(store: Store) -> None:
    await store.write(journal.open_shard, ARN, "s0")
    shards = await store.read(journal.shards, ARN)
    uneven = {LaneKey("s0", 0, 2): Checkpoint(4), LaneKey("s0", 1, 2): Checkpoint(9)}
    for key, checkpoint in uneven.items():
        await store.write(checkpoints.put, "m", key, checkpoint)
    (found,) = checkpoints.followed(shards, uneven, 3)
    assert found.until == 9
    assert await store.write(checkpoints.shaped, "m", shards, uneven, 3) == uneven
    pending = {key: Checkpoint(9, (Pending(9),)) for key in uneven}
    assert await store.write(checkpoints.shaped, "m", shards, pending, 3) == uneven
    even = dict.fromkeys(uneven, Checkpoint(9))
    wanted = {LaneKey("s0", lane, 3): Checkpoint(9) for lane in range(3)}
    assert await store.write(checkpoints.shaped, "m", shards, even, 3) == wanted


def test_every_key_has_one_lane() -> None:
    lanes = [LaneKey("s0", lane, 4) for lane in range(4)]
    owners = [[lane.lane for lane in lanes if lane.has(f"key{number}")] for number in range(50)]
    assert all(len(each) == 1 for each in owners)
    assert {each[0] for each in owners} == {0, 1, 2, 3}
