"""Subscriptions: made, confirmed, changed and gone."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.sink import RECORDING, recorded, sink
from tests.services.sns.test_topic import refusal

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


@pytest.fixture
def sns(node: RunningNode) -> Any:
    return node.client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name="t")["TopicArn"])


@pytest.fixture(scope="module")
def shared_topic(shared_sns: Any) -> str:
    return str(shared_sns.create_topic(Name="t")["TopicArn"])


def subscribe(sns: Any, topic: str, endpoint: str = QUEUE, /, **attributes: str) -> str:
    protocol = endpoint.split(":")[2]
    made = sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint, Attributes=attributes)
    return str(made["SubscriptionArn"])


def shown(sns: Any, arn: str) -> dict[str, str]:
    return dict(sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"])


def test_a_new_subscription_shows_what_aws_shows(sns: Any, topic: str) -> None:
    arn = subscribe(sns, topic)
    assert arn.startswith(f"{topic}:")
    assert shown(sns, arn) == {
        "ConfirmationWasAuthenticated": "true",
        "Endpoint": QUEUE,
        "Owner": "000000000000",
        "PendingConfirmation": "false",
        "Protocol": "sqs",
        "RawMessageDelivery": "false",
        "SubscriptionArn": arn,
        "SubscriptionPrincipal": "arn:aws:iam::000000000000:root",
        "TopicArn": topic,
    }
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsConfirmed"] == "1"


def test_subscribing_again_answers_the_same_one_unless_it_would_be_another(sns: Any, topic: str) -> None:
    policy = '{"a": ["x"]}'
    first = subscribe(sns, topic, RawMessageDelivery="true", FilterPolicy=policy)
    assert subscribe(sns, topic) == first
    assert subscribe(sns, topic, RawMessageDelivery="true") == first
    assert subscribe(sns, topic, FilterPolicy='{"a":["x"]}') == first
    for attributes in ({"RawMessageDelivery": "false"}, {"FilterPolicy": '{"a": ["y"]}'}):
        assert refusal(sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=QUEUE, Attributes=attributes) == (
            "InvalidParameter",
            "Invalid parameter: Attributes Reason: Subscription already exists with different attributes",
        )
    assert len(sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 1


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"Protocol": "fax", "Endpoint": "x"}, "Amazon SNS does not support this protocol string: fax"),
        ({"Protocol": "sqs", "Endpoint": "http://127.0.0.1/000000000000/q"}, "Invalid parameter: SQS endpoint ARN"),
        ({"Protocol": "sqs"}, "Invalid parameter: SQS endpoint ARN"),
        ({"Protocol": "lambda", "Endpoint": QUEUE}, "Invalid parameter: Lambda endpoint ARN"),
        ({"Protocol": "sqs", "Endpoint": f"{QUEUE}.fifo"}, "FIFO SQS Queues can not be subscribed to standard SNS"),
    ],
)
def test_an_endpoint_that_cannot_be_one_is_refused(
    shared_sns: Any, shared_topic: str, request_: dict[str, str], message: str
) -> None:
    code, found = refusal(shared_sns.subscribe, TopicArn=shared_topic, **request_)
    assert code == "InvalidParameter"
    assert message in found


def test_nobody_subscribes_to_a_topic_that_is_not_there(sns: Any) -> None:
    missing = "arn:aws:sns:us-east-1:000000000000:none"
    assert refusal(sns.subscribe, TopicArn=missing, Protocol="sqs", Endpoint=QUEUE) == (
        "NotFound",
        "Topic does not exist",
    )


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("RawMessageDelivery", "maybe", "RawMessageDelivery: Invalid value [maybe]. Must be true or false."),
        ("FilterPolicy", "{invalid", "FilterPolicy: failed to parse JSON. Unexpected character ('i' (code 105))"),
        ("FilterPolicy", '{"a": "x"}', "FilterPolicy: "),
        ("FilterPolicyScope", "Elsewhere", "FilterPolicyScope: Invalid value [Elsewhere]."),
        ("RedrivePolicy", "{invalid", "RedrivePolicy: failed to parse JSON. Unexpected character ('i' (code 105))"),
        ("RedrivePolicy", '{"deadLetterTargetArn": "fake"}', "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
        ("RedrivePolicy", "[]", "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
    ],
)
def test_a_value_that_an_attribute_may_not_have_is_refused(
    shared_sns: Any, shared_topic: str, name: str, value: str, complaint: str
) -> None:
    request = {"TopicArn": shared_topic, "Protocol": "sqs", "Endpoint": QUEUE, "Attributes": {name: value}}
    code, message = refusal(shared_sns.subscribe, **request)
    assert code == "InvalidParameter"
    assert message.startswith(f"Invalid parameter: Attributes Reason: {complaint}")
    arn = subscribe(shared_sns, shared_topic)
    before = shown(shared_sns, arn)
    code, message = refusal(
        shared_sns.set_subscription_attributes, SubscriptionArn=arn, AttributeName=name, AttributeValue=value
    )
    assert code == "InvalidParameter"
    assert message.startswith(f"Invalid parameter: {complaint}")
    assert shown(shared_sns, arn) == before


def test_a_function_gets_no_raw_messages(sns: Any, topic: str) -> None:
    arn = subscribe(sns, topic, FUNCTION, RawMessageDelivery="false")
    raw = {"SubscriptionArn": arn, "AttributeName": "RawMessageDelivery", "AttributeValue": "true"}
    assert refusal(sns.set_subscription_attributes, **raw) == (
        "InvalidParameter",
        "Invalid parameter: Delivery protocol [lambda] does not support raw message delivery.",
    )


def test_attributes_are_set_echoed_and_taken_away(sns: Any, topic: str) -> None:
    arn = subscribe(sns, topic)
    policies = {
        "FilterPolicy": '{ "store" : ["x"] }',
        "RedrivePolicy": f'{{ "deadLetterTargetArn" : "{QUEUE}" }}',
    }
    for name, value in policies.items():
        sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=name, AttributeValue=value)
        assert shown(sns, arn)[name] == value
    assert shown(sns, arn)["FilterPolicyScope"] == "MessageAttributes"
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue="{}")
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="RedrivePolicy", AttributeValue="")
    assert not shown(sns, arn).keys() & {"FilterPolicy", "FilterPolicyScope", "RedrivePolicy"}


def test_a_nested_policy_needs_the_bodys_scope(sns: Any, topic: str) -> None:
    nested = '{"a": {"b": ["x"]}}'
    arn = subscribe(sns, topic, FilterPolicy=nested, FilterPolicyScope="MessageBody")
    code, message = refusal(
        sns.set_subscription_attributes,
        SubscriptionArn=arn,
        AttributeName="FilterPolicyScope",
        AttributeValue="MessageAttributes",
    )
    assert code == "InvalidParameter"
    assert "does not support nested filter policy" in message
    assert shown(sns, arn)["FilterPolicyScope"] == "MessageBody"


@pytest.mark.parametrize(
    ("name", "code"),
    [("Nonsense", "InvalidParameter"), ("DeliveryPolicy", "InvalidParameter")],
)
def test_an_attribute_that_is_not_here_is_refused(shared_sns: Any, shared_topic: str, name: str, code: str) -> None:
    arn = subscribe(shared_sns, shared_topic)
    request = {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": "{}"}
    assert refusal(shared_sns.set_subscription_attributes, **request)[0] == code


def test_unsubscribing_is_final_counted_and_can_be_repeated(sns: Any, topic: str) -> None:
    arn = subscribe(sns, topic)
    sns.unsubscribe(SubscriptionArn=arn)
    sns.unsubscribe(SubscriptionArn=arn)
    assert refusal(sns.get_subscription_attributes, SubscriptionArn=arn) == (
        "NotFound",
        "Subscription does not exist",
    )
    counts = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (counts["SubscriptionsConfirmed"], counts["SubscriptionsDeleted"]) == ("0", "1")


@pytest.mark.parametrize(
    ("arn", "message"),
    [
        ("x", "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"),
        ("arn:aws:sns:us-east-1:000000000000:t:not-an-id", "Invalid parameter: SubscriptionId"),
        ("", "Invalid parameter: SubscriptionArn Reason: no value for required parameter"),
    ],
)
def test_what_is_no_subscriptions_arn_is_refused(shared_sns: Any, arn: str, message: str) -> None:
    assert refusal(shared_sns.unsubscribe, SubscriptionArn=arn) == ("InvalidParameter", message)


def test_a_topic_takes_its_subscriptions_with_it(sns: Any, topic: str) -> None:
    arn = subscribe(sns, topic)
    sns.delete_topic(TopicArn=topic)
    assert refusal(sns.get_subscription_attributes, SubscriptionArn=arn)[0] == "NotFound"
    assert sns.list_subscriptions()["Subscriptions"] == []


def test_subscriptions_are_listed_page_by_page(sns: Any, topic: str) -> None:
    made = {subscribe(sns, topic, f"{QUEUE}{number}") for number in range(101)}
    other = sns.create_topic(Name="other")["TopicArn"]
    elsewhere = subscribe(sns, other)
    for list_page, expected in (
        (lambda **more: sns.list_subscriptions_by_topic(TopicArn=topic, **more), made),
        (sns.list_subscriptions, made | {elsewhere}),
    ):
        first = list_page()
        assert len(first["Subscriptions"]) == 100
        second = list_page(NextToken=first["NextToken"])
        assert "NextToken" not in second
        found = [one["SubscriptionArn"] for one in first["Subscriptions"] + second["Subscriptions"]]
        assert len(found) == len(expected)
        assert set(found) == expected


def test_large_messages_and_many_subscriptions_exclude_each_other(sns: Any, topic: str) -> None:
    for number in range(100):
        subscribe(sns, topic, f"{QUEUE}{number}")
    large = {"TopicArn": topic, "AttributeName": "MaximumMessageSize", "AttributeValue": "1048576"}
    sns.set_topic_attributes(**large)
    code, _ = refusal(sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=QUEUE)
    assert code == "SubscriptionLimitExceeded"
    sns.set_topic_attributes(**{**large, "AttributeValue": "262144"})
    subscribe(sns, topic)
    assert refusal(sns.set_topic_attributes, **large)[0] == "InvalidParameter"
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["MaximumMessageSize"] == "262144"


# --- endpoints of other accounts -------------------------------------------------------------------------------------


def test_somebody_elses_queue_is_asked_first_and_gets_messages_once_it_has_confirmed(
    node: RunningNode, sns: Any, topic: str
) -> None:
    theirs = sink(node, key="111111111111")
    request = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": theirs.arn}
    assert sns.subscribe(**request)["SubscriptionArn"] == "pending confirmation"
    arn = sns.subscribe(**request, ReturnSubscriptionArn=True)["SubscriptionArn"]
    assert shown(sns, arn)["PendingConfirmation"] == "true"
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsPending"] == "1"
    sns.publish(TopicArn=topic, Message="too early")
    first, asked = theirs.documents()
    assert first["Type"] == asked["Type"] == "SubscriptionConfirmation"
    assert refusal(sns.confirm_subscription, TopicArn=topic, Token=first["Token"])[0] == "InvalidParameter"
    with urllib.request.urlopen(asked["SubscribeURL"]) as answer:
        assert arn in answer.read().decode()
    sns.publish(TopicArn=topic, Message="in time")
    assert [document["Message"] for document in theirs.documents()] == ["in time"]


def test_a_token_counts_for_two_days_and_again_once_it_has_confirmed(node: RunningNode, sns: Any, topic: str) -> None:
    theirs = sink(node, key="111111111111")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=theirs.arn)
    token = theirs.documents()[0]["Token"]
    wrong = ("InvalidParameter", "Invalid parameter: Token")
    assert refusal(sns.confirm_subscription, TopicArn=topic, Token="x" * 128) == wrong
    assert refusal(sns.confirm_subscription, TopicArn=f"{topic}x", Token=token) == (
        "InvalidParameter",
        "Invalid parameter: Topic",
    )
    node.advance(2 * 86_400)
    assert refusal(sns.confirm_subscription, TopicArn=topic, Token=token) == wrong
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=theirs.arn)
    (asked,) = theirs.documents()
    confirming = {"TopicArn": topic, "Token": asked["Token"]}
    arn = sns.confirm_subscription(**confirming)["SubscriptionArn"]
    assert sns.confirm_subscription(**confirming, AuthenticateOnUnsubscribe="true")["SubscriptionArn"] == arn
    sns.unsubscribe(SubscriptionArn=arn)
    assert refusal(sns.confirm_subscription, **confirming) == wrong


def test_an_owner_who_subscribes_what_is_pending_confirms_it(node: RunningNode, sns: Any, topic: str) -> None:
    theirs = sink(node, key="111111111111")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=theirs.arn)
    arn = subscribe(node.client("sns", key="111111111111"), topic, theirs.arn)
    assert shown(sns, arn)["PendingConfirmation"] == "false"


def test_who_subscribes_a_queue_of_their_own_need_not_be_asked(node: RunningNode, topic: str) -> None:
    theirs = sink(node, key="111111111111")
    arn = subscribe(node.client("sns", key="111111111111"), topic, theirs.arn)
    assert arn.startswith(f"{topic}:")
    node.client("sns").publish(TopicArn=topic, Message="m")
    assert [document["Message"] for document in theirs.documents()] == ["m"]


def test_somebody_elses_function_is_asked_in_an_event(tmp_path: Path) -> None:
    with running_node(tmp_path, RECORDING) as node:
        sns = node.client("sns")
        topic = sns.create_topic(Name="t")["TopicArn"]
        theirs = FUNCTION.replace("000000000000", "111111111111")
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=theirs)
        (asked,) = recorded(node)
        notification = json.loads(asked["body"])["Records"][0]["Sns"]
        assert notification["Type"] == "SubscriptionConfirmation"
        confirmed = sns.confirm_subscription(TopicArn=topic, Token=notification["Token"])["SubscriptionArn"]
        assert shown(sns, confirmed)["PendingConfirmation"] == "false"


def test_the_link_in_a_message_ends_no_subscription_of_a_queue(node: RunningNode, sns: Any, topic: str) -> None:
    queue = sink(node)
    arn = subscribe(sns, topic, queue.arn)
    sns.publish(TopicArn=topic, Message="m")
    (message,) = queue.documents()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(message["UnsubscribeURL"])
    assert refused.value.code == 403
    refused.value.close()
    stranger = node.client("sns", key="222222222222")
    assert refusal(stranger.unsubscribe, SubscriptionArn=arn)[0] == "AuthorizationError"
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions()["Subscriptions"] == []


def test_subscriptions_outlive_the_node(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        sns = node.client("sns")
        arn = subscribe(sns, sns.create_topic(Name="t")["TopicArn"], FilterPolicy='{"a": ["x"]}')
        before = shown(sns, arn)
    with running_node(tmp_path) as node:
        assert shown(node.client("sns"), arn) == before
