"""Kinesis streams as destinations of a table's changes, with the Kinesis that is here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.errors import refusal
from tests.running_node import RunningNode, running_node
from tests.services.dynamodb.following import change, make_table

HERE = "us-east-1:000000000000"
STATE = "Table is not in a valid state to enable Kinesis Streaming Destination: "
TO_ENABLE = f"{STATE}EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE operation."
TO_DISABLE = f"{STATE}KinesisStreamingDestination must be ACTIVE to perform DISABLE operation."


@pytest.fixture
def stream(node: RunningNode) -> str:
    return make_stream(node, "changes")


def make_stream(node: RunningNode, name: str) -> str:
    node.client("kinesis").create_stream(StreamName=name, ShardCount=1)
    return f"arn:aws:kinesis:{HERE}:stream/{name}"


def records(node: RunningNode, name: str = "changes") -> list[dict[str, Any]]:
    kinesis = node.client("kinesis")
    (shard,) = kinesis.list_shards(StreamName=name)["Shards"]
    request = {"StreamName": name, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    at = kinesis.get_shard_iterator(**request)["ShardIterator"]
    return list(kinesis.get_records(ShardIterator=at)["Records"])


def destinations(node: RunningNode, name: str = "tab") -> list[dict[str, Any]]:
    shown = node.client("dynamodb").describe_kinesis_streaming_destination(TableName=name)
    assert shown["TableName"] == name
    return list(shown["KinesisDataStreamDestinations"])


def test_changes_are_records_as_dynamodb_writes_them(node: RunningNode, stream: str) -> None:
    make_table(node, view=None)
    dynamodb = node.client("dynamodb")
    answer = dynamodb.enable_kinesis_streaming_destination(TableName="tab", StreamArn=stream)
    assert (answer["DestinationStatus"], answer["StreamArn"], answer["TableName"]) == ("ENABLING", stream, "tab")
    assert destinations(node) == [{"StreamArn": stream, "DestinationStatus": "ACTIVE"}]
    dynamodb.put_item(TableName="tab", Item={"p": {"S": "a"}, "b": {"B": b"\x00"}})
    dynamodb.put_item(TableName="tab", Item={"p": {"S": "a"}, "n": {"N": "1"}})
    dynamodb.put_item(TableName="tab", Item={"p": {"S": "a"}, "n": {"N": "1"}})
    added, changed = records(node)
    told = json.loads(added["Data"])
    moment = told["dynamodb"].pop("ApproximateCreationDateTime")
    assert abs(moment / 1000 - node.node.clock.now()) < 60
    assert re.fullmatch("[0-9a-f-]{36}", told.pop("eventID"))
    assert told == {
        "awsRegion": "us-east-1",
        "eventName": "INSERT",
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": "tab",
        "dynamodb": {
            "Keys": {"p": {"S": "a"}},
            "NewImage": {"p": {"S": "a"}, "b": {"B": "AA=="}},
            "SizeBytes": 6,
        },
        "eventSource": "aws:dynamodb",
    }
    told = json.loads(changed["Data"])
    assert (told["eventName"], told["dynamodb"]["OldImage"]["b"]) == ("MODIFY", {"B": "AA=="})
    assert added["PartitionKey"] == changed["PartitionKey"]
    assert re.fullmatch("[0-9A-F]{32}", added["PartitionKey"])


def test_the_time_is_as_fine_as_was_asked_for(node: RunningNode, stream: str) -> None:
    make_table(node, view=None)
    dynamodb = node.client("dynamodb")
    fine = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}
    request = {"TableName": "tab", "StreamArn": stream}
    dynamodb.enable_kinesis_streaming_destination(**request, EnableKinesisStreamingConfiguration=fine)
    assert destinations(node) == [{"StreamArn": stream, "DestinationStatus": "ACTIVE", **fine}]
    dynamodb.put_item(TableName="tab", Item={"p": {"S": "a"}})
    coarse = {"ApproximateCreationDateTimePrecision": "MILLISECOND"}
    answer = dynamodb.update_kinesis_streaming_destination(**request, UpdateKinesisStreamingConfiguration=coarse)
    assert (answer["DestinationStatus"], answer["UpdateKinesisStreamingConfiguration"]) == ("UPDATING", coarse)
    dynamodb.put_item(TableName="tab", Item={"p": {"S": "b"}})
    first, second = (json.loads(each["Data"])["dynamodb"] for each in records(node))
    assert first["ApproximateCreationDateTimePrecision"] == "MICROSECOND"
    assert "ApproximateCreationDateTimePrecision" not in second
    ratio = first["ApproximateCreationDateTime"] / second["ApproximateCreationDateTime"]
    assert round(ratio) == 1000
    update = dynamodb.update_kinesis_streaming_destination
    code, message = refusal(update, **request, UpdateKinesisStreamingConfiguration=coarse)
    assert code == "ValidationException"
    assert message.startswith(
        "Invalid Request: Precision is already set to the desired value of MILLISECOND for tableId"
    )
    assert refusal(update, **request) == (
        "ValidationException",
        "Streaming destination cannot be updated with given parameters: UpdateKinesisStreamingConfiguration cannot be"
        " null or contain only null values",
    )


def test_a_table_has_one_destination_at_a_time_and_remembers_the_others(node: RunningNode, stream: str) -> None:
    make_table(node, view=None)
    other = make_stream(node, "other")
    dynamodb = node.client("dynamodb")
    enable, disable = dynamodb.enable_kinesis_streaming_destination, dynamodb.disable_kinesis_streaming_destination
    first, second = ({"TableName": "tab", "StreamArn": arn} for arn in (stream, other))
    assert refusal(disable, **first) == ("ValidationException", TO_DISABLE)
    enable(**first)
    for request in (first, second):
        assert refusal(enable, **request) == ("ValidationException", TO_ENABLE)
    configuration = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}
    assert refusal(disable, **first, EnableKinesisStreamingConfiguration=configuration) == (
        "ValidationException",
        "Stream cannot be disabled using EnableKinesisStreamingConfiguration parameters",
    )
    assert disable(**first)["DestinationStatus"] == "DISABLING"
    assert refusal(disable, **first) == ("ValidationException", TO_DISABLE)
    update = dynamodb.update_kinesis_streaming_destination
    _, message = refusal(update, **first, UpdateKinesisStreamingConfiguration=configuration)
    assert message.startswith(f"{STATE}Kinesis streaming is not in ACTIVE state. Updates are only allowed in ACTIVE")
    _, message = refusal(update, **second, UpdateKinesisStreamingConfiguration=configuration)
    assert message.startswith(f"{STATE}No streaming destination with streamArn: {other} found")
    enable(**second)
    dynamodb.put_item(TableName="tab", Item={"p": {"S": "a"}})
    assert (len(records(node)), len(records(node, "other"))) == (0, 1)
    assert [(each["StreamArn"], each["DestinationStatus"]) for each in destinations(node)] == [
        (other, "ACTIVE"),
        (stream, "DISABLED"),
    ]


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        (f"arn:aws:kinesis:{HERE}:stream/none", "User does not have a permission to use kinesis stream"),
        ("arn:aws:kinesis:eu-west-1:000000000000:stream/changes", "which is not in the current region"),
        ("arn:aws:kinesis:us-east-1:111111111111:stream/changes", "which is not in Active state"),
        (f"arn:aws:firehose:{HERE}:deliverystream/x", "which is not in Active state"),
    ],
)
def test_a_stream_that_cannot_be_used_is_told_of_and_another_may_be(
    node: RunningNode, stream: str, arn: str, why: str
) -> None:
    make_table(node, view=None)
    enable = node.client("dynamodb").enable_kinesis_streaming_destination
    assert enable(TableName="tab", StreamArn=arn)["DestinationStatus"] == "ENABLING"
    (failed,) = destinations(node)
    assert (failed["StreamArn"], failed["DestinationStatus"]) == (arn, "ENABLE_FAILED")
    assert failed["DestinationStatusDescription"].endswith(why)
    enable(TableName="tab", StreamArn=stream)
    assert [each["DestinationStatus"] for each in destinations(node)] == ["ACTIVE", "ENABLE_FAILED"]
    assert records(node) == []


def test_a_table_goes_on_when_its_destination_is_deleted(node: RunningNode, stream: str) -> None:
    make_table(node, view=None)
    dynamodb = node.client("dynamodb")
    dynamodb.enable_kinesis_streaming_destination(TableName="tab", StreamArn=stream)
    node.client("kinesis").delete_stream(StreamName="changes")
    dynamodb.put_item(TableName="tab", Item={"p": {"S": "a"}})
    assert dynamodb.get_item(TableName="tab", Key={"p": {"S": "a"}})["Item"] == {"p": {"S": "a"}}


@pytest.fixture
def strict(tmp_path: Any) -> Iterator[RunningNode]:
    """A node that enforces IAM, and what shards take in a second."""
    with running_node(tmp_path / "data", iam="enforce", limit_shards=True) as node:
        yield node


def test_what_a_full_shard_refuses_comes_later_and_nobody_needs_a_policy(strict: RunningNode) -> None:
    stream = make_stream(strict, "changes")
    make_table(strict, view=None)
    dynamodb = strict.client("dynamodb")
    dynamodb.enable_kinesis_streaming_destination(TableName="tab", StreamArn=stream)
    change(strict, "tab", {p: {"p": {"S": p}, "much": {"S": "x" * 390_000}} for p in "012345"})
    assert len(records(strict)) == 2, "a shard takes a megabyte in a second"
    strict.advance(60)
    found = {json.loads(each["Data"])["dynamodb"]["Keys"]["p"]["S"] for each in records(strict)}
    assert found == set("012345")
