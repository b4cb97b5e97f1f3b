"""A topic's metrics: of what was delivered, of what was not wanted, and of what nobody took."""

from __future__ import annotations

import json

from tests.running_node import RunningNode
from tests.services.sink import sink
from tests.services.sns.test_web import measured, publish

PREFIX = "NumberOfNotifications"


def test_what_becomes_of_messages_is_measured(shared_node: RunningNode) -> None:
    sns, queue, dead = shared_node.client("sns"), sink(shared_node, "wants"), sink(shared_node, "dead")
    topic = sns.create_topic(Name="measured")["TopicArn"]
    redrive = [json.dumps({"deadLetterTargetArn": arn}) for arn in (dead.arn, f"{dead.arn}-missing")]
    wishes = [
        (queue.arn, {"FilterPolicy": '{"a": ["x"]}'}),
        (f"{queue.arn}-2", {"FilterPolicy": '{"a": ["x"]}', "FilterPolicyScope": "MessageBody"}),
        (f"{queue.arn}-missing", {"RedrivePolicy": redrive[0]}),
        (f"{queue.arn}-gone", {"RedrivePolicy": redrive[1]}),
    ]
    for endpoint, attributes in wishes:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint, Attributes=attributes)
    for letter in "xy":
        attribute = {"DataType": "String", "StringValue": letter}
        publish(shared_node, topic, '{"a": "y"}', MessageAttributes={"a": attribute})
    publish(shared_node, topic, "no JSON")
    names = {
        "Delivered": 1,
        "Failed": 6,
        "FilteredOut": 5,
        "FilteredOut-MessageAttributes": 2,
        "FilteredOut-NoMessageAttributes": 1,
        "FilteredOut-MessageBody": 3,
        "FilteredOut-InvalidMessageBody": 1,
        "RedrivenToDlq": 3,
        "FailedToRedriveToDlq": 3,
    }
    assert {name: measured(shared_node, topic, f"{PREFIX}{name}") for name in names} == names
