"""Targets of rules: which there can be, and what they get of an event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.events.test_bus import refusal
from tests.services.sink import sink

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
STREAM = {"Arn": "arn:aws:kinesis:us-east-1:000000000000:stream/s"}
ROLE = {"RoleArn": "arn:aws:iam::000000000000:role/r"}


@pytest.fixture
def events(node: RunningNode) -> Any:
    client = node.client("events")
    client.put_rule(Name="r", EventPattern='{"source": ["my.app"]}')
    return client


def put(events: Any, *targets: dict[str, Any]) -> None:
    answer = events.put_targets(Rule="r", Targets=list(targets))
    assert (answer["FailedEntryCount"], answer["FailedEntries"]) == (0, [])


def send(events: Any, detail: dict[str, Any], **more: Any) -> str:
    entry = {"Source": "my.app", "DetailType": "thing", "Detail": json.dumps(detail), **more}
    return str(events.put_events(Entries=[entry])["Entries"][0]["EventId"])


def test_targets_are_put_replaced_listed_and_removed(events: Any) -> None:
    everything = {
        "Id": "full",
        "Arn": QUEUE,
        "RoleArn": "arn:aws:iam::000000000000:role/r",
        "InputTransformer": {"InputPathsMap": {"a": "$.detail.a"}, "InputTemplate": '{"a": <a>}'},
        "DeadLetterConfig": {"Arn": QUEUE},
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60},
        "SqsParameters": {"MessageGroupId": "g"},
    }
    put(events, {"Id": "a", "Arn": QUEUE}, everything)
    put(events, {"Id": "a", "Arn": f"{QUEUE}2", "InputPath": "$.detail"})
    assert events.list_targets_by_rule(Rule="r")["Targets"] == [
        {"Id": "a", "Arn": f"{QUEUE}2", "InputPath": "$.detail"},
        everything,
    ]
    answer = events.remove_targets(Rule="r", Ids=["a", "never"])
    assert (answer["FailedEntryCount"], answer["FailedEntries"]) == (0, [])
    assert [target["Id"] for target in events.list_targets_by_rule(Rule="r")["Targets"]] == ["full"]


def test_targets_are_listed_page_by_page(events: Any) -> None:
    put(events, *({"Id": f"t{number}", "Arn": QUEUE} for number in range(5)))
    first = events.list_targets_by_rule(Rule="r", Limit=3)
    second = events.list_targets_by_rule(Rule="r", Limit=3, NextToken=first["NextToken"])
    assert [target["Id"] for target in first["Targets"]] == ["t0", "t1", "t2"]
    assert [target["Id"] for target in second["Targets"]] == ["t3", "t4"]
    assert "NextToken" not in second


def test_a_rule_has_at_most_five_targets(events: Any) -> None:
    put(events, *({"Id": f"t{number}", "Arn": QUEUE} for number in range(4)))
    more = [{"Id": "t3", "Arn": QUEUE}, {"Id": "t4", "Arn": QUEUE}, {"Id": "t5", "Arn": QUEUE}]
    assert refusal(events.put_targets, Rule="r", Targets=more) == (
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    )
    put(events, *more[:2])
    assert len(events.list_targets_by_rule(Rule="r")["Targets"]) == 5


def test_the_rules_of_a_target_are_found(events: Any) -> None:
    put(events, {"Id": "a", "Arn": QUEUE}, {"Id": "b", "Arn": QUEUE}, {"Id": "c", "Arn": f"{QUEUE}2"})
    for name in ("r2", "r3"):
        events.put_rule(Name=name, EventPattern='{"source": ["my.app"]}')
        events.put_targets(Rule=name, Targets=[{"Id": "a", "Arn": QUEUE}])
    first = events.list_rule_names_by_target(TargetArn=QUEUE, Limit=2)
    assert first["RuleNames"] == ["r", "r2"]
    second = events.list_rule_names_by_target(TargetArn=QUEUE, Limit=2, NextToken=first["NextToken"])
    assert second["RuleNames"] == ["r3"]
    assert "NextToken" not in second
    assert events.list_rule_names_by_target(TargetArn=f"{QUEUE}3")["RuleNames"] == []


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ({"Arn": "bucket"}, "ValidationException", "Parameter bucket is not valid. Reason: Provided Arn is not in"),
        (STREAM, "ValidationException", "RoleArn is required for target"),
        ({**STREAM, **ROLE, "KinesisParameters": {"PartitionKeyPath": "x"}}, "ValidationException", "PartitionKeyPath"),
        ({"Arn": "arn:aws:states:us-east-1:000000000000:stateMachine:s"}, "NotImplemented", "states"),
        ({"Arn": "arn:aws:events:us-east-1:000000000000:api-destination/a/b"}, "NotImplemented", "api-destination"),
        (
            {"Arn": f"{QUEUE}.fifo"},
            "ValidationException",
            "Parameter(s) SqsParameters must be specified for target: t.",
        ),
        (
            {"Arn": "arn:aws:sns:us-east-1:000000000000:t", "SqsParameters": {"MessageGroupId": "g"}},
            "ValidationException",
            "SqsParameters is for SQS targets",
        ),
        (
            {"Arn": QUEUE, "KinesisParameters": {"PartitionKeyPath": "$.id"}},
            "ValidationException",
            "KinesisParameters is for Kinesis targets",
        ),
        (
            {"Arn": QUEUE, "DeadLetterConfig": {"Arn": "arn:aws:sns:us-east-1:000000000000:t"}},
            "ValidationException",
            "Provided Arn is not in correct format.",
        ),
        ({"Arn": QUEUE, "Input": "{"}, "ValidationException", "JSON syntax error in input for target t."),
        ({"Arn": QUEUE, "InputPath": "detail"}, "ValidationException", "InputPath for target t is invalid."),
        (
            {"Arn": QUEUE, "Input": "{}", "InputPath": "$"},
            "ValidationException",
            "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
        ),
        (
            {"Arn": "arn:aws:events:us-east-1:000000000000:event-bus/b", "Input": "{}"},
            "NotImplemented",
            "whole events",
        ),
    ],
)
def test_a_target_that_cannot_be_is_refused_by_name(
    events: Any, target: dict[str, Any], code: str, message: str
) -> None:
    found = refusal(events.put_targets, Rule="r", Targets=[{"Id": "good", "Arn": QUEUE}, {"Id": "t", **target}])
    assert found[0] == code
    assert message in found[1]
    assert events.list_targets_by_rule(Rule="r")["Targets"] == []


@pytest.mark.parametrize("operation", ["put_targets", "remove_targets", "list_targets_by_rule"])
def test_a_rule_that_is_not_there_has_no_targets(events: Any, operation: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "put_targets": {"Targets": [{"Id": "t", "Arn": QUEUE}]},
        "remove_targets": {"Ids": ["t"]},
    }
    assert refusal(getattr(events, operation), Rule="none", **more.get(operation, {})) == (
        "ResourceNotFoundException",
        "Rule none does not exist on EventBus default.",
    )


def test_each_target_gets_what_it_asked_for(node: RunningNode, events: Any) -> None:
    inputs: dict[str, dict[str, Any]] = {
        "whole": {},
        "constant": {"Input": '{"fixed": true}'},
        "part": {"InputPath": "$.detail.list[1]"},
        "template": {
            "InputTransformer": {
                "InputPathsMap": {"name": "$.detail.name"},
                "InputTemplate": '"<name> by <aws.events.rule-name>"',
            }
        },
    }
    sinks = {name: sink(node, name) for name in inputs}
    put(events, *({"Id": name, "Arn": sinks[name].arn, **inputs[name]} for name in inputs))
    event_id = send(events, {"name": "Ada", "list": [1, {"two": 2}]})
    assert sinks["whole"].documents()[0]["id"] == event_id
    assert sinks["constant"].bodies() == ['{"fixed": true}']
    assert sinks["part"].bodies() == ['{"two":2}']
    assert sinks["template"].bodies() == ['"Ada by r"']


def test_a_group_goes_on_to_the_queue(node: RunningNode, events: Any) -> None:
    queue = sink(node)
    put(events, {"Id": "t", "Arn": queue.arn, "SqsParameters": {"MessageGroupId": "tenant-1"}})
    send(events, {})
    assert [message["Attributes"]["MessageGroupId"] for message in queue.messages()] == ["tenant-1"]
