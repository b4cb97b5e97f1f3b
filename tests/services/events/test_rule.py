"""Rules: put, described, listed, switched off and on, and gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.events.test_bus import refusal

PATTERN = '{ "source" : ["my.app"] }'
RULE = "arn:aws:events:us-east-1:000000000000:rule"


@pytest.fixture
def events(node: RunningNode) -> Any:
    return node.client("events")


def described(events: Any, name: str, **more: str) -> dict[str, Any]:
    answer = events.describe_rule(Name=name, **more)
    return {member: value for member, value in answer.items() if member != "ResponseMetadata"}


def test_a_rule_on_the_default_bus_and_one_on_another_are_called_differently(events: Any) -> None:
    events.create_event_bus(Name="b")
    assert events.put_rule(Name="r", EventPattern=PATTERN)["RuleArn"] == f"{RULE}/r"
    assert events.put_rule(Name="r", EventBusName="b", EventPattern=PATTERN)["RuleArn"] == f"{RULE}/b/r"
    assert described(events, "r") == {
        "Name": "r",
        "Arn": f"{RULE}/r",
        "EventPattern": PATTERN,
        "State": "ENABLED",
        "EventBusName": "default",
        "CreatedBy": "000000000000",
    }
    by_arn = "arn:aws:events:us-east-1:000000000000:event-bus/b"
    assert described(events, "r", EventBusName=by_arn) == described(events, "r", EventBusName="b")


def test_putting_a_rule_again_replaces_all_of_it_but_its_tags_and_targets(events: Any) -> None:
    arn = events.put_rule(
        Name="r", EventPattern=PATTERN, Description="d", State="DISABLED", Tags=[{"Key": "k", "Value": "v"}]
    )["RuleArn"]
    target = {"Id": "t", "Arn": "arn:aws:sqs:us-east-1:000000000000:q"}
    events.put_targets(Rule="r", Targets=[target])
    assert events.put_rule(Name="r", ScheduleExpression="rate(1 hour)", Tags=[])["RuleArn"] == arn
    shown = described(events, "r")
    assert (shown["ScheduleExpression"], shown["State"]) == ("rate(1 hour)", "ENABLED")
    assert not shown.keys() & {"EventPattern", "Description"}
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    assert events.list_targets_by_rule(Rule="r")["Targets"] == [target]


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        ({}, "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified."),
        ({"ScheduleExpression": "rate(2 minute)"}, "ValidationException", "Parameter ScheduleExpression is not valid."),
        ({"ScheduleExpression": "cron(0 0 1 1 1 1)"}, "ValidationException", "ScheduleExpression is not valid."),
        ({"EventPattern": "{"}, "InvalidEventPatternException", "Event pattern is not valid. Reason: "),
        ({"EventPattern": '{"a": "x"}'}, "InvalidEventPatternException", "Event pattern is not valid. Reason: "),
        ({"EventPattern": '{"a": ["%s"]}' % ("x" * 2048)}, "ValidationException", "exceeds limit of 2048"),
        ({"EventPattern": PATTERN, "EventBusName": "none"}, "ResourceNotFoundException", "bus none does not exist."),
        (
            {"EventPattern": PATTERN, "State": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"},
            "NotImplemented",
            "CloudTrail",
        ),
    ],
)
def test_a_rule_that_cannot_be_is_refused(events: Any, request_: dict[str, str], code: str, message: str) -> None:
    found = refusal(events.put_rule, Name="r", **request_)
    assert found[0] == code
    assert message in found[1]
    assert events.list_rules()["Rules"] == []


def test_only_the_default_bus_has_schedules(events: Any) -> None:
    events.create_event_bus(Name="b")
    assert refusal(events.put_rule, Name="r", EventBusName="b", ScheduleExpression="rate(1 hour)") == (
        "ValidationException",
        "ScheduleExpression is supported only on the default event bus.",
    )


@pytest.mark.parametrize("operation", ["describe_rule", "enable_rule", "disable_rule"])
def test_a_rule_that_is_not_there_is_named_with_its_bus(events: Any, operation: str) -> None:
    assert refusal(getattr(events, operation), Name="none") == (
        "ResourceNotFoundException",
        "Rule none does not exist on EventBus default.",
    )
    assert refusal(getattr(events, operation), Name="none", EventBusName="no") == (
        "ResourceNotFoundException",
        "Event bus no does not exist.",
    )


def test_a_rule_is_switched_off_and_on(events: Any) -> None:
    events.put_rule(Name="r", EventPattern=PATTERN)
    for operation, state in (("disable_rule", "DISABLED"), ("disable_rule", "DISABLED"), ("enable_rule", "ENABLED")):
        getattr(events, operation)(Name="r")
        assert described(events, "r")["State"] == state


def test_a_rule_is_deleted_once_it_has_no_targets_and_then_again(events: Any) -> None:
    events.put_rule(Name="r", EventPattern=PATTERN)
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": "arn:aws:sqs:us-east-1:000000000000:q"}])
    assert refusal(events.delete_rule, Name="r") == (
        "ValidationException",
        "Rule can't be deleted since it has targets.",
    )
    events.remove_targets(Rule="r", Ids=["t"])
    events.delete_rule(Name="r")
    events.delete_rule(Name="r", Force=True)
    assert events.list_rules()["Rules"] == []
    assert refusal(events.delete_rule, Name="r", EventBusName="none")[0] == "ResourceNotFoundException"


def test_rules_are_listed_by_name_page_by_page(events: Any) -> None:
    events.create_event_bus(Name="b")
    events.put_rule(Name="a0", EventBusName="b", EventPattern=PATTERN)
    for number in range(5):
        events.put_rule(Name=f"a{number}", EventPattern=PATTERN)
    events.put_rule(Name="b", ScheduleExpression="rate(5 minutes)", Description="d")
    first = events.list_rules(NamePrefix="a", Limit=3)
    second = events.list_rules(NamePrefix="a", Limit=3, NextToken=first["NextToken"])
    assert "NextToken" not in second
    assert [rule["Name"] for rule in first["Rules"] + second["Rules"]] == [f"a{number}" for number in range(5)]
    assert events.list_rules(NamePrefix="b")["Rules"] == [
        {
            "Name": "b",
            "Arn": f"{RULE}/b",
            "State": "ENABLED",
            "Description": "d",
            "ScheduleExpression": "rate(5 minutes)",
            "EventBusName": "default",
        }
    ]
    assert [rule["Name"] for rule in events.list_rules(EventBusName="b")["Rules"]] == ["a0"]
    assert refusal(events.list_rules, EventBusName="none")[0] == "ResourceNotFoundException"


def test_rules_outlive_the_node(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        node.client("events").put_rule(Name="r", EventPattern=PATTERN, State="DISABLED")
        before = described(node.client("events"), "r")
    with running_node(tmp_path) as node:
        assert described(node.client("events"), "r") == before
