"""Publishing: one message or a batch; and which rights each operation needs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.sink import Sink, sink
from tests.services.sns.test_topic import refusal
from wakeful.fabric.service import Call, Principal
from wakeful.fabric.trace import Trace
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.operations import needs

TOPIC = "arn:aws:sns:us-east-1:000000000000:t"
APP = "arn:aws:sns:us-east-1:000000000000:app/GCM/a"
DEVICE = "arn:aws:sns:us-east-1:000000000000:endpoint/GCM/a/00000000-0000-4000-8000-000000000000"
OURS = f"{TOPIC}:00000000-0000-4000-8000-000000000000"
THEIRS = OURS.replace("000000000000:t", "111111111111:t")


@pytest.fixture
def sns(node: RunningNode) -> Any:
    return node.client("sns")


@pytest.fixture
def queue(node: RunningNode, sns: Any) -> Sink:
    made = sink(node)
    sns.create_topic(Name="t")
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=made.arn, Attributes={"RawMessageDelivery": "true"})
    return made


def entries(*bodies: str) -> list[dict[str, Any]]:
    return [{"Id": f"e{number}", "Message": body} for number, body in enumerate(bodies)]


def test_a_topic_is_published_to_by_either_arn(sns: Any, queue: Sink) -> None:
    sns.publish(TopicArn=TOPIC, Message="one")
    sns.publish(TargetArn=TOPIC, Message="two")
    assert queue.bodies() == ["one", "two"]


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ({}, "InvalidParameter", "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"),
        ({"TopicArn": f"{TOPIC}x"}, "NotFound", "Topic does not exist"),
        ({"TopicArn": "t"}, "InvalidParameter", "Invalid parameter: TopicArn Reason: An ARN must have at least 6"),
        ({"TopicArn": TOPIC.replace("us-east-1", "eu-west-1")}, "InvalidParameter", "Invalid parameter: TopicArn"),
        (
            {"TargetArn": "arn:aws:sns:us-east-1:000000000000:endpoint/APNS/app/id"},
            "InvalidParameter",
            "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified",
        ),
        ({"TopicArn": TOPIC, "TargetArn": TOPIC}, "InvalidParameter", "You must specify only one of"),
    ],
)
def test_what_is_no_topic_cannot_be_published_to(
    sns: Any, queue: Sink, target: dict[str, str], code: str, message: str
) -> None:
    found = refusal(sns.publish, Message="m", **target)
    assert found[0] == code
    assert message in found[1]
    assert queue.messages() == []


def test_a_batch_is_published_in_its_order_under_the_entries_ids(sns: Any, queue: Sink) -> None:
    answer = sns.publish_batch(TopicArn=TOPIC, PublishBatchRequestEntries=entries(*"abc"))
    assert [entry["Id"] for entry in answer["Successful"]] == ["e0", "e1", "e2"]
    assert answer["Failed"] == []
    assert queue.bodies() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        (entries(*"abcdefghijk"), "TooManyEntriesInBatchRequest"),
        ([*entries("a"), *entries("b")], "BatchEntryIdsNotDistinct"),
        ([{"Id": "with space", "Message": "m"}], "InvalidBatchEntryId"),
        ([{"Id": "x" * 81, "Message": "m"}], "InvalidBatchEntryId"),
        (entries("x" * 200_000, "x" * 100_000), "BatchRequestTooLong"),
        ([*entries("good"), {"Id": "bad", "Message": ""}], "InvalidParameter"),
        ([*entries("good"), {"Id": "bad", "Message": "{}", "MessageStructure": "json"}], "InvalidParameter"),
    ],
)
def test_a_batch_that_cannot_be_published_is_not_published_at_all(
    sns: Any, queue: Sink, batch: list[dict[str, Any]], code: str
) -> None:
    assert refusal(sns.publish_batch, TopicArn=TOPIC, PublishBatchRequestEntries=batch)[0] == code
    assert queue.messages() == []


def test_an_empty_batch_is_refused(sns: Any, queue: Sink) -> None:
    code, message = refusal(sns.publish_batch, TopicArn=TOPIC, PublishBatchRequestEntries=[])
    assert code in ("EmptyBatchRequest", "ValidationError")
    assert message


def test_a_topic_that_is_not_there_takes_no_batch(sns: Any) -> None:
    request = {"TopicArn": TOPIC, "PublishBatchRequestEntries": entries("a")}
    assert refusal(sns.publish_batch, **request) == ("NotFound", "Topic does not exist")


def call(kind: Any = "root") -> Call:
    principal = Principal(kind, "arn:aws:iam::000000000000:root", "000000000000")
    return Call("000000000000", "us-east-1", principal, "r", Trace("t"), "http://x")


ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.mark.parametrize(
    ("operation", "request_", "rights"),
    [
        ("PublishBatch", {"TopicArn": TOPIC}, [("sns:Publish", TOPIC)]),
        ("Publish", {"TargetArn": TOPIC}, [("sns:Publish", TOPIC)]),
        ("CreateTopic", {"Name": "t", "Tags": []}, [("sns:TagResource", TOPIC), ("sns:CreateTopic", TOPIC)]),
        ("ListTopics", {}, [("sns:ListTopics", "*")]),
        ("Unsubscribe", {"SubscriptionArn": "s"}, [("sns:Unsubscribe", "*")]),
        ("GetSubscriptionAttributes", {"SubscriptionArn": OURS}, [("sns:GetSubscriptionAttributes", "*")]),
        ("SetSubscriptionAttributes", {"SubscriptionArn": "s"}, [("sns:SetSubscriptionAttributes", "*")]),
        ("SetSubscriptionAttributes", {"SubscriptionArn": THEIRS}, [("sns:SetSubscriptionAttributes", THEIRS)]),
        ("ConfirmSubscription", {"TopicArn": TOPIC, "Token": "t"}, []),
        ("TagResource", {"ResourceArn": TOPIC, "Tags": []}, [("sns:TagResource", TOPIC)]),
        ("Publish", {"PhoneNumber": "+15550100001"}, [("sns:Publish", "*")]),
        ("Publish", {"TargetArn": DEVICE}, [("sns:Publish", DEVICE)]),
        ("SetEndpointAttributes", {"EndpointArn": DEVICE}, [("sns:SetEndpointAttributes", DEVICE)]),
        ("CreatePlatformEndpoint", {"PlatformApplicationArn": APP}, [("sns:CreatePlatformEndpoint", APP)]),
        ("GetSMSAttributes", {}, [("sns:GetSMSAttributes", "*")]),
        (
            "SetTopicAttributes",
            {"TopicArn": TOPIC, "AttributeName": "SQSFailureFeedbackRoleArn", "AttributeValue": ROLE},
            [("sns:SetTopicAttributes", TOPIC), ("iam:PassRole", ROLE)],
        ),
        (
            "CreateTopic",
            {"Name": "t", "Attributes": {"SQSSuccessFeedbackRoleArn": ROLE, "DisplayName": ROLE}},
            [("sns:CreateTopic", TOPIC), ("iam:PassRole", ROLE)],
        ),
        (
            "SetSMSAttributes",
            {"attributes": {"DeliveryStatusIAMRole": ROLE}},
            [("sns:SetSMSAttributes", "*"), ("iam:PassRole", ROLE)],
        ),
        ("GetSMSAttributes", {"attributes": ["DeliveryStatusIAMRole"]}, [("sns:GetSMSAttributes", "*")]),
    ],
)
def test_an_operation_needs_the_rights_that_aws_documents(
    operation: str, request_: dict[str, Any], rights: list[tuple[str, str]]
) -> None:
    assert [(need.action, need.resource) for need in needs(call(), operation, request_)] == rights


@pytest.mark.parametrize("member", ["TopicArn", "TargetArn", "Endpoint", "EndpointArn", "SubscriptionArn", "Token"])
def test_nothing_is_named_by_what_no_store_keeps_and_no_answer_shows(member: str) -> None:
    for character in "\0\x01\n":
        with pytest.raises(InvalidParameterException, match=f"Invalid parameter: {member}$"):
            list(needs(call(), "Any", {member: TOPIC + character}))


def test_the_protocol_and_the_endpoint_are_conditions_of_subscribing() -> None:
    (need,) = needs(call(), "Subscribe", {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": "e"})
    assert need.context == {"sns:Protocol": "sqs", "sns:Endpoint": "e"}


def test_tags_are_conditions_of_whatever_sets_them_or_takes_them_away() -> None:
    tags = [{"Key": "team", "Value": "a"}]
    told = {"aws:RequestTag/team": "a", "aws:TagKeys": ["team"]}
    assert [need.context for need in needs(call(), "CreateTopic", {"Name": "t", "Tags": tags})] == [told, told]
    assert [need.context for need in needs(call(), "TagResource", {"ResourceArn": TOPIC, "Tags": tags})] == [told]
    (need,) = needs(call(), "UntagResource", {"ResourceArn": TOPIC, "TagKeys": ["team"]})
    assert need.context == {"aws:TagKeys": ["team"]}
    assert [need.context for need in needs(call(), "CreateTopic", {"Name": "t"})] == [{}]


def test_a_link_in_a_message_may_be_followed_without_rights() -> None:
    assert list(needs(call("anonymous"), "Unsubscribe", {"SubscriptionArn": "s"})) == []
