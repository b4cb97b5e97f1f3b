"""Tags, resource policies, and who may do what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.kinesis.conftest import FIRST, arn, iterator, made, refusal

THEIRS = "111111111111"


def document(action: str | list[str], resource: str, account: str = THEIRS) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": action,
        "Resource": resource,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_streams_and_consumers_have_tags(kinesis: Any) -> None:
    name = made(kinesis, "tagged")
    registered = kinesis.register_stream_consumer(StreamARN=arn(name), ConsumerName="c", Tags={"a": "1"})
    consumer = registered["Consumer"]["ConsumerARN"]
    kinesis.add_tags_to_stream(StreamName=name, Tags={"b": "2", "a": "1"})
    kinesis.tag_resource(ResourceARN=arn(name), Tags={"c": "3"})
    kinesis.tag_resource(ResourceARN=consumer, Tags={"d": "4"})
    first = kinesis.list_tags_for_stream(StreamName=name, Limit=2)
    assert ([each["Key"] for each in first["Tags"]], first["HasMoreTags"]) == (["a", "b"], True)
    second = kinesis.list_tags_for_stream(StreamName=name, ExclusiveStartTagKey="b")
    assert ([each["Key"] for each in second["Tags"]], second["HasMoreTags"]) == (["c"], False)
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["a", "x"])
    kinesis.untag_resource(ResourceARN=consumer, TagKeys=["a"])
    assert kinesis.list_tags_for_resource(ResourceARN=consumer)["Tags"] == [{"Key": "d", "Value": "4"}]
    assert [each["Key"] for each in kinesis.list_tags_for_resource(ResourceARN=arn(name))["Tags"]] == ["b", "c"]
    many = {f"k{each}": "" for each in range(49)}
    assert refusal(kinesis.add_tags_to_stream, StreamName=name, Tags=many)[0] == "LimitExceededException"
    assert refusal(kinesis.tag_resource, ResourceARN=arn("none"), Tags={"a": "1"})[0] == "ResourceNotFoundException"


def test_a_policy_is_kept_as_it_was_put(kinesis: Any) -> None:
    name = made(kinesis, "ruled")
    consumer = kinesis.register_stream_consumer(StreamARN=arn(name), ConsumerName="c")["Consumer"]["ConsumerARN"]
    for resource, action in ((arn(name), "kinesis:PutRecord"), (consumer, "kinesis:SubscribeToShard")):
        assert refusal(kinesis.get_resource_policy, ResourceARN=resource)[0] == "ResourceNotFoundException"
        kinesis.put_resource_policy(ResourceARN=resource, Policy=document(action, resource))
        assert kinesis.get_resource_policy(ResourceARN=resource)["Policy"] == document(action, resource)
        assert refusal(kinesis.put_resource_policy, ResourceARN=resource, Policy="{}")[0] == "InvalidArgumentException"
        kinesis.delete_resource_policy(ResourceARN=resource)
        assert refusal(kinesis.delete_resource_policy, ResourceARN=resource)[0] == "ResourceNotFoundException"


@pytest.fixture(scope="module")
def enforcing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with running_node(tmp_path_factory.mktemp("enforcing") / "data", iam="enforce") as node:
        yield node


def test_other_accounts_do_what_a_policy_lets_them_and_no_more(enforcing: RunningNode) -> None:
    ours, theirs = enforcing.client("kinesis"), enforcing.client("kinesis", key=THEIRS)
    name = made(ours, "shared")
    ours.put_record(StreamName=name, Data=b"x", PartitionKey="a")
    entry = {"StreamARN": arn(name), "Data": b"theirs", "PartitionKey": "a"}
    assert refusal(theirs.put_record, **entry)[0] == "AccessDeniedException"
    allowed = ["kinesis:PutRecord", "kinesis:GetShardIterator"]
    ours.put_resource_policy(ResourceARN=arn(name), Policy=document(allowed, arn(name)))
    theirs.put_record(**entry)
    request = {"StreamARN": arn(name), "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"}
    held = theirs.get_shard_iterator(**request)["ShardIterator"]
    assert refusal(theirs.get_records, ShardIterator=held)[0] == "AccessDeniedException"
    assert refusal(theirs.delete_stream, StreamARN=arn(name))[0] == "AccessDeniedException"
    everything = document("kinesis:*", arn(name))
    ours.put_resource_policy(ResourceARN=arn(name), Policy=everything)
    assert len(theirs.get_records(ShardIterator=held)["Records"]) == 2
    for call, more in ((theirs.put_resource_policy, {"Policy": everything}), (theirs.get_resource_policy, {})):
        assert refusal(call, ResourceARN=arn(name), **more)[0] == "AccessDeniedException"


def test_a_user_does_on_a_stream_what_its_policy_says(enforcing: RunningNode) -> None:
    ours, iam = enforcing.client("kinesis", key="000000000000"), enforcing.client("iam")
    name = made(ours, "used")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    theirs = enforcing.client("kinesis", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    entry = {"StreamName": name, "Data": b"x", "PartitionKey": "a"}
    assert refusal(theirs.put_record, **entry)[0] == "AccessDeniedException"
    statement = {"Effect": "Allow", "Action": ["kinesis:PutRecord", "kinesis:ListStreams"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=policy)
    theirs.put_record(**entry)
    theirs.list_streams()
    assert refusal(theirs.describe_limits)[0] == "AccessDeniedException"
    assert refusal(theirs.put_records, StreamName=name, Records=[{"Data": b"", "PartitionKey": "a"}])[0] == (
        "AccessDeniedException"
    )
    assert refusal(theirs.get_records, ShardIterator=iterator(ours, name))[0] == "AccessDeniedException"
