"""DynamoDB Streams through its client: what a record says, what shards show, how readers stand in them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.errors import refusal
from tests.running_node import RunningNode
from tests.services.dynamodb.following import (
    TABLE,
    change,
    iterator,
    make_table,
    read_on,
    records_of,
    records_of_shard,
    shards_of,
)
from wakeful import limits
from wakeful.fabric import journal
from wakeful.services.dynamodb.streams import stream_settings
from wakeful.services.dynamodb.tables.ttl import IDENTITY
from wakeful.store.tx import Tx

HOUR = 3600.0
NUMBER = {":n": {"N": "1"}}
WRONG = "One or more parameter values were invalid: "
_NOT_ITS_OWN = "Invalid SequenceNumber for the shard"
ONE_SHARD: dict[str, Any] = {
    "BillingMode": "PROVISIONED",
    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
}


def put(node: RunningNode, name: str, p: str, **attributes: dict[str, Any]) -> None:
    node.client("dynamodb").put_item(TableName=name, Item={"p": {"S": p}, **attributes})


def test_a_record_is_as_dynamodb_counts_and_shows_it(node: RunningNode) -> None:
    """The example of "StreamRecord", whose sizes AWS publishes: 26, 59 and 38 bytes."""
    arn = make_table(node)
    put(node, "tab", "101", Message={"S": "New item!"})
    put(node, "tab", "101", Message={"S": "This item has changed"}, b={"B": b"\x00\xff"})
    put(node, "tab", "101", Message={"S": "This item has changed"}, b={"B": b"\x00\xff"})
    change(node, "tab", {"101": None}, IDENTITY)
    added, changed, removed = records_of(node, arn)
    assert [each["eventName"] for each in (added, changed, removed)] == ["INSERT", "MODIFY", "REMOVE"]
    assert re.fullmatch("[0-9a-f]{32}", added["eventID"])
    told = added["dynamodb"]
    assert told.pop("ApproximateCreationDateTime").microsecond == 0
    assert re.fullmatch("[1-9][0-9]{20}", told.pop("SequenceNumber"))
    assert {**added, "eventID": ""} == {
        "eventID": "",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "Keys": {"p": {"S": "101"}},
            "NewImage": {"p": {"S": "101"}, "Message": {"S": "New item!"}},
            "SizeBytes": 4 + 4 + 16,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }
    assert changed["dynamodb"]["OldImage"] == added["dynamodb"]["NewImage"]
    assert changed["dynamodb"]["NewImage"]["b"] == {"B": b"\x00\xff"}
    assert changed["dynamodb"]["SizeBytes"] == 4 + 20 + (4 + 28 + 3)
    assert removed["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert "NewImage" not in removed["dynamodb"]
    assert len({each["eventID"] for each in (added, changed, removed)}) == 3


def test_whatever_changes_an_item_is_in_the_stream_and_what_changes_nothing_is_not(node: RunningNode) -> None:
    arn = make_table(node, **ONE_SHARD)
    client = node.client("dynamodb")
    key = {"p": {"S": "a"}}
    client.update_item(TableName="tab", Key=key, UpdateExpression="SET n = :n", ExpressionAttributeValues=NUMBER)
    client.update_item(TableName="tab", Key=key, UpdateExpression="SET n = :n", ExpressionAttributeValues=NUMBER)
    refused = {"ConditionExpression": "attribute_not_exists(p)"}
    assert refusal(client.delete_item, TableName="tab", Key=key, **refused)[0] == "ConditionalCheckFailedException"
    client.delete_item(TableName="tab", Key=key)
    client.delete_item(TableName="tab", Key=key)
    writes = [{"PutRequest": {"Item": {"p": {"S": each}}}} for each in "bc"]
    client.batch_write_item(RequestItems={"tab": writes})
    puts = [{"Put": {"TableName": "tab", "Item": {"p": {"S": each}}}} for each in "de"]
    delete = {"Delete": {"TableName": "tab", "Key": {"p": {"S": "b"}}}}
    client.transact_write_items(TransactItems=[*puts, delete])
    check = {"ConditionCheck": {"TableName": "tab", "Key": {"p": {"S": "d"}}, **refused}}
    put_too = {"Put": {"TableName": "tab", "Item": {"p": {"S": "f"}}}}
    assert refusal(client.transact_write_items, TransactItems=[put_too, check])[0] == "TransactionCanceledException"
    found = [(each["eventName"], each["dynamodb"]["Keys"]["p"]["S"]) for each in records_of(node, arn)]
    assert found[:2] == [("INSERT", "a"), ("REMOVE", "a")]
    assert sorted(found[2:4]) == [("INSERT", "b"), ("INSERT", "c")]
    assert sorted(found[4:]) == [("INSERT", "d"), ("INSERT", "e"), ("REMOVE", "b")]


@pytest.mark.parametrize(
    ("view", "images"),
    [
        ("KEYS_ONLY", [set(), set(), set()]),
        ("NEW_IMAGE", [{"NewImage"}, {"NewImage"}, set()]),
        ("OLD_IMAGE", [set(), {"OldImage"}, {"OldImage"}]),
    ],
)
def test_a_view_has_its_images_and_no_other(node: RunningNode, view: str, images: list[set[str]]) -> None:
    arn = make_table(node, view=view)
    for after in ({"p": {"S": "a"}}, {"p": {"S": "a"}, "n": {"N": "1"}}, None):
        change(node, "tab", {"a": after})
    found = [record["dynamodb"] for record in records_of(node, arn)]
    assert [each.keys() & {"NewImage", "OldImage"} for each in found] == images
    assert {each["StreamViewType"] for each in found} == {view}
    assert all(each["Keys"] == {"p": {"S": "a"}} for each in found)


def test_a_function_gets_the_record_in_lambdas_words(node: RunningNode) -> None:
    arn = make_table(node)
    change(node, "tab", {"a": {"p": {"S": "a"}, "b": {"B": "AP8="}, "n": {"N": "1"}}})
    change(node, "tab", {"a": None}, IDENTITY)
    stream = node.node.streams["dynamodb"]

    def seen(tx: Tx) -> list[tuple[dict[str, Any], str, str]]:
        name = stream.journal(tx, arn)
        assert name is not None
        return [
            (stream.as_record(arn, shard, entry), stream.sequence(shard, entry), stream.key(entry))
            for shard in journal.shards(tx, name)
            for entry in journal.read(tx, shard, shard.starts, 10, since=stream.oldest(tx, arn))
        ]

    (added, number, key), (removed, _, other_key) = node.run(node.node.store.read(seen))
    assert added["dynamodb"]["SequenceNumber"] == number
    assert key == other_key
    assert added["eventSourceARN"] == arn
    assert added["dynamodb"]["NewImage"]["b"] == {"B": "AP8="}
    moment = added["dynamodb"]["ApproximateCreationDateTime"]
    assert isinstance(moment, float)
    assert moment == int(moment)
    assert "userIdentity" not in added
    assert removed["userIdentity"] == {"principalId": "dynamodb.amazonaws.com", "type": "Service"}
    (record, _) = records_of(node, arn)
    assert (record["eventID"], record["dynamodb"]["SizeBytes"]) == (added["eventID"], added["dynamodb"]["SizeBytes"])


def test_what_time_to_live_deletes_is_dynamodbs_doing(node: RunningNode) -> None:
    arn = make_table(node, **ONE_SHARD)
    client = node.client("dynamodb")
    wanted = {"Enabled": True, "AttributeName": "until"}
    client.update_time_to_live(TableName="tab", TimeToLiveSpecification=wanted)
    put(node, "tab", "a", until={"N": str(int(node.node.clock.now()) + 60)})
    node.advance(HOUR)
    (_, removed) = records_of(node, arn)
    assert (removed["eventName"], removed["dynamodb"]["OldImage"]["p"]) == ("REMOVE", {"S": "a"})
    assert removed["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}


def test_streams_that_are_no_streams_are_told_of(node: RunningNode) -> None:
    stream = node.node.streams["dynamodb"]
    assert node.run(node.node.store.read(stream.journal, TABLE + "tab/stream/x")) is None
    assert node.run(node.node.store.read(stream.complaint, TABLE + "tab/stream/x")) is not None
    arn = make_table(node)
    assert node.run(node.node.store.read(stream.complaint, arn)) is None


def test_a_table_on_demand_has_four_shards_and_items_of_a_partition_share_one(node: RunningNode) -> None:
    arn = make_table(node)
    assert len(shards_of(node, arn)) == 4
    for number in range(40):
        put(node, "tab", str(number))
        put(node, "tab", str(number), again={"BOOL": True})
    by_shard = [records_of_shard(node, arn, shard["ShardId"]) for shard in shards_of(node, arn)]
    assert all(by_shard), "a shard has nothing of forty partitions"
    keys = [{record["dynamodb"]["Keys"]["p"]["S"] for record in records} for records in by_shard]
    assert sum(map(len, keys)) == 40
    assert len(shards_of(node, make_table(node, "small", **ONE_SHARD))) == 1
    large = {"ReadCapacityUnits": 3000, "WriteCapacityUnits": 1500}
    assert len(shards_of(node, make_table(node, "large", **{**ONE_SHARD, "ProvisionedThroughput": large}))) == 4


def test_readers_stand_where_they_ask_to(node: RunningNode) -> None:
    arn = make_table(node, **ONE_SHARD)
    (shard,) = (each["ShardId"] for each in shards_of(node, arn))
    for number in range(5):
        put(node, "tab", str(number))
    numbers = [each["dynamodb"]["SequenceNumber"] for each in records_of(node, arn)]
    latest = iterator(node, arn, shard, "LATEST")
    at = iterator(node, arn, shard, "AT_SEQUENCE_NUMBER", SequenceNumber=numbers[2])
    after = iterator(node, arn, shard, "AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[2])
    put(node, "tab", "5")

    def seen(where: str) -> list[str]:
        return [each["dynamodb"]["Keys"]["p"]["S"] for each in read_on(node, where)[0]]

    assert (seen(latest), seen(at), seen(after)) == (["5"], ["2", "3", "4", "5"], ["3", "4", "5"])
    (range_shown,) = (each["SequenceNumberRange"] for each in shards_of(node, arn))
    start = range_shown["StartingSequenceNumber"]
    assert seen(iterator(node, arn, shard, "AT_SEQUENCE_NUMBER", SequenceNumber=start)) == list("012345")
    assert "EndingSequenceNumber" not in range_shown
    two, on = read_on(node, iterator(node, arn, shard), Limit=2)
    assert [each["dynamodb"]["SequenceNumber"] for each in two] == numbers[:2]
    assert on is not None
    assert seen(on) == list("2345")
    nothing, on = read_on(node, iterator(node, arn, shard, "LATEST"))
    assert (nothing, bool(on)) == ([], True)


def test_what_is_answered_is_measured_by_stream(node: RunningNode) -> None:
    arn = make_table(node, **ONE_SHARD)
    put(node, "tab", "a")
    assert len(records_of(node, arn)) == 1
    values = {"TableName": "tab", "StreamLabel": arn.rpartition("/")[2], "Operation": "GetRecords"}
    dimensions = [{"Name": name, "Value": value} for name, value in values.items()]
    node.run(node.node.telemetry.flush())
    now = node.node.clock.now()
    found = node.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/DynamoDB",
        MetricName="ReturnedRecordsCount",
        Dimensions=dimensions,
        StartTime=now - 3600,
        EndTime=now + 3600,
        Period=60,
        Statistics=["Sum"],
    )
    assert sum(point["Sum"] for point in found["Datapoints"]) == 1


def test_no_more_than_a_megabyte_comes_at_once(node: RunningNode) -> None:
    arn = make_table(node, **ONE_SHARD)
    for number in range(4):
        put(node, "tab", str(number), much={"S": "x" * 390_000})
    (shard,) = (each["ShardId"] for each in shards_of(node, arn))
    first, on = read_on(node, iterator(node, arn, shard))
    assert len(first) == 2
    assert on is not None
    assert len(read_on(node, on)[0]) == 2


def test_shards_roll_and_a_reader_goes_from_parent_to_child(node: RunningNode) -> None:
    arn = make_table(node, **ONE_SHARD)
    put(node, "tab", "before")
    (parent,) = shards_of(node, arn)
    put(node, "tab", "before", more={"S": "x"})
    at = iterator(node, arn, parent["ShardId"])
    node.advance(4 * HOUR + 1)
    closed, child = shards_of(node, arn)
    put(node, "tab", "after")
    at = iterator(node, arn, parent["ShardId"])
    found, on = read_on(node, at, Limit=1)
    assert on is not None
    more, on = read_on(node, on)
    assert [len(found), len(more), on] == [1, 1, None]
    assert closed["ShardId"] == parent["ShardId"]
    assert closed["SequenceNumberRange"]["EndingSequenceNumber"] == more[-1]["dynamodb"]["SequenceNumber"]
    assert child["ParentShardId"] == parent["ShardId"]
    assert "ParentShardId" not in closed
    client = node.client("dynamodbstreams")
    wanted = {"Type": "CHILD_SHARDS", "ShardId": parent["ShardId"]}
    assert client.describe_stream(StreamArn=arn, ShardFilter=wanted)["StreamDescription"]["Shards"] == [child]
    page = client.describe_stream(StreamArn=arn, Limit=1)["StreamDescription"]
    assert (page["Shards"], page["LastEvaluatedShardId"]) == ([closed], closed["ShardId"])
    assert [each["dynamodb"]["Keys"]["p"]["S"] for each in records_of(node, arn)] == ["before", "before", "after"]
    moment = node.node.clock.now()
    assert read_on(node, iterator(node, arn, child["ShardId"], "AT_TIMESTAMP", Timestamp=moment - 60))[0]
    assert not read_on(node, iterator(node, arn, parent["ShardId"], "AT_TIMESTAMP", Timestamp=moment - 60))[0]
    assert refusal(
        client.get_shard_iterator,
        StreamArn=arn,
        ShardId=child["ShardId"],
        ShardIteratorType="AT_TIMESTAMP",
        Timestamp=moment + 60,
    ) == ("ValidationException", "One or more parameter values were invalid: Timestamp cannot be in the future")


def test_records_last_a_day_and_iterators_a_quarter_of_an_hour(node: RunningNode) -> None:
    arn = make_table(node, **ONE_SHARD)
    client = node.client("dynamodbstreams")
    (shard,) = (each["ShardId"] for each in shards_of(node, arn))
    put(node, "tab", "old")
    ((record,), _) = read_on(node, iterator(node, arn, shard))
    number = record["dynamodb"]["SequenceNumber"]
    node.advance(15 * 60 - 30)
    put(node, "tab", "young")
    at = iterator(node, arn, shard)
    node.advance(15 * 60 - 30)
    assert len(read_on(node, at)[0]) == 2
    node.advance(60)
    assert refusal(client.get_records, ShardIterator=at) == (
        "ExpiredIteratorException",
        "The provided iterator exceeds the maximum age allowed.",
    )
    node.advance(23.5 * HOUR - 50)
    at = iterator(node, arn, shard)
    node.advance(60)
    trimmed = ("TrimmedDataAccessException", "The data you are trying to access has been trimmed.")
    assert refusal(client.get_records, ShardIterator=at) == trimmed
    request = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": number}
    assert refusal(client.get_shard_iterator, **request) == trimmed
    assert [each["dynamodb"]["Keys"]["p"]["S"] for each in records_of(node, arn)] == ["young"]
    node.advance(25 * HOUR)
    assert records_of(node, arn) == []
    assert shard not in [each["ShardId"] for each in shards_of(node, arn)]
    rows = node.run(node.node.store.read(lambda tx: tx.all("SELECT * FROM journal_entries")))
    assert rows == []


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_who_comes_back_to_what_was_trimmed_is_told_so(node: RunningNode, kind: str) -> None:
    arn = make_table(node, **ONE_SHARD)
    for p in ("old", "lost"):
        put(node, "tab", p)
    number = records_of(node, arn)[0]["dynamodb"]["SequenceNumber"]
    (shard,) = (each["ShardId"] for each in shards_of(node, arn))
    node.advance(3 * HOUR)
    put(node, "tab", "young")
    node.advance(23 * HOUR)
    assert [each["dynamodb"]["Keys"]["p"]["S"] for each in records_of(node, arn)] == ["young"]
    request = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": kind, "SequenceNumber": number}
    code, _ = refusal(node.client("dynamodbstreams").get_shard_iterator, **request)
    assert code == "TrimmedDataAccessException"


def test_a_stream_that_was_disabled_is_read_for_a_day_and_another_begins_at_once(node: RunningNode) -> None:
    old = make_table(node, **ONE_SHARD)
    put(node, "tab", "first")

    update = node.client("dynamodb").update_table
    update(TableName="tab", StreamSpecification={"StreamEnabled": False})
    put(node, "tab", "unseen")
    update(TableName="tab", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    client = node.client("dynamodbstreams")
    old_too, new = (each["StreamArn"] for each in client.list_streams(TableName="tab")["Streams"])
    assert old_too == old
    assert client.describe_stream(StreamArn=old)["StreamDescription"]["StreamStatus"] == "DISABLED"
    assert client.describe_stream(StreamArn=new)["StreamDescription"]["StreamStatus"] == "ENABLED"
    assert [each["dynamodb"]["Keys"]["p"]["S"] for each in records_of(node, old)] == ["first"]
    (shard,) = shards_of(node, old)
    assert "EndingSequenceNumber" in shard["SequenceNumberRange"]
    node.advance(23 * HOUR)
    assert len(records_of(node, old)) == 1
    node.advance(HOUR + 1)
    code, message = refusal(client.describe_stream, StreamArn=old)
    assert (code, message) == ("ResourceNotFoundException", f"Requested resource not found: Stream: {old} not found")
    assert [each["StreamArn"] for each in client.list_streams()["Streams"]] == [new]
    node.advance(5 * HOUR)
    left = node.run(node.node.store.read(lambda tx: tx.all("SELECT arn FROM dynamodb_streams")))
    assert [row["arn"] for row in left] == [new]
    assert old not in {row["journal"] for row in node.run(node.node.store.read(_shards))}


def test_a_table_that_was_deleted_leaves_its_stream_for_a_day(node: RunningNode) -> None:
    arn = make_table(node, **ONE_SHARD)
    put(node, "tab", "a")
    node.client("dynamodb").delete_table(TableName="tab")
    again = make_table(node, **ONE_SHARD)
    assert again != arn
    put(node, "tab", "b")
    assert [each["dynamodb"]["Keys"]["p"]["S"] for each in records_of(node, arn)] == ["a"]
    assert [each["dynamodb"]["Keys"]["p"]["S"] for each in records_of(node, again)] == ["b"]
    node.advance(24 * HOUR + 1)
    assert refusal(node.client("dynamodbstreams").describe_stream, StreamArn=arn)[0] == "ResourceNotFoundException"


def _shards(tx: Tx) -> Any:
    return tx.all("SELECT journal FROM journal_shards")


def test_streams_are_listed_by_table_and_page_by_page(node: RunningNode) -> None:
    client = node.client("dynamodbstreams")
    arns = {name: make_table(node, name) for name in ("aaa", "bbb", "ccc")}
    make_table(node, "none", view=None)
    first = client.list_streams(Limit=2)
    assert [each["TableName"] for each in first["Streams"]] == ["aaa", "bbb"]
    rest = client.list_streams(ExclusiveStartStreamArn=first["LastEvaluatedStreamArn"])
    assert [each["StreamArn"] for each in rest["Streams"]] == [arns["ccc"]]
    assert "LastEvaluatedStreamArn" not in rest
    assert client.list_streams(TableName="none")["Streams"] == []
    (only,) = client.list_streams(TableName="bbb")["Streams"]
    assert only == {"StreamArn": arns["bbb"], "TableName": "bbb", "StreamLabel": arns["bbb"].rpartition("/")[2]}
    shown = client.describe_stream(StreamArn=arns["bbb"])["StreamDescription"]
    assert (shown["TableName"], shown["StreamStatus"]) == ("bbb", "ENABLED")
    assert shown["KeySchema"] == [{"AttributeName": "p", "KeyType": "HASH"}]
    assert node.client("dynamodbstreams", region="eu-west-1").list_streams()["Streams"] == []


@pytest.fixture(scope="module")
def asked(shared_node: RunningNode) -> dict[str, Any]:
    """A request for an iterator that is refused nothing."""
    arn = make_table(shared_node, "refusals", **ONE_SHARD)
    (shard,) = (each["ShardId"] for each in shards_of(shared_node, arn))
    return {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "LATEST"}


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"StreamArn": TABLE + "another/stream/x"}, "ResourceNotFoundException", "Stream does not exist"),
        ({"ShardId": "x" * 28}, "ResourceNotFoundException", "Shard does not exist"),
        ({"SequenceNumber": "1" * 21}, "", "SequenceNumber should not be passed for this iterator type"),
        ({"Timestamp": 1}, "", "Timestamp should not be passed for this iterator type"),
        ({"ShardIteratorType": "AT_SEQUENCE_NUMBER"}, "", "Invalid SequenceNumber"),
        ({"ShardIteratorType": "AT_TIMESTAMP"}, "", "Timestamp must be provided for this iterator type"),
        *(
            ({"ShardIteratorType": kind, "SequenceNumber": number}, "ValidationException", _NOT_ITS_OWN)
            for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")
            for number in ("x" * 21, "9" * 21, "0" * 21)
        ),
    ],
)
def test_an_iterator_that_makes_no_sense_is_refused_in_dynamodbs_words(
    shared_node: RunningNode, asked: dict[str, Any], change: dict[str, Any], code: str, message: str
) -> None:
    told = refusal(shared_node.client("dynamodbstreams").get_shard_iterator, **{**asked, **change})
    assert told == ((code, message) if code else ("ValidationException", WRONG + message))


def test_other_requests_that_make_no_sense_are_too(shared_node: RunningNode, asked: dict[str, Any]) -> None:
    client = shared_node.client("dynamodbstreams")
    arn, good = asked["StreamArn"], iterator(shared_node, asked["StreamArn"], asked["ShardId"])
    for call, request, message in (
        (client.list_streams, {"Limit": 101}, f"{WRONG}Limit cannot be greater than the maximum allowed size: 100"),
        (client.describe_stream, {"Limit": 101}, f"{WRONG}Limit cannot be greater than the maximum: 100"),
        (client.describe_stream, {"ShardFilter": {}}, f"{WRONG}ShardFilter must have both Type and ShardId"),
        (client.get_records, {"Limit": 1001}, f"{WRONG}Limit should be less than or equal to 1000"),
        (client.get_records, {"ShardIterator": "x"}, "Invalid ShardIterator"),
        (client.get_records, {"ShardIterator": good[:-6]}, "Invalid ShardIterator"),
        (client.get_records, {"ShardIterator": f"{arn}|1|é"}, "Invalid ShardIterator"),
        (client.get_records, {"ShardIterator": good.replace("|1|", "|2|")}, "Invalid ShardIterator"),
    ):
        least = {"list_streams": {}, "describe_stream": {"StreamArn": arn}, "get_records": {"ShardIterator": good}}
        told = refusal(call, **{**least[call.__name__], **request})
        assert told == ("ValidationException", message), request
    code, message = refusal(client.describe_stream, StreamArn=f"{arn}x")
    assert (code, message) == ("ResourceNotFoundException", f"Requested resource not found: Stream: {arn}x not found")


def test_shards_are_a_power_of_two() -> None:
    def count(writes: int) -> int:
        return stream_settings.shard_count({"ProvisionedThroughput": {"WriteCapacityUnits": writes}})

    assert [count(writes) for writes in (1, 999, 1500, 4000, 10**6)] == [1, 1, 2, 8, limits.DYNAMODB_STREAM_SHARDS_MAX]
