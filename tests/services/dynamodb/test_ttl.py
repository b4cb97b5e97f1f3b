"""Time to live: what is shown of it, and what expires when."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running_node import RunningNode
from tests.services.dynamodb.control import NOW, MovableTx, asked, made, opened, refused
from wakeful import limits
from wakeful.fabric.trace import Trace
from wakeful.services.dynamodb import changes, items, table
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import expiries, ttl
from wakeful.services.dynamodb.values import parsed

CAUSE = changes.Cause(Trace("t"))


@pytest.fixture
def dynamodb(node: RunningNode) -> Any:
    return node.client("dynamodb")


def update(client: Any, attribute: str = "until", *, enabled: bool = True) -> dict[str, Any]:
    wanted = {"Enabled": enabled, "AttributeName": attribute}
    answer = client.update_time_to_live(TableName="sessions", TimeToLiveSpecification=wanted)
    return dict(answer["TimeToLiveSpecification"])


def put(client: Any, name: str, until: float | None) -> None:
    item = {"p": {"S": name}, **({} if until is None else {"until": {"N": str(int(until))}})}
    client.put_item(TableName="sessions", Item=item)


def there(client: Any, *names: str) -> list[str]:
    return [name for name in names if "Item" in client.get_item(TableName="sessions", Key={"p": {"S": name}})]


def test_it_is_shown_as_it_was_set(dynamodb: Any) -> None:
    dynamodb.create_table(**asked("sessions"))
    described = dynamodb.describe_time_to_live(TableName="sessions")["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "DISABLED"}
    assert update(dynamodb) == {"Enabled": True, "AttributeName": "until"}
    described = dynamodb.describe_time_to_live(TableName="sessions")["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}
    update(dynamodb, enabled=False)
    described = dynamodb.describe_time_to_live(TableName="sessions")["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "DISABLED"}


def test_what_changes_nothing_is_refused(dynamodb: Any) -> None:
    def told(attribute: str, *, enabled: bool) -> str:
        wanted = {"Enabled": enabled, "AttributeName": attribute}
        code, message = refused(dynamodb.update_time_to_live, TableName="sessions", TimeToLiveSpecification=wanted)
        assert code == "ValidationException"
        return message

    dynamodb.create_table(**asked("sessions"))
    assert told("until", enabled=False) == "TimeToLive is already disabled"
    update(dynamodb)
    assert told("until", enabled=True) == "TimeToLive is already enabled"
    other = "TimeToLive is active on a different AttributeName: current AttributeName is until"
    assert told("other", enabled=True) == told("other", enabled=False) == other


def test_items_expire_at_their_second_by_the_nodes_clock(dynamodb: Any, node: RunningNode) -> None:
    now = node.node.clock.now()
    dynamodb.create_table(**asked("sessions"))
    put(dynamodb, "was there before", now + 100)
    update(dynamodb)
    put(dynamodb, "soon", now + 50)
    put(dynamodb, "prolonged", now + 50)
    put(dynamodb, "prolonged", now + 500)
    put(dynamodb, "kept", None)
    put(dynamodb, "six years ago", now - 6 * 365 * 86_400)
    dynamodb.put_item(TableName="sessions", Item={"p": {"S": "text"}, "until": {"S": str(int(now + 1))}})
    everything = ("was there before", "soon", "prolonged", "kept", "six years ago", "text")
    node.advance(45)
    assert there(dynamodb, *everything) == list(everything)
    node.advance(10)
    assert "soon" not in there(dynamodb, *everything)
    node.advance(50)
    assert there(dynamodb, *everything) == ["prolonged", "kept", "six years ago", "text"]
    update(dynamodb, enabled=False)
    node.advance(1000)
    assert there(dynamodb, *everything) == ["prolonged", "kept", "six years ago", "text"]
    assert dynamodb.describe_table(TableName="sessions")["Table"]["ItemCount"] == 4


def test_what_expired_is_deleted_in_the_name_of_the_service(dynamodb: Any, node: RunningNode) -> None:
    view = {"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
    dynamodb.create_table(**asked("sessions", StreamSpecification=view))
    update(dynamodb)
    until = int(node.node.clock.now()) + 50
    put(dynamodb, "a", until)
    node.advance(60)
    streams = node.client("dynamodbstreams")
    arn = dynamodb.describe_table(TableName="sessions")["Table"]["LatestStreamArn"]
    records = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        place = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = streams.get_shard_iterator(**place)["ShardIterator"]
        records += streams.get_records(ShardIterator=iterator)["Records"]
    assert [record["eventName"] for record in records] == ["INSERT", "REMOVE"]
    assert "userIdentity" not in records[0]
    assert records[1]["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert records[1]["dynamodb"]["OldImage"]["until"] == {"N": str(until)}


def listed(tx: MovableTx) -> Table:
    found = made(tx)
    ttl.enable(tx, found, "until")
    return table.find(tx, found.arn)


def write(tx: MovableTx, found: Table, name: str, until: int | None) -> None:
    item: Any = {"p": {"S": name}, **({} if until is None else {"until": {"N": str(until)}})}
    key = found.keys.of(item)
    before = changes.locked(tx, found, key)
    changes.apply(tx, found, key, parsed(before) if before is not None else None, item, CAUSE)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.one_of(st.none(), st.integers(0, 20)), st.integers(0, 4))))
@examples(40)
def test_after_any_writes_exactly_what_has_expired_is_gone(writes: list[tuple[str, int | None, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "DYNAMODB_EXPIRED_AT_ONCE", 2)
        tx = opened()
        found = listed(tx)
        setting = expiries.setting(found)
        assert setting is not None
        model: dict[str, int | None] = {}
        for name, after_s, pause_s in writes:
            until = None if after_s is None else int(NOW) + after_s
            write(tx, found, name, until)
            model[name] = until
            tx.at(tx.now + pause_s)
            while ttl.expire_some(tx, found.arn, setting["List"], Trace("t")):
                pass
            model = {each: at for each, at in model.items() if at is None or at > tx.now}
            left = {each.item["p"]["S"] for each in items.between(tx, found.space, b"", b"\xff" * 64, 100)}
            assert left == set(model)
            (row,) = tx.all("SELECT count(*) AS n FROM dynamodb_expiries")
            assert row["n"] == sum(at is not None for at in model.values())
            assert items.counted(tx, found.space)[0] == len(model)
