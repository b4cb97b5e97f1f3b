"""A log group as a rule's target: events come in, and what cannot be is refused or a dead letter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.running_node import RunningNode, running_node
from tests.services.sink import sink

GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/all"


def send(node: RunningNode, thing: str = "x") -> str:
    """The id of the event, once everything that follows from it has happened."""
    entry = {"Source": "my.app", "DetailType": "thing", "Detail": json.dumps({"thing": thing})}
    event_id = node.client("events").put_events(Entries=[entry])["Entries"][0]["EventId"]
    node.settle()
    return str(event_id)


def rule(node: RunningNode, **target: Any) -> str:
    events = node.client("events")
    arn = events.put_rule(Name="r", EventPattern=json.dumps({"source": ["my.app"]}))["RuleArn"]
    events.put_targets(Rule="r", Targets=[{"Id": "log", "Arn": GROUP, **target}])
    return str(arn)


def logged(node: RunningNode) -> list[dict[str, Any]]:
    found = node.client("logs").filter_log_events(logGroupName="/aws/events/all")["events"]
    return [json.loads(event["message"]) for event in found]


@pytest.mark.parametrize("arn", [GROUP, f"{GROUP}:*"])
def test_a_rule_writes_its_events_into_a_log_group(node: RunningNode, arn: str) -> None:
    logs = node.client("logs")
    logs.create_log_group(logGroupName="/aws/events/all")
    rule(node, Arn=arn)
    ids = [send(node, "one"), send(node, "two")]
    assert [event["id"] for event in logged(node)] == ids
    assert [event["detail"]["thing"] for event in logged(node)] == ["one", "two"]
    assert len(logs.describe_log_streams(logGroupName="/aws/events/all")["logStreams"]) == 1


def test_events_for_a_log_outlive_the_node(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        node.client("logs").create_log_group(logGroupName="/aws/events/all")
        rule(node)
        first = send(node)
    with running_node(tmp_path) as node:
        assert [event["id"] for event in logged(node)] == [first]


def test_an_event_for_a_group_that_is_not_there_is_a_dead_letter(node: RunningNode) -> None:
    dead = sink(node, "dead")
    rule(node, DeadLetterConfig={"Arn": dead.arn})
    send(node)
    (letter,) = dead.messages()
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"
    assert letter["MessageAttributes"]["TARGET_ARN"]["StringValue"] == GROUP


@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        ({"InputPath": "$.detail"}, "NotImplemented", "whole events to log groups"),
        ({"RoleArn": "arn:aws:iam::000000000000:role/r"}, "ValidationException", "RoleArn is not supported"),
        ({"Arn": "arn:aws:logs:us-east-1:000000000000:destination:d"}, "NotImplemented", "destination"),
    ],
)
def test_what_cannot_be_logged_is_refused(node: RunningNode, target: dict[str, Any], code: str, words: str) -> None:
    rule(node)
    wanted = {"Id": "other", "Arn": GROUP, **target}
    found = refusal(node.client("events").put_targets, Rule="r", Targets=[wanted])
    assert found[0] == code
    assert words in found[1]


def test_where_rights_are_enforced_a_resource_policy_lets_the_rule_in(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        logs = node.client("logs")
        logs.create_log_group(logGroupName="/aws/events/all")
        arn = rule(node)
        send(node)
        assert logged(node) == []
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/*:*",
            "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        logs.put_resource_policy(policyName="p", policyDocument=policy)
        event_id = send(node)
        assert [event["id"] for event in logged(node)] == [event_id]
