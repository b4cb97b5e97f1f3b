"""Streams as targets, and as what others follow."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.kinesis.conftest import FIRST, arn, iterator, made
from wakeful.fabric import journal as journals
from wakeful.fabric.deliver import Delivery, refusal
from wakeful.fabric.stream import Stream
from wakeful.fabric.trace import new_trace
from wakeful.store.tx import Tx

ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.mark.parametrize(
    ("name", "parameters", "key"),
    [
        ("plain", {}, None),
        ("text", {"KinesisParameters": {"PartitionKeyPath": "$.detail.who"}}, "ann"),
        ("number", {"KinesisParameters": {"PartitionKeyPath": "$.detail.number"}}, "7"),
        ("missing", {"KinesisParameters": {"PartitionKeyPath": "$.detail.missing"}}, None),
    ],
)
def test_a_rule_puts_events_into_a_stream_under_the_key_it_was_told(
    shared_node: RunningNode, kinesis: Any, name: str, parameters: dict[str, Any], key: str | None
) -> None:
    events = shared_node.client("events")
    made(kinesis, name)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    target = {"Id": "t", "Arn": arn(name), "RoleArn": ROLE, **parameters}
    assert events.put_targets(Rule=name, Targets=[target])["FailedEntryCount"] == 0
    detail = json.dumps({"who": "ann", "number": 7})
    entry = {"Source": name, "DetailType": "thing", "Detail": detail}
    (put,) = events.put_events(Entries=[entry])["Entries"]
    (record,) = kinesis.get_records(ShardIterator=iterator(kinesis, name))["Records"]
    assert json.loads(record["Data"])["detail"] == {"who": "ann", "number": 7}
    assert record["PartitionKey"] == (key or put["EventId"])


def test_what_a_stream_cannot_take_is_refused_to_who_delivers(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "refused")

    def why(target: str, body: str, key: str = "k") -> str | None:
        def ask(tx: Tx) -> str | None:
            delivery = Delivery(
                target, body, arn("source"), "events.amazonaws.com", "000000000000", new_trace(tx.now), group_id=key
            )
            refused = refusal(tx, delivery)
            return None if refused is None else refused.code

        code: str | None = shared_node.run(shared_node.node.store.write(ask))
        return code

    assert why(arn(name), "fits") is None
    assert why(arn("nowhere"), "fits") == "NO_RESOURCE"
    assert why(arn(name), "x" * 1024 * 1024) == "INVALID_PARAMETER"
    assert why(arn(name), "fits", key="k" * 257) == "INVALID_PARAMETER"


def test_a_follower_has_records_as_lambdas_events_have_them(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "followed")
    put = kinesis.put_record(StreamName=name, Data=b"\0data", PartitionKey="kéy")
    consumer = kinesis.register_stream_consumer(StreamARN=arn(name), ConsumerName="c")["Consumer"]["ConsumerARN"]
    stream: Stream = shared_node.node.streams["kinesis"]

    def follow(tx: Tx, source: str) -> tuple[dict[str, Any], str, str]:
        journal = stream.journal(tx, source)
        assert journal is not None
        assert stream.complaint(tx, source) is None
        (shard,) = journals.shards(tx, journal)
        (entry,) = journals.read(tx, shard, shard.starts, 10)
        assert entry.at >= stream.oldest(tx, source)
        return stream.as_record(source, shard, entry), stream.key(entry), stream.sequence(shard, entry)

    for source in (arn(name), consumer):
        record, key, sequence = shared_node.run(shared_node.node.store.read(follow, source))
        assert (key, sequence) == ("kéy", put["SequenceNumber"])
        arrived = record["kinesis"].pop("approximateArrivalTimestamp")
        assert abs(arrived - time.time()) < 3600
        assert record == {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "kéy",
                "sequenceNumber": sequence,
                "data": base64.b64encode(b"\0data").decode(),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{FIRST}:{sequence}",
            "eventName": "aws:kinesis:record",
            "awsRegion": "us-east-1",
            "eventSourceARN": source,
        }


def test_what_is_not_there_cannot_be_followed(shared_node: RunningNode, kinesis: Any) -> None:
    name, stream = made(kinesis, "there"), shared_node.node.streams["kinesis"]
    for missing in (arn("not-there"), f"{arn(name)}/consumer/none:1"):

        def complaint(tx: Tx, source: str = missing) -> tuple[str | None, str | None]:
            return stream.journal(tx, source), stream.complaint(tx, source)

        told = shared_node.run(shared_node.node.store.read(complaint))
        assert told == (None, f"Stream not found: {missing}")
