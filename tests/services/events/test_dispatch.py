"""From a bus to the targets of its rules: who gets which event, on whose behalf, and where undeliverable ones end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode, running_node
from tests.services.sink import RECORDING, recorded, sink
from wakeful.fabric.deliver import Delivery, deliver
from wakeful.fabric.trace import Trace

BUS = "arn:aws:events:us-east-1:000000000000:event-bus"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function"


@pytest.fixture
def events(node: RunningNode) -> Any:
    return node.client("events")


def rule(events: Any, name: str, pattern: dict[str, Any], *targets: dict[str, Any], bus: str = "default") -> str:
    arn = events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))["RuleArn"]
    events.put_targets(
        Rule=name, EventBusName=bus, Targets=[{"Id": f"t{at}", **target} for at, target in enumerate(targets)]
    )
    return str(arn)


def send(events: Any, detail: dict[str, Any] | None = None, **more: Any) -> str:
    entry = {"Source": "my.app", "DetailType": "thing", "Detail": json.dumps(detail or {}), **more}
    answer = events.put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0
    return str(answer["Entries"][0]["EventId"])


def test_only_the_rules_that_match_send_and_each_to_all_its_targets(node: RunningNode, events: Any) -> None:
    one, two, other = (sink(node, name) for name in ("one", "two", "other"))
    rule(events, "matches", {"detail": {"size": [{"numeric": [">", 10]}]}}, {"Arn": one.arn}, {"Arn": two.arn})
    rule(events, "does-not", {"source": ["other.app"]}, {"Arn": other.arn})
    event_id = send(events, {"size": 11})
    send(events, {"size": 10})
    for queue in (one, two):
        assert [document["id"] for document in queue.documents()] == [event_id]
    assert other.messages() == []


def test_buses_accounts_and_regions_have_nothing_to_do_with_each_other(node: RunningNode, events: Any) -> None:
    queue = sink(node)
    events.create_event_bus(Name="b")
    rule(events, "r", {"source": ["my.app"]}, {"Arn": queue.arn}, bus="b")
    send(events)
    send(node.client("events", region="eu-west-1"))
    send(node.client("events", key="111111111111"))
    assert queue.messages() == []
    expected = [send(events, EventBusName="b"), send(events, EventBusName=f"{BUS}/b")]
    assert [document["id"] for document in queue.documents()] == expected


def test_an_event_for_a_bus_that_is_not_there_has_an_id_and_no_effect(node: RunningNode, events: Any) -> None:
    queue = sink(node)
    rule(events, "r", {"source": ["my.app"]}, {"Arn": queue.arn})
    assert send(events, EventBusName="none")
    assert queue.messages() == []


def test_what_happens_to_a_rule_counts_for_the_next_event(node: RunningNode, events: Any) -> None:
    queue = sink(node)
    rule(events, "r", {"source": ["my.app"]}, {"Arn": queue.arn, "InputPath": "$.detail.at"})
    send(events, {"at": "put"})
    events.disable_rule(Name="r")
    send(events, {"at": "disabled"})
    events.enable_rule(Name="r")
    send(events, {"at": "enabled"})
    events.put_rule(Name="r", EventPattern='{"detail": {"at": ["changed"]}}')
    send(events, {"at": "not wanted any more"})
    send(events, {"at": "changed"})
    events.remove_targets(Rule="r", Ids=["t0"])
    send(events, {"at": "changed"})
    events.delete_rule(Name="r")
    send(events, {"at": "changed"})
    assert queue.documents() == ["put", "enabled", "changed"]


def test_a_function_and_a_topic_are_targets(tmp_path: Path) -> None:
    with running_node(tmp_path, RECORDING) as node:
        events, sns, queue = node.client("events"), node.client("sns"), sink(node)
        topic = sns.create_topic(Name="t")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"})
        role = "arn:aws:iam::000000000000:role/r"
        arn = rule(
            events,
            "r",
            {"source": ["my.app"]},
            {"Arn": f"{FUNCTION}:plain"},
            {"Arn": f"{FUNCTION}:with-role", "RoleArn": role},
            {"Arn": topic},
        )
        event_id = send(events)
        assert [document["id"] for document in queue.documents()] == [event_id]
        plain, with_role = recorded(node)
        assert json.loads(plain["body"])["id"] == event_id
        assert (plain["principal"], plain["source"]) == ("events.amazonaws.com", arn)
        assert with_role["principal"] == role


def test_a_bus_is_a_target_and_its_rules_see_the_event_as_it_was(node: RunningNode, events: Any) -> None:
    queue = sink(node)
    events.create_event_bus(Name="b")
    rule(events, "on", {"source": ["my.app"]}, {"Arn": f"{BUS}/b"})
    rule(events, "r", {"detail": {"k": ["v"]}}, {"Arn": queue.arn}, bus="b")
    event_id = send(events, {"k": "v"})
    (document,) = queue.documents()
    assert (document["source"], document["detail-type"], document["detail"]) == ("my.app", "thing", {"k": "v"})
    assert document["id"] != event_id, "on another bus it is another event"


def test_a_circle_of_buses_comes_to_an_end(node: RunningNode, events: Any) -> None:
    queue = sink(node)
    events.create_event_bus(Name="b")
    rule(events, "there", {"source": ["my.app"]}, {"Arn": f"{BUS}/b"}, {"Arn": queue.arn})
    rule(events, "back", {"source": ["my.app"]}, {"Arn": f"{BUS}/default"}, bus="b")
    send(events)
    node.settle()
    assert 2 <= len(queue.messages()) <= 10


def test_many_rules_that_match_are_more_than_one_transaction_holds(node: RunningNode, events: Any) -> None:
    queue = sink(node)
    for number in range(60):
        rule(events, f"r{number}", {"source": ["my.app"]}, {"Arn": queue.arn}, {"Arn": queue.arn})
    send(events)
    node.settle()
    assert len(queue.messages()) == 120


# --- dead letters ----------------------------------------------------------------------------------------------------


def attributes(letter: dict[str, Any]) -> dict[str, str]:
    return {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}


def test_what_a_missing_target_cannot_take_is_a_dead_letter_that_says_why(node: RunningNode, events: Any) -> None:
    gone, kept, dead = sink(node, "gone"), sink(node, "kept"), sink(node, "dead")
    target = {"Arn": gone.arn, "InputPath": "$.detail", "DeadLetterConfig": {"Arn": dead.arn}}
    arn = rule(events, "r", {"source": ["my.app"]}, target, {"Arn": kept.arn})
    gone.delete()
    event_id = send(events)
    (letter,) = dead.messages()
    assert json.loads(letter["Body"])["id"] == event_id, "the whole event, not what the target would have got"
    found = attributes(letter)
    assert gone.arn in found.pop("ERROR_MESSAGE")
    assert found == {"RULE_ARN": arn, "TARGET_ARN": gone.arn, "ERROR_CODE": "NO_RESOURCE"}
    assert len(kept.messages()) == 1


def test_events_for_a_fifo_queue_are_in_the_group_that_the_target_names(node: RunningNode, events: Any) -> None:
    sqs = node.client("sqs")
    made = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName="q.fifo", Attributes=made)["QueueUrl"]
    target = {"Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo", "SqsParameters": {"MessageGroupId": "mine"}}
    rule(events, "r", {"source": ["my.app"]}, target)
    sent = [send(events) for _ in range(2)]
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["MessageGroupId"])["Messages"]
    assert [json.loads(each["Body"])["id"] for each in got] == sent
    assert {each["Attributes"]["MessageGroupId"] for each in got} == {"mine"}


def test_a_fifo_queue_that_cannot_tell_events_apart_takes_none(node: RunningNode, events: Any) -> None:
    node.client("sqs").create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})
    letters = sink(node)
    target = {"Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo", "SqsParameters": {"MessageGroupId": "mine"}}
    rule(events, "r", {"source": ["my.app"]}, {**target, "DeadLetterConfig": {"Arn": letters.arn}})
    sent = send(events)
    assert [document["id"] for document in letters.documents()] == [sent]


def test_an_event_that_does_not_fit_the_targets_input_is_a_dead_letter(node: RunningNode, events: Any) -> None:
    queue, dead = sink(node), sink(node, "dead")
    rule(
        events,
        "r",
        {"source": ["my.app"]},
        {"Arn": queue.arn, "InputPath": "$.detail.missing", "DeadLetterConfig": {"Arn": dead.arn}},
    )
    send(events)
    assert queue.messages() == []
    (letter,) = dead.messages()
    assert attributes(letter)["ERROR_CODE"] == "INVALID_JSON"


def test_a_dead_letter_is_sent_by_the_service_whatever_role_the_target_has(tmp_path: Path) -> None:
    with running_node(tmp_path, RECORDING) as node:
        events, dead = node.client("events"), sink(node, "dead")
        target = {
            "Arn": f"{FUNCTION}:missing",
            "RoleArn": "arn:aws:iam::000000000000:role/r",
            "DeadLetterConfig": {"Arn": dead.arn},
        }
        rule(events, "r", {"source": ["my.app"]}, target)
        send(events)
        (letter,) = dead.messages()
        assert letter["Attributes"]["SenderId"] == "events.amazonaws.com"
        assert attributes(letter)["ERROR_MESSAGE"] == "Function not found"


# --- a bus as a target of others -------------------------------------------------------------------------------------


def _delivery(body: str, target: str = f"{BUS}/default") -> Delivery:
    return Delivery(
        target_arn=target,
        body=body,
        source_arn="arn:aws:s3:::bucket",
        principal="s3.amazonaws.com",
        account="000000000000",
        trace=Trace("1-00000000-000000000000000000000000"),
    )


def test_what_is_delivered_to_a_bus_is_an_event_on_it(node: RunningNode, events: Any) -> None:
    queue = sink(node)
    rule(events, "r", {"source": ["aws.s3"], "detail": {"object": {"key": [{"prefix": "in/"}]}}}, {"Arn": queue.arn})
    event = {"version": "0", "id": "i", "source": "aws.s3", "detail": {"object": {"key": "in/x"}}}
    assert node.run(node.node.store.write(deliver, _delivery(json.dumps(event))))
    assert queue.documents() == [event]


def test_a_missing_bus_and_what_is_no_event_are_refused(node: RunningNode) -> None:
    for delivery in (_delivery("{}", f"{BUS}/none"), _delivery("not JSON"), _delivery("[]")):
        assert not node.run(node.node.store.write(deliver, delivery))


def test_an_event_carries_its_own_trace_or_the_requests(node: RunningNode, events: Any) -> None:
    queue = sink(node)
    rule(events, "r", {"source": ["my.app"]}, {"Arn": queue.arn})
    own = "1-67891233-abcdef012345678912345678"
    send(events, TraceHeader=f"Root={own};Parent=53995c3f42cd8ad8;Sampled=1")
    send(events, TraceHeader="no trace at all")
    first, second = (message["Attributes"]["AWSTraceHeader"] for message in queue.messages())
    assert first.startswith(f"Root={own};")
    assert own not in second


def test_events_that_were_put_outlive_the_node(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        queue = sink(node)
        rule(node.client("events"), "r", {"source": ["my.app"]}, {"Arn": queue.arn})
        first = send(node.client("events"))
    with running_node(tmp_path) as node:
        second = send(node.client("events"))
        assert [document["id"] for document in sink(node).documents()] == [first, second]


# --- rights ----------------------------------------------------------------------------------------------------------


def allowed(action: str, resource: str, **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_where_rights_are_enforced_a_target_lets_the_rule_in_or_its_role_may(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        events, iam = node.client("events"), node.client("iam")
        closed, opened, by_role, dead = (sink(node, name) for name in ("closed", "opened", "by-role", "dead"))
        trust = allowed("sts:AssumeRole", "*", Principal={"Service": "events.amazonaws.com"}).replace(
            ', "Resource": "*"', ""
        )
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=allowed("sqs:SendMessage", by_role.arn))
        arn = rule(
            events,
            "r",
            {"source": ["my.app"]},
            {"Arn": closed.arn, "DeadLetterConfig": {"Arn": dead.arn}},
            {"Arn": opened.arn},
            {"Arn": by_role.arn, "RoleArn": role},
        )
        for queue in (opened, dead):
            service = {"Principal": {"Service": "events.amazonaws.com"}}
            condition = {"Condition": {"ArnEquals": {"aws:SourceArn": arn}}}
            policy = allowed("sqs:SendMessage", queue.arn, **service, **condition)
            queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": policy})
        event_id = send(events)
        assert closed.messages() == []
        for queue in (opened, by_role):
            assert [document["id"] for document in queue.documents()] == [event_id]
        (letter,) = dead.messages()
        assert attributes(letter)["ERROR_CODE"] == "NO_PERMISSIONS"


def test_where_rights_are_enforced_a_bus_lets_in_whom_its_policy_names(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        events, theirs = node.client("events"), node.client("events", key="111111111111")
        queue = sink(node)
        arn = rule(events, "r", {"source": ["my.app"]}, {"Arn": queue.arn, "InputPath": "$.account"})
        policy = allowed(
            "sqs:SendMessage",
            queue.arn,
            Principal={"Service": "events.amazonaws.com"},
            Condition={"ArnEquals": {"aws:SourceArn": arn}},
        )
        queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": policy})
        entry = {"Source": "my.app", "DetailType": "thing", "Detail": "{}", "EventBusName": f"{BUS}/default"}
        with pytest.raises(ClientError, match="AccessDenied"):
            theirs.put_events(Entries=[entry])
        events.put_permission(Action="events:PutEvents", Principal="111111111111", StatementId="s")
        theirs.put_events(Entries=[entry])
        assert queue.documents() == ["111111111111"]
