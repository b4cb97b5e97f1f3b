"""Groups, streams and tags, through an unmodified client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode, running_node

ARN = "arn:aws:logs:us-east-1:000000000000:log-group"


@pytest.fixture
def logs(node: RunningNode) -> Any:
    return node.client("logs")


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def names(answer: Any, what: str = "logGroup") -> list[str]:
    return [each[f"{what}Name"] for each in answer[f"{what}s"]]


def test_a_group_is_described_as_it_was_made(logs: Any) -> None:
    logs.create_log_group(logGroupName="/a/b", tags={"Team": "blue"})
    logs.put_retention_policy(logGroupName="/a/b", retentionInDays=14)
    (group,) = logs.describe_log_groups()["logGroups"]
    assert group["arn"] == f"{ARN}:/a/b:*"
    assert group["logGroupArn"] == f"{ARN}:/a/b"
    assert (group["retentionInDays"], group["storedBytes"], group["logGroupClass"]) == (14, 0, "STANDARD")
    logs.delete_retention_policy(logGroupName="/a/b")
    assert "retentionInDays" not in logs.describe_log_groups()["logGroups"][0]


def test_a_group_and_a_stream_are_made_once_and_only_found_where_they_are(logs: Any) -> None:
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    assert refusal(logs.create_log_group, logGroupName="g") == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    assert refusal(logs.create_log_stream, logGroupName="g", logStreamName="s") == (
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    )
    missing = ("ResourceNotFoundException", "The specified log group does not exist.")
    for call, more in (
        (logs.create_log_stream, {"logStreamName": "s"}),
        (logs.delete_log_group, {}),
        (logs.delete_log_stream, {"logStreamName": "s"}),
        (logs.describe_log_streams, {}),
        (logs.put_retention_policy, {"retentionInDays": 1}),
        (logs.delete_retention_policy, {}),
        (logs.tag_log_group, {"tags": {"a": "b"}}),
        (logs.get_log_events, {"logStreamName": "s"}),
        (logs.filter_log_events, {}),
        (logs.put_log_events, {"logStreamName": "s", "logEvents": [{"timestamp": 0, "message": "m"}]}),
    ):
        assert refusal(call, logGroupName="nowhere", **more) == missing
    assert refusal(logs.delete_log_stream, logGroupName="g", logStreamName="t") == (
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        ("create_log_group", {"logGroupName": "aws/mine"}, "reserved for AWS"),
        ("create_log_group", {"logGroupName": "a:b"}, "Member must satisfy regular expression pattern"),
        ("create_log_group", {"logGroupName": "n", "tags": {"aws:x": "y"}}, "reserved for AWS"),
        ("put_retention_policy", {"logGroupName": "g", "retentionInDays": 15}, "enum value set: [1, 3, 5, 7, 14"),
        ("describe_log_groups", {"logGroupNamePrefix": "a", "logGroupNamePattern": "b"}, "mutually exclusive"),
        ("describe_log_groups", {"nextToken": "nonsense"}, "The specified nextToken is invalid."),
        ("describe_log_streams", {}, "Exactly one of logGroupName and logGroupIdentifier"),
        ("describe_log_streams", {"logGroupName": "g", "logGroupIdentifier": "g"}, "Exactly one of"),
        ("describe_log_streams", {"logGroupIdentifier": "arn:aws:sqs:us-east-1:000000000000:q"}, "not the ARN of"),
        (
            "describe_log_streams",
            {"logGroupName": "g", "orderBy": "LastEventTime", "logStreamNamePrefix": "a"},
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(logs: Any, operation: str, request_: dict[str, Any], message: str) -> None:
    logs.create_log_group(logGroupName="g")
    code, text = refusal(getattr(logs, operation), **request_)
    assert code == "InvalidParameterException"
    assert message in text


@pytest.mark.parametrize("request_", [{"kmsKeyId": "arn:aws:kms:x"}, {"logGroupClass": "INFREQUENT_ACCESS"}])
def test_what_there_is_not_yet_is_refused_by_name(logs: Any, request_: dict[str, str]) -> None:
    code, text = refusal(logs.create_log_group, logGroupName="g", **request_)
    assert code == "NotImplemented"
    assert next(iter(request_)) in text
    assert names(logs.describe_log_groups()) == []


def test_groups_are_listed_by_name_page_by_page(logs: Any) -> None:
    made = [f"/app/{number:02}" for number in range(7)]
    for name in [*made[::-1], "/other", "ZApp"]:
        logs.create_log_group(logGroupName=name)
    pages = list(
        logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/app/", PaginationConfig={"PageSize": 3})
    )
    assert [len(page["logGroups"]) for page in pages] == [3, 3, 1]
    assert [name for page in pages for name in names(page)] == made
    pattern = logs.describe_log_groups(logGroupNamePattern="App")
    assert names(pattern) == ["ZApp"]
    assert set(pattern["logGroups"][0]) == {"logGroupName", "creationTime", "arn"}
    assert names(logs.describe_log_groups(logGroupIdentifiers=["/other", f"{ARN}:ZApp", "none"])) == ["/other", "ZApp"]
    assert names(logs.describe_log_groups(logGroupClass="DELIVERY")) == []
    assert names(logs.describe_log_groups(includeLinkedAccounts=True, accountIdentifiers=["111111111111"])) == []


def test_accounts_and_regions_do_not_see_each_other(node: RunningNode, logs: Any) -> None:
    logs.create_log_group(logGroupName="g")
    for other in (node.client("logs", region="eu-west-1"), node.client("logs", key="111111111111")):
        assert names(other.describe_log_groups()) == []
        other.create_log_group(logGroupName="g")
    stranger = node.client("logs", key="111111111111")
    assert refusal(stranger.describe_log_streams, logGroupIdentifier=f"{ARN}:g")[0] == "ResourceNotFoundException"


def test_a_protected_group_is_not_deleted(logs: Any) -> None:
    logs.create_log_group(logGroupName="g", deletionProtectionEnabled=True)
    assert refusal(logs.delete_log_group, logGroupName="g")[0] == "ValidationException"
    logs.put_log_group_deletion_protection(logGroupIdentifier="g", deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName="g")
    assert names(logs.describe_log_groups()) == []


def test_tags_are_the_same_through_the_old_and_the_new_operations(logs: Any) -> None:
    logs.create_log_group(logGroupName="g", tags={"a": "1"})
    logs.tag_log_group(logGroupName="g", tags={"b": "2"})
    logs.tag_resource(resourceArn=f"{ARN}:g", tags={"c": "3", "a": "4"})
    assert logs.list_tags_log_group(logGroupName="g")["tags"] == {"a": "4", "b": "2", "c": "3"}
    logs.untag_resource(resourceArn=f"{ARN}:g", tagKeys=["a", "none"])
    logs.untag_log_group(logGroupName="g", tags=["b"])
    assert logs.list_tags_for_resource(resourceArn=f"{ARN}:g")["tags"] == {"c": "3"}
    many = {f"k{number}": "" for number in range(50)}
    assert refusal(logs.tag_resource, resourceArn=f"{ARN}:g", tags=many)[0] == "TooManyTagsException"
    assert refusal(logs.tag_log_group, logGroupName="g", tags=many)[0] == "InvalidParameterException"
    assert refusal(logs.tag_resource, resourceArn="arn:aws:sqs:us-east-1:000000000000:q", tags={"a": "b"})[0] == (
        "InvalidParameterException"
    )


def test_streams_are_listed_by_name_in_both_directions(logs: Any) -> None:
    logs.create_log_group(logGroupName="g")
    made = [f"s{number}" for number in range(5)]
    for name in [*made, "other"]:
        logs.create_log_stream(logGroupName="g", logStreamName=name)

    def pages(**more: Any) -> list[list[str]]:
        found = logs.get_paginator("describe_log_streams").paginate(
            logGroupName="g", logStreamNamePrefix="s", PaginationConfig={"PageSize": 2}, **more
        )
        return [names(page, "logStream") for page in found]

    assert pages() == [["s0", "s1"], ["s2", "s3"], ["s4"]]
    assert pages(descending=True) == [["s4", "s3"], ["s2", "s1"], ["s0"]]
    (stream,) = logs.describe_log_streams(logGroupIdentifier=f"{ARN}:g", logStreamNamePrefix="other")["logStreams"]
    assert stream["arn"] == f"{ARN}:g:log-stream:other"
    assert stream["storedBytes"] == 0
    assert "lastEventTimestamp" not in stream


def test_streams_are_listed_by_their_latest_event(node: RunningNode, logs: Any) -> None:
    logs.create_log_group(logGroupName="g")
    now = int(node.node.clock.now() * 1000)
    for name, ago in (("old", 3000), ("new", 1000), ("middle", 2000), ("empty", None)):
        logs.create_log_stream(logGroupName="g", logStreamName=name)
        if ago is not None:
            events = [{"timestamp": now - ago, "message": "m"}]
            logs.put_log_events(logGroupName="g", logStreamName=name, logEvents=events)
    found = logs.get_paginator("describe_log_streams").paginate(
        logGroupName="g", orderBy="LastEventTime", descending=True, PaginationConfig={"PageSize": 3}
    )
    assert [names(page, "logStream") for page in found] == [["new", "middle", "old"], ["empty"]]
    streams = logs.describe_log_streams(logGroupName="g", orderBy="LastEventTime")["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == ["empty", "old", "middle", "new"]
    assert streams[3]["firstEventTimestamp"] == streams[3]["lastEventTimestamp"] == now - 1000
    assert streams[3]["lastIngestionTime"] >= now
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == 3 * 27


def test_everything_outlives_the_node(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        logs = node.client("logs")
        logs.create_log_group(logGroupName="g", tags={"a": "b"})
        logs.create_log_stream(logGroupName="g", logStreamName="s")
        now = int(node.node.clock.now() * 1000)
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": now, "message": "kept"}])
    with running_node(tmp_path) as node:
        logs = node.client("logs")
        assert logs.list_tags_log_group(logGroupName="g")["tags"] == {"a": "b"}
        (event,) = logs.get_log_events(logGroupName="g", logStreamName="s")["events"]
        assert (event["message"], event["timestamp"]) == ("kept", now)
