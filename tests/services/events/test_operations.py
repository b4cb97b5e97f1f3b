"""Putting events and testing patterns; and which rights each operation needs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.events.test_bus import refusal
from tests.services.sink import sink
from wakeful.fabric.service import Call, Principal
from wakeful.fabric.trace import Trace
from wakeful.services.events.operations import needs

EVENTS = "arn:aws:events:us-east-1:000000000000"
ENTRY = {"Source": "my.app", "DetailType": "thing", "Detail": "{}"}


@pytest.fixture
def events(node: RunningNode) -> Any:
    return node.client("events")


def test_each_entry_is_put_or_answered_with_its_own_error_in_their_order(node: RunningNode, events: Any) -> None:
    queue = sink(node)
    events.put_rule(Name="r", EventPattern='{"source": ["my.app"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": queue.arn}])
    entries = [ENTRY, {"Source": "my.app", "DetailType": "thing"}, {**ENTRY, "Detail": "[]"}, ENTRY]
    answer = events.put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 2
    first, missing, malformed, last = answer["Entries"]
    assert missing == {
        "ErrorCode": "InvalidArgument",
        "ErrorMessage": "Parameter Detail is not valid. Reason: Detail is a required argument.",
    }
    assert malformed == {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    assert [document["id"] for document in queue.documents()] == [first["EventId"], last["EventId"]]


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        ({"Entries": [ENTRY] * 11}, "ValidationException", "Member must have length less than or equal to 10"),
        (
            {"Entries": [{**ENTRY, "Detail": json.dumps({"k": "x" * 600_000})}] * 2},
            "ValidationException",
            "Total size of the entries in the request is over the limit.",
        ),
    ],
)
def test_a_request_with_too_much_or_nothing_is_refused_as_a_whole(
    events: Any, request_: dict[str, Any], code: str, message: str
) -> None:
    found = refusal(events.put_events, **request_)
    assert found[0] == code
    assert message in found[1]


def test_a_large_event_reaches_its_target(node: RunningNode, events: Any) -> None:
    queue = sink(node)
    events.put_rule(Name="r", EventPattern='{"source": ["my.app"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": queue.arn}])
    events.put_events(Entries=[{**ENTRY, "Detail": json.dumps({"k": "x" * 1_000_000})}])
    (document,) = queue.documents()
    assert len(document["detail"]["k"]) == 1_000_000


EVENT = {
    "id": "i",
    "account": "a",
    "source": "my.app",
    "time": "2017-12-22T18:43:48Z",
    "region": "us-east-1",
    "resources": [],
    "detail-type": "thing",
    "detail": {"size": 11},
}


@pytest.mark.parametrize(("pattern", "result"), [('{"detail": {"size": [11]}}', True), ('{"source": ["x"]}', False)])
def test_a_pattern_is_tested(events: Any, pattern: str, result: bool) -> None:
    assert events.test_event_pattern(EventPattern=pattern, Event=json.dumps(EVENT))["Result"] is result


@pytest.mark.parametrize("event", ["{", "[]", "{}", json.dumps({**EVENT, "detail-type": "x"}).replace('"id"', '"no"')])
def test_what_is_no_event_cannot_be_tested(events: Any, event: str) -> None:
    request = {"EventPattern": '{"source": ["x"]}', "Event": event}
    assert refusal(events.test_event_pattern, **request) == ("ValidationException", "Parameter Event is not valid.")


def test_what_is_no_pattern_cannot_be_tested(events: Any) -> None:
    code, message = refusal(events.test_event_pattern, EventPattern='{"a": 1}', Event=json.dumps(EVENT))
    assert code == "InvalidEventPatternException"
    assert message.startswith("Event pattern is not valid. Reason: ")


CALL = Call(
    "000000000000",
    "us-east-1",
    Principal("root", "arn:aws:iam::000000000000:root", "000000000000"),
    "r",
    Trace("t"),
    "http://x",
)
ROLE = "arn:aws:iam::000000000000:role/r"
THEIRS = "arn:aws:events:us-east-1:111111111111:event-bus/b"


@pytest.mark.parametrize(
    ("operation", "request_", "rights"),
    [
        ("PutRule", {"Name": "r"}, [("events:PutRule", f"{EVENTS}:rule/r")]),
        (
            "PutRule",
            {"Name": "r", "EventBusName": "b", "Tags": [], "RoleArn": ROLE},
            [
                ("events:PutRule", f"{EVENTS}:rule/b/r"),
                ("events:TagResource", f"{EVENTS}:rule/b/r"),
                ("iam:PassRole", ROLE),
            ],
        ),
        (
            "PutTargets",
            {"Rule": "r", "EventBusName": THEIRS, "Targets": [{"Arn": "x", "RoleArn": ROLE}, {"Arn": "y"}]},
            [
                ("events:PutTargets", "arn:aws:events:us-east-1:111111111111:rule/b/r"),
                ("events:PutTargets", "arn:aws:events:us-east-1:111111111111:rule/b/r"),
                ("iam:PassRole", ROLE),
            ],
        ),
        (
            "PutEvents",
            {"Entries": [{}, {"EventBusName": THEIRS}]},
            [("events:PutEvents", f"{EVENTS}:event-bus/default"), ("events:PutEvents", THEIRS)],
        ),
        ("ListRules", {"EventBusName": "b"}, [("events:ListRules", "*")]),
        ("PutPermission", {}, [("events:PutPermission", f"{EVENTS}:event-bus/default")]),
        ("CreateEventBus", {"Name": "b"}, [("events:CreateEventBus", f"{EVENTS}:event-bus/b")]),
        ("DescribeEventBus", {}, [("events:DescribeEventBus", f"{EVENTS}:event-bus/default")]),
        ("TagResource", {"ResourceARN": THEIRS, "Tags": []}, [("events:TagResource", THEIRS)]),
    ],
)
def test_an_operation_needs_the_rights_that_aws_documents(
    operation: str, request_: dict[str, Any], rights: list[tuple[str, str]]
) -> None:
    assert [(need.action, need.resource) for need in needs(CALL, operation, request_)] == rights


def test_the_source_the_type_and_the_targets_are_conditions() -> None:
    (need,) = needs(CALL, "PutEvents", {"Entries": [ENTRY]})
    assert need.context == {"events:source": "my.app", "events:detail-type": "thing"}
    (need,) = needs(CALL, "PutTargets", {"Rule": "r", "Targets": [{"Arn": "x"}]})
    assert need.context == {"events:TargetArn": "x"}


def test_global_endpoints_are_refused_by_name(node: RunningNode, events: Any) -> None:
    import urllib.error
    import urllib.request

    request = urllib.request.Request(
        node.endpoint,
        json.dumps({"Entries": [ENTRY], "EndpointId": "abcde.veo"}).encode(),
        {
            "X-Amz-Target": "AWSEvents.PutEvents",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/events/aws4_request",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value as answer:
        assert json.loads(answer.read())["message"] == "Wakeful has no global endpoints (EndpointId)."
