"""Delivery status logging: what became of messages stands in CloudWatch Logs, where a topic asks for it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.sink import RECORDING, sink
from tests.services.sns.receiver import receiver
from tests.services.sns.test_topic import refusal
from tests.services.sns.test_web import policy, publish, subscribed
from wakeful.services.sns.feedback import is_sampled

ROLE = "arn:aws:iam::000000000000:role/teller"


@pytest.fixture
def node(shared_node: RunningNode) -> RunningNode:
    return shared_node


def asking(node: RunningNode, family: str, *, name: str = "t", **more: str) -> str:
    """A topic that asks for logs of one kind of endpoint."""
    attributes = {f"{family}SuccessFeedbackRoleArn": ROLE, f"{family}FailureFeedbackRoleArn": ROLE, **more}
    return str(node.client("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"])


def logged(node: RunningNode, group: str = "t") -> list[dict[str, Any]]:
    node.settle()
    logs = node.client("logs")
    group = f"sns/us-east-1/000000000000/{group}"
    groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    if group not in [each["logGroupName"] for each in groups]:
        return []
    return [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName=group)["events"]]


def test_deliveries_to_queues_are_logged_with_their_outcome(node: RunningNode) -> None:
    topic, queue = asking(node, "SQS", name="queues"), sink(node)
    for arn in (queue.arn, f"{queue.arn}-missing"):
        node.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    published = publish(node, topic, "hello")
    (success,), (failure,) = logged(node, "queues"), logged(node, "queues/Failure")
    assert (success["status"], failure["status"]) == ("SUCCESS", "FAILURE")
    assert success["notification"] == {
        "messageMD5Sum": hashlib.md5(b"hello").hexdigest(),
        "messageId": published,
        "topicArn": topic,
        "timestamp": success["notification"]["timestamp"],
    }
    assert success["delivery"] == {
        "deliveryId": success["delivery"]["deliveryId"],
        "destination": queue.arn,
        "providerResponse": success["delivery"]["providerResponse"],
        "dwellTimeMs": success["delivery"]["dwellTimeMs"],
        "attempts": 1,
        "statusCode": 200,
    }
    assert list(json.loads(success["delivery"]["providerResponse"])) == ["sqsRequestId"]
    assert (failure["delivery"]["statusCode"], failure["delivery"]["destination"]) == (400, f"{queue.arn}-missing")
    assert json.loads(failure["delivery"]["providerResponse"])["ErrorCode"] == "NO_RESOURCE"


def test_deliveries_to_http_endpoints_are_logged_once_they_are_over(node: RunningNode) -> None:
    topic = asking(node, "HTTP", name="web")
    with receiver() as hook:
        subscribed(node, topic, hook, DeliveryPolicy=policy(numRetries=1))
        hook.answers = [(500, {}), (200, {}), (500, {}), (503, {}), (404, {})]
        for _ in range(3):
            publish(node, topic)
            node.advance(1)
        (success,), failures = logged(node, "web"), logged(node, "web/Failure")
        delivery = success["delivery"]
        assert (delivery["attempts"], delivery["statusCode"], delivery["destination"]) == (2, 200, hook.url)
        assert (delivery["providerResponse"], delivery["dwellTimeMs"] >= 1000) == ("answer 200", True)
        told = [(each["delivery"]["attempts"], each["delivery"]["statusCode"]) for each in failures]
        assert told == [(2, 503), (1, 404)]
    publish(node, topic)
    node.advance(1)
    assert "statusCode" not in logged(node, "web/Failure")[-1]["delivery"]


def test_deliveries_to_functions_are_logged(tmp_path: Path) -> None:
    with running_node(tmp_path, RECORDING) as node:
        topic = asking(node, "Lambda")
        function = "arn:aws:lambda:us-east-1:000000000000:function:f"
        node.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
        publish(node, topic)
        (success,) = logged(node)
        assert success["delivery"]["statusCode"] == 202
        assert list(json.loads(success["delivery"]["providerResponse"])) == ["lambdaRequestId"]


def test_a_topic_that_asks_for_nothing_or_for_none_of_them_has_no_log(node: RunningNode) -> None:
    topic, queue = asking(node, "SQS", name="silent", SQSSuccessFeedbackSampleRate="0"), sink(node, "silent")
    node.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    publish(node, topic)
    assert (logged(node, "silent"), len(queue.bodies())) == ([], 1)


def test_a_sample_is_of_the_size_that_was_asked_for() -> None:
    told = sum(is_sampled(f"message {number}", 30) for number in range(10_000))
    assert 2800 < told < 3200
    assert is_sampled("x", 100)
    assert not is_sampled("x", 0)


def test_a_role_that_may_not_write_logs_or_does_not_trust_sns_writes_none(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        topic, queue = asking(node, "SQS"), sink(node)
        allow = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": queue.arn}}
        queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": json.dumps(allow)})
        node.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
        iam = node.client("iam")
        iam.create_role(RoleName="teller", AssumeRolePolicyDocument=trusting("sns"))
        publish(node, topic)
        assert logged(node) == []
        may = {"Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}}
        iam.put_role_policy(RoleName="teller", PolicyName="p", PolicyDocument=json.dumps(may))
        publish(node, topic)
        assert len(logged(node)) == 1
        iam.update_assume_role_policy(RoleName="teller", PolicyDocument=trusting("lambda"))
        publish(node, topic)
        assert len(logged(node)) == 1
        assert len(queue.bodies()) == 3


def trusting(service: str) -> str:
    principal = {"Service": f"{service}.amazonaws.com"}
    return json.dumps({"Statement": {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SQSSuccessFeedbackSampleRate", "101"),
        ("HTTPSuccessFeedbackSampleRate", "some"),
        ("LambdaFailureFeedbackRoleArn", "teller"),
        ("ApplicationSuccessFeedbackRoleArn", "arn:aws:iam::000000000000:user/u"),
    ],
)
def test_a_value_that_cannot_ask_for_logs_is_refused(shared_node: RunningNode, name: str, value: str) -> None:
    sns = shared_node.client("sns")
    code, message = refusal(sns.create_topic, Name="refused", Attributes={name: value})
    assert (code, message.startswith(f"Invalid parameter: {name}")) == ("InvalidParameter", True)


def test_what_asks_for_logs_is_shown_as_it_was_set(shared_node: RunningNode) -> None:
    sns = shared_node.client("sns")
    asked = {"FirehoseSuccessFeedbackRoleArn": ROLE, "FirehoseSuccessFeedbackSampleRate": "7"}
    topic = sns.create_topic(Name="shown", Attributes=asked)["TopicArn"]
    found = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert {name: found[name] for name in asked} == asked
