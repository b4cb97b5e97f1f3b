"""Event buses: made, found, changed and gone; the default one, which is always there; policies and tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode, running_node

BUS = "arn:aws:events:us-east-1:000000000000:event-bus"


@pytest.fixture
def events(node: RunningNode) -> Any:
    return node.client("events")


def refusal(call: Any, /, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def described(events: Any, name: str | None = None) -> dict[str, Any]:
    answer = events.describe_event_bus(**({} if name is None else {"Name": name}))
    return {member: value for member, value in answer.items() if member != "ResponseMetadata"}


def test_the_default_bus_is_there_without_anybody_having_made_it(node: RunningNode, events: Any) -> None:
    assert described(events) == {"Name": "default", "Arn": f"{BUS}/default"}
    assert described(events, f"{BUS}/default") == described(events, "default")
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default"]
    elsewhere = node.client("events", region="eu-west-1", key="111111111111")
    assert described(elsewhere)["Arn"] == "arn:aws:events:eu-west-1:111111111111:event-bus/default"


def test_a_bus_is_made_described_and_deleted(node: RunningNode, events: Any) -> None:
    made = events.create_event_bus(Name="b.1_x-y", Description="mine", LogConfig={"Level": "OFF"})
    assert made["EventBusArn"] == f"{BUS}/b.1_x-y"
    assert (made["Description"], made["LogConfig"]) == ("mine", {"Level": "OFF"})
    shown = described(events, "b.1_x-y")
    assert shown["CreationTime"] == shown["LastModifiedTime"]
    assert shown["Description"] == "mine"
    events.delete_event_bus(Name="b.1_x-y")
    events.delete_event_bus(Name="b.1_x-y")
    assert refusal(events.describe_event_bus, Name="b.1_x-y") == (
        "ResourceNotFoundException",
        "Event bus b.1_x-y does not exist.",
    )


def test_a_bus_is_updated_and_what_is_left_out_is_not_kept(node: RunningNode, events: Any) -> None:
    events.create_event_bus(Name="b", Description="mine")
    before = described(events, "b")
    node.advance(60)
    assert events.update_event_bus(Name="b", Description="yours")["Description"] == "yours"
    after = described(events, "b")
    assert after["Description"] == "yours"
    assert (after["LastModifiedTime"] - before["LastModifiedTime"]).total_seconds() >= 60
    assert after["CreationTime"] == before["CreationTime"]
    assert "Description" not in events.update_event_bus(Name="b")
    assert events.update_event_bus(Description="everybody's")["Name"] == "default"
    assert described(events)["Description"] == "everybody's"


def test_a_name_is_taken_once_and_the_defaults_always_is(events: Any) -> None:
    events.create_event_bus(Name="b")
    for name in ("b", "default"):
        assert refusal(events.create_event_bus, Name=name) == (
            "ResourceAlreadyExistsException",
            f"Event bus {name} already exists.",
        )


@pytest.mark.parametrize(
    ("request_", "code", "word"),
    [
        ({"Name": "a/b"}, "ValidationException", "'/'"),
        ({"Name": "a b"}, "ValidationException", "regular expression"),
        ({"Name": "b", "EventSourceName": "aws.partner/x/y"}, "NotImplemented", "EventSourceName"),
        ({"Name": "b", "KmsKeyIdentifier": "key"}, "NotImplemented", "KmsKeyIdentifier"),
        ({"Name": "b", "DeadLetterConfig": {"Arn": "arn:aws:sqs:x:0:q"}}, "NotImplemented", "DeadLetterConfig"),
        ({"Name": "b", "LogConfig": {"Level": "INFO"}}, "NotImplemented", "LogConfig"),
    ],
)
def test_a_bus_that_cannot_be_is_refused(events: Any, request_: dict[str, Any], code: str, word: str) -> None:
    found = refusal(events.create_event_bus, **request_)
    assert found[0] == code
    assert word in found[1]
    assert len(events.list_event_buses()["EventBuses"]) == 1


def test_neither_the_default_bus_nor_one_with_rules_can_be_deleted(events: Any) -> None:
    assert refusal(events.delete_event_bus, Name="default") == (
        "ValidationException",
        "Cannot delete event bus default.",
    )
    events.create_event_bus(Name="b")
    events.put_rule(Name="r", EventBusName="b", EventPattern='{"source": ["x"]}')
    assert refusal(events.delete_event_bus, Name="b") == (
        "ValidationException",
        "Event bus can't be deleted since it has rules.",
    )
    events.delete_rule(Name="r", EventBusName="b")
    events.delete_event_bus(Name="b")


def test_buses_are_listed_by_name_with_the_default_among_them(node: RunningNode, events: Any) -> None:
    for name in ("a1", "a2", "e1"):
        events.create_event_bus(Name=name)
    node.client("events", key="111111111111").create_event_bus(Name="theirs")
    first = events.list_event_buses(Limit=2)
    second = events.list_event_buses(Limit=2, NextToken=first["NextToken"])
    assert [bus["Name"] for bus in first["EventBuses"]] == ["a1", "a2"]
    assert [bus["Name"] for bus in second["EventBuses"]] == ["default", "e1"]
    assert "NextToken" not in second
    assert [bus["Name"] for bus in events.list_event_buses(NamePrefix="a")["EventBuses"]] == ["a1", "a2"]
    assert [bus["Name"] for bus in events.list_event_buses(NamePrefix="def")["EventBuses"]] == ["default"]


def test_there_is_an_end_to_buses(node: RunningNode, events: Any) -> None:
    for number in range(100):
        events.create_event_bus(Name=f"b{number}")
    code, message = refusal(events.create_event_bus, Name="one.more")
    assert (code, message) == (
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    )


# --- policies --------------------------------------------------------------------------------------------------------


def policy_of(events: Any, name: str = "default") -> Any:
    text = described(events, name).get("Policy")
    return None if text is None else json.loads(text)


def test_statements_are_added_replaced_and_removed_by_their_ids(events: Any) -> None:
    for account in ("111111111111", "222222222222"):
        events.put_permission(Action="events:PutEvents", Principal=account, StatementId="one")
    condition = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1234567890"}
    events.put_permission(Action="events:PutEvents", Principal="*", StatementId="two", Condition=condition)
    assert policy_of(events) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "one",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
                "Action": "events:PutEvents",
                "Resource": f"{BUS}/default",
            },
            {
                "Sid": "two",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "events:PutEvents",
                "Resource": f"{BUS}/default",
                "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
            },
        ],
    }
    events.remove_permission(StatementId="one")
    assert [statement["Sid"] for statement in policy_of(events)["Statement"]] == ["two"]
    assert refusal(events.remove_permission, StatementId="one") == (
        "ResourceNotFoundException",
        "Statement with the provided id does not exist.",
    )
    events.remove_permission(StatementId="two")
    assert policy_of(events) is None
    assert refusal(events.remove_permission, StatementId="two") == (
        "ResourceNotFoundException",
        "EventBus does not have a policy.",
    )


def test_a_whole_policy_replaces_what_was_and_can_be_removed_as_a_whole(events: Any) -> None:
    events.create_event_bus(Name="b")
    events.put_permission(EventBusName="b", Action="events:PutEvents", Principal="*", StatementId="one")
    text = '{ "Version": "2012-10-17", "Statement": {"Sid": "s", "Effect": "Deny", "Principal": "*",'
    text += ' "Action": "events:PutEvents", "Resource": "*"} }'
    events.put_permission(EventBusName="b", Policy=text)
    assert described(events, "b")["Policy"] == text
    events.put_permission(EventBusName="b", Action="events:PutEvents", Principal="*", StatementId="one")
    assert [statement["Sid"] for statement in policy_of(events, "b")["Statement"]] == ["s", "one"]
    events.remove_permission(EventBusName="b", RemoveAllPermissions=True)
    assert policy_of(events, "b") is None


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        ({"EventBusName": "none", "Policy": '{"Statement": []}'}, "ResourceNotFoundException", "bus none does not"),
        ({"Policy": "{"}, "ValidationException", "This policy contains invalid Json"),
        ({"Policy": '{"Statement": {"Sid": "s"}}'}, "ValidationException", "This policy contains invalid Json"),
        ({"Policy": '{"Statement": ["x"]}'}, "ValidationException", "This policy contains invalid Json"),
        ({"Policy": '{"Statement": []}', "StatementId": "s"}, "ValidationException", "StatementId"),
        ({"StatementId": "s", "Principal": "*"}, "ValidationException", "Parameter(s) Action must be specified."),
        (
            {
                "Policy": '{"Id": "%s", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "events:PutEvents",'
                '"Resource": "*"}}' % ("x" * 10_240)
            },
            "PolicyLengthExceededException",
            "too long",
        ),
    ],
)
def test_a_policy_that_cannot_be_is_refused(events: Any, request_: dict[str, str], code: str, message: str) -> None:
    found = refusal(events.put_permission, **request_)
    assert found[0] == code
    assert message in found[1]
    assert policy_of(events) is None


# --- tags ------------------------------------------------------------------------------------------------------------


def test_buses_and_rules_are_tagged(events: Any) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    bus = events.create_event_bus(Name="b", Tags=tags)["EventBusArn"]
    rule = events.put_rule(Name="r", EventBusName="b", EventPattern='{"source": ["x"]}', Tags=tags)["RuleArn"]
    for arn in (bus, rule):
        events.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "3"}])
        events.untag_resource(ResourceARN=arn, TagKeys=["a", "never"])
        assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "3"}]
    assert events.list_tags_for_resource(ResourceARN=f"{BUS}/default")["Tags"] == []
    events.tag_resource(ResourceARN=f"{BUS}/default", Tags=tags)
    assert events.list_tags_for_resource(ResourceARN=f"{BUS}/default")["Tags"] == tags


@pytest.mark.parametrize(
    ("arn", "code", "message"),
    [
        (f"{BUS}/none", "ResourceNotFoundException", "Event bus none does not exist."),
        (
            "arn:aws:events:us-east-1:000000000000:rule/none",
            "ResourceNotFoundException",
            "Rule none does not exist on EventBus default.",
        ),
        (
            "arn:aws:events:us-east-1:000000000000:rule/b/none",
            "ResourceNotFoundException",
            "Rule none does not exist on EventBus b.",
        ),
        ("nothing", "ValidationException", "Parameter nothing is not valid. Reason: Provided Arn is not in correct"),
    ],
)
def test_what_is_not_there_has_no_tags(events: Any, arn: str, code: str, message: str) -> None:
    found = refusal(events.list_tags_for_resource, ResourceARN=arn)
    assert found[0] == code
    assert message in found[1]


def test_a_key_stands_once_and_there_is_an_end_to_tags(events: Any) -> None:
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    assert refusal(events.create_event_bus, Name="b", Tags=twice)[0] == "ValidationException"
    many = [{"Key": str(number), "Value": ""} for number in range(51)]
    assert refusal(events.tag_resource, ResourceARN=f"{BUS}/default", Tags=many)[0] == "LimitExceededException"


def test_buses_outlive_the_node(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        node.client("events").create_event_bus(Name="b", Description="kept")
        before = described(node.client("events"), "b")
    with running_node(tmp_path) as node:
        assert described(node.client("events"), "b") == before
