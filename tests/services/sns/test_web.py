"""HTTP endpoints of subscribers: asked, confirmed, sent to, tried again, given up, told good-bye."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.sink import sink
from tests.services.sns.certificates import certified
from tests.services.sns.receiver import Receiver, receiver
from tests.services.sns.test_topic import refusal

pytestmark = pytest.mark.slow

DAY_S = 86_400


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as it:
        yield it


@pytest.fixture
def sns(shared_node: RunningNode) -> Any:
    return shared_node.client("sns")


@pytest.fixture
def topic(sns: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    arn = str(sns.create_topic(Name=request.node.name.partition("[")[0])["TopicArn"])
    yield arn
    sns.delete_topic(TopicArn=arn)


def asked(node: RunningNode, topic: str, hook: Receiver, **attributes: str) -> str:
    """The ARN of a subscription that the endpoint was asked about."""
    request = {"TopicArn": topic, "Protocol": hook.scheme, "Endpoint": hook.url, "Attributes": attributes}
    arn = node.client("sns").subscribe(**request, ReturnSubscriptionArn=True)["SubscriptionArn"]
    node.settle()
    return str(arn)


def subscribed(node: RunningNode, topic: str, hook: Receiver, **attributes: str) -> str:
    arn = asked(node, topic, hook, **attributes)
    hook.confirm()
    return arn


def publish(node: RunningNode, topic: str, message: str = "m", **more: Any) -> str:
    """The message's id; whoever can have it has it."""
    published = node.client("sns").publish(TopicArn=topic, Message=message, **more)["MessageId"]
    node.settle()
    return str(published)


def policy(**retries: Any) -> str:
    return json.dumps({"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 3, **retries}})


def measured(node: RunningNode, topic: str, name: str) -> float:
    """The metric's sum over the last days."""
    now = node.node.clock.now()
    found = node.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SNS",
        MetricName=name,
        Dimensions=[{"Name": "TopicName", "Value": topic.rpartition(":")[2]}],
        StartTime=now - DAY_S,
        EndTime=now + 60,
        Period=DAY_S * 2,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in found["Datapoints"]))


# --- confirming ------------------------------------------------------------------------------------------------------


def test_an_endpoint_is_asked_and_gets_messages_once_its_link_was_followed(
    shared_node: RunningNode, sns: Any, topic: str, hook: Receiver
) -> None:
    answer = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=hook.url)["SubscriptionArn"]
    shared_node.settle()
    publish(shared_node, topic, "too early")
    (question,) = hook.got
    document = question.document
    assert (answer, question.path) == ("pending confirmation", "/hook")
    assert question.headers["content-type"] == "text/plain; charset=UTF-8"
    assert question.headers["user-agent"] == "Amazon Simple Notification Service Agent"
    assert question.headers["x-amz-sns-message-id"] == document["MessageId"]
    assert question.headers["x-amz-sns-topic-arn"] == document["TopicArn"] == topic
    assert question.type == document["Type"] == "SubscriptionConfirmation"
    assert "x-amz-sns-subscription-arn" not in question.headers
    assert "<ConfirmSubscriptionResult>" in hook.confirm()
    published = publish(shared_node, topic, "now", Subject="s", MessageAttributes=ATTRIBUTES)
    (message,) = hook.taken()
    arn = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]["SubscriptionArn"]
    assert message.headers["x-amz-sns-subscription-arn"] == arn
    assert message.headers["x-amz-sns-message-id"] == message.document["MessageId"] == published
    assert "x-amz-sns-rawdelivery" not in message.headers
    assert message.headers["x-amzn-trace-id"].startswith("Root=1-")
    assert [message.document[name] for name in ("Type", "Message", "Subject")] == ["Notification", "now", "s"]
    assert message.document["MessageAttributes"] == {"kind": {"Type": "String", "Value": "x"}}
    assert list(message.document)[-5:] == [
        *("SignatureVersion", "Signature", "SigningCertURL", "UnsubscribeURL", "MessageAttributes")
    ]


ATTRIBUTES = {"kind": {"DataType": "String", "StringValue": "x"}}


def test_asking_again_makes_another_token_and_a_question_that_failed_is_asked_again(
    shared_node: RunningNode, sns: Any, topic: str, hook: Receiver
) -> None:
    hook.answers = [(500, {})]
    asked(shared_node, topic, hook)
    (first,) = hook.taken("SubscriptionConfirmation")
    shared_node.advance(20)
    (repeated,) = hook.taken("SubscriptionConfirmation")
    assert repeated.body == first.body
    asked(shared_node, topic, hook)
    (second,) = hook.taken("SubscriptionConfirmation")
    assert second.document["Token"] != first.document["Token"]
    with pytest.raises(HTTPError) as refused:
        urlopen(first.document["SubscribeURL"])
    refused.value.close()
    with urlopen(second.document["SubscribeURL"]) as answer:
        assert answer.status == 200


def test_a_subscription_that_nobody_confirms_is_gone_after_two_days(
    shared_node: RunningNode, topic: str, hook: Receiver
) -> None:
    node = shared_node
    arn = asked(node, topic, hook)
    node.advance(2 * DAY_S - 10)
    assert attributes(node, arn)["PendingConfirmation"] == "true"
    node.advance(20)
    assert refusal(node.client("sns").get_subscription_attributes, SubscriptionArn=arn)[0] == "NotFound"
    assert node.client("sns").list_subscriptions()["Subscriptions"] == []


def attributes(node: RunningNode, arn: str) -> dict[str, str]:
    return dict(node.client("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"])


def test_who_confirms_with_a_signature_may_keep_others_from_unsubscribing(
    shared_node: RunningNode, sns: Any, topic: str, hook: Receiver
) -> None:
    arn = asked(shared_node, topic, hook)
    question = hook.taken("SubscriptionConfirmation")[0].document
    token = question["Token"]
    wrong = {"TopicArn": topic, "Token": token, "AuthenticateOnUnsubscribe": "perhaps"}
    assert refusal(sns.confirm_subscription, **wrong) == (
        "InvalidParameter",
        "Invalid parameter: AuthenticateOnUnsubscribe",
    )
    with pytest.raises(HTTPError) as unsigned:
        urlopen(f"{question['SubscribeURL']}&AuthenticateOnUnsubscribe=true")
    assert unsigned.value.code == 403
    unsigned.value.close()
    sns.confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")
    assert attributes(shared_node, arn)["ConfirmationWasAuthenticated"] == "true"
    publish(shared_node, topic)
    with pytest.raises(HTTPError) as refused:
        urlopen(hook.taken()[0].document["UnsubscribeURL"])
    assert refused.value.code == 403
    refused.value.close()
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_a_link_can_end_a_subscription_and_another_brings_it_back(
    shared_node: RunningNode, sns: Any, topic: str, hook: Receiver
) -> None:
    arn = subscribed(shared_node, topic, hook, FilterPolicy='{"kind": ["x"]}')
    assert attributes(shared_node, arn)["ConfirmationWasAuthenticated"] == "false"
    publish(shared_node, topic, MessageAttributes=ATTRIBUTES)
    with urlopen(hook.taken()[0].document["UnsubscribeURL"]) as answer:
        assert answer.status == 200
    shared_node.settle()
    (farewell,) = hook.taken("UnsubscribeConfirmation")
    assert farewell.headers["x-amz-sns-subscription-arn"] == arn
    assert farewell.document["Message"].startswith(f"You have chosen to deactivate subscription {arn}.")
    publish(shared_node, topic, MessageAttributes=ATTRIBUTES)
    assert hook.got == []
    with urlopen(farewell.document["SubscribeURL"]) as answer:
        assert arn in answer.read().decode()
    publish(shared_node, topic, "back", MessageAttributes=ATTRIBUTES)
    publish(shared_node, topic, "unwanted")
    assert [each.document["Message"] for each in hook.taken()] == ["back"]


@pytest.mark.parametrize(
    ("endpoint", "protocol", "code", "message"),
    [
        (
            "https://127.0.0.1/",
            "http",
            "InvalidParameter",
            "Invalid parameter: Endpoint must match the specified protocol",
        ),
        ("somewhere", "https", "InvalidParameter", "Invalid parameter: Endpoint must match the specified protocol"),
        ("http://", "http", "InvalidParameter", "Invalid parameter: Endpoint"),
        ("http://a b/", "http", "InvalidParameter", "Invalid parameter: Endpoint"),
        ("http://[1/", "http", "InvalidParameter", "Invalid parameter: Endpoint"),
        ("http://a:99999/", "http", "InvalidParameter", "Invalid parameter: Endpoint"),
        ("http://169.254.169.254/x", "http", "AuthorizationError", "Not authorized to subscribe internal endpoints"),
        (
            "http://[::ffff:169.254.169.254]/x",
            "http",
            "AuthorizationError",
            "Not authorized to subscribe internal endpoints",
        ),
    ],
)
def test_what_can_be_no_endpoint_is_refused(
    sns: Any, topic: str, endpoint: str, protocol: str, code: str, message: str
) -> None:
    assert refusal(sns.subscribe, TopicArn=topic, Protocol=protocol, Endpoint=endpoint) == (code, message)


# --- sending ---------------------------------------------------------------------------------------------------------


def test_a_raw_message_is_the_message_and_says_so(
    shared_node: RunningNode, sns: Any, topic: str, hook: Receiver
) -> None:
    kind = json.dumps({"requestPolicy": {"headerContentType": "application/json"}})
    subscribed(shared_node, topic, hook, RawMessageDelivery="true", DeliveryPolicy=kind)
    published = publish(shared_node, topic, '{"ä": 1}', MessageAttributes=ATTRIBUTES)
    (message,) = hook.got
    assert (message.body, message.headers["x-amz-sns-rawdelivery"]) == ('{"ä": 1}', "true")
    assert (message.headers["content-type"], message.headers["x-amz-sns-message-id"]) == ("application/json", published)


def test_an_endpoint_that_fails_is_tried_again_when_the_policy_says_and_then_given_up(
    shared_node: RunningNode, sns: Any, topic: str, hook: Receiver
) -> None:
    dead = sink(shared_node, "given-up")
    redrive = json.dumps({"deadLetterTargetArn": dead.arn})
    subscribed(
        shared_node, topic, hook, RedrivePolicy=redrive, DeliveryPolicy=policy(maxDelayTarget=3, numNoDelayRetries=1)
    )
    hook.answers = [(500, {}), (503, {}), (500, {}), (599, {})]
    publish(shared_node, topic)
    assert len(hook.got) == 2
    shared_node.advance(0.9)
    assert len(hook.got) == 2
    shared_node.advance(0.2)
    assert len(hook.got) == 3
    assert dead.documents() == []
    shared_node.advance(3)
    messages = hook.taken()
    assert len({each.body for each in messages}) == 1
    assert (len(messages), dead.bodies()) == (4, [messages[0].body])
    shared_node.advance(3600)
    assert hook.got == []
    publish(shared_node, topic)
    assert len(hook.taken()) == 1
    assert measured(shared_node, topic, "NumberOfNotificationsFailed") == 1
    assert measured(shared_node, topic, "NumberOfNotificationsRedrivenToDlq") == 1
    assert measured(shared_node, topic, "NumberOfNotificationsDelivered") == 1
    dead.delete()


@pytest.mark.parametrize("status", [302, 400, 404, 429])
def test_what_an_endpoint_will_never_take_is_not_tried_again(
    shared_node: RunningNode, sns: Any, topic: str, hook: Receiver, status: int
) -> None:
    subscribed(shared_node, topic, hook)
    hook.answers = [(status, {"location": hook.url})]
    publish(shared_node, topic)
    shared_node.advance(60)
    assert len(hook.taken()) == 1


def test_nobody_listening_is_a_failure_like_others_and_nothing_is_tried_after_an_hour(
    shared_node: RunningNode, sns: Any, topic: str
) -> None:
    dead = sink(shared_node, "nobody")
    with receiver() as hook:
        subscribed(
            shared_node,
            topic,
            hook,
            RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn}),
            DeliveryPolicy=policy(minDelayTarget=1300, maxDelayTarget=1300, numRetries=100),
        )
    publish(shared_node, topic)
    shared_node.advance(2599)
    assert dead.bodies() == []
    shared_node.advance(2)
    assert len(dead.bodies()) == 1
    dead.delete()


def test_a_subscription_gets_no_more_in_a_second_than_its_policy_allows(
    shared_node: RunningNode, sns: Any, topic: str, hook: Receiver
) -> None:
    policy = json.dumps({"throttlePolicy": {"maxReceivesPerSecond": 3}})
    arn = subscribed(shared_node, topic, hook, DeliveryPolicy=policy)
    shared_node.advance(1)  # the question was one, too
    for _ in range(7):
        sns.publish(TopicArn=topic, Message="m")
    shared_node.settle()
    came = [len(hook.got)]
    for _ in range(3):
        shared_node.advance(1)
        came.append(len(hook.got))
    assert came == [3, 6, 7, 7]
    for _ in range(4):
        sns.publish(TopicArn=topic, Message="m")
    shared_node.settle()
    slower = json.dumps({"throttlePolicy": {"maxReceivesPerSecond": 1}})
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="DeliveryPolicy", AttributeValue=slower)
    sns.publish(TopicArn=topic, Message="m")
    shared_node.settle()
    came = [len(hook.got)]
    for _ in range(3):
        shared_node.advance(1)
        came.append(len(hook.got))
    assert came == [10, 11, 12, 12]


def test_few_requests_are_under_way_to_one_endpoint(
    shared_node: RunningNode, sns: Any, topic: str, hook: Receiver
) -> None:
    subscribed(shared_node, topic, hook)
    for _ in range(3):
        entries = [{"Id": str(number), "Message": str(number)} for number in range(10)]
        sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    shared_node.settle()
    assert len(hook.got) == 30
    assert 1 <= hook.most_at_once <= 8


def test_what_an_endpoint_has_taken_is_over_though_another_message_waits_for_its_answer(
    shared_node: RunningNode, sns: Any, topic: str, hook: Receiver
) -> None:
    subscribed(shared_node, topic, hook)
    others, answered = iter([False]), threading.Event()
    hook.while_answering = lambda: next(others, True) or answered.wait(30)
    entries = [{"Id": str(number), "Message": str(number)} for number in range(8)]
    sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    try:
        while waiting(shared_node) > 1:
            pass
        assert len(hook.got) == 8
    finally:
        answered.set()
    shared_node.settle()
    assert waiting(shared_node) == 0


def waiting(node: RunningNode) -> int:
    """How many messages nobody has taken yet."""
    return len(node.run(node.node.store.read(lambda tx: tx.all("SELECT id FROM sns_posts"))))


def test_credentials_in_the_url_are_told_to_who_asks_for_them_and_to_nobody_else(
    shared_node: RunningNode, sns: Any, topic: str, hook: Receiver
) -> None:
    with_user = hook.url.replace("//", "//us%40er:pass@")
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=with_user)
    shared_node.settle()
    hook.confirm()
    hook.answers = [(401, {"www-authenticate": 'Basic realm="r"'})]
    publish(shared_node, topic)
    first, second = hook.taken()
    assert "authorization" not in first.headers
    assert second.headers["authorization"] == "Basic " + base64.b64encode(b"us@er:pass").decode()
    hook.answers = [(401, {"www-authenticate": 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'})]
    publish(shared_node, topic)
    _, digest = hook.taken()
    assert digest.headers["authorization"].startswith('Digest username="us@er", realm="r", nonce="n"')
    told = shared_node.run(shared_node.node.telemetry.recent_notes(kind="event", limit=50))
    assert hook.url in {note.resource for note in told}
    assert not any("pass" in note.resource for note in told)


def test_https_needs_a_certificate_that_the_node_was_told_to_trust(tmp_path: Path) -> None:
    certificate, context = certified(tmp_path)
    for trust, is_taken in ((certificate, True), (None, False)):
        with receiver(context) as hook, running_node(tmp_path / str(is_taken), trust=trust) as node:
            topic = node.client("sns").create_topic(Name="t")["TopicArn"]
            asked(node, topic, hook)
            assert bool(hook.got) == is_taken


# --- whom a message must not reach -----------------------------------------------------------------------------------


def test_a_message_reaches_neither_the_nodes_administration_nor_its_api(
    shared_node: RunningNode, sns: Any, topic: str, hook: Receiver
) -> None:
    """Whoever may subscribe would otherwise speak to it as somebody on this machine."""
    arn = subscribed(shared_node, topic, hook, RawMessageDelivery="true")
    queue = sink(shared_node, "untouched")
    before = shared_node.node.clock.offset_s
    for path in (
        "_wakeful/clock",
        "",
        "000000000000/untouched?Action=SendMessage&MessageBody=m",
        "_wakeful/lambda/replays",
    ):
        redirect(shared_node, arn, f"{shared_node.endpoint}/{path}")
        publish(shared_node, topic, '{"advance_s": 1000}')
    assert shared_node.node.clock.offset_s == before
    assert queue.bodies() == []
    assert measured(shared_node, topic, "NumberOfNotificationsFailed") == 4
    queue.delete()


def redirect(node: RunningNode, arn: str, endpoint: str) -> None:
    """The confirmed subscription is one to this endpoint."""

    def change(tx: Any) -> None:
        tx.lock("sns", arn)
        tx.run("UPDATE sns_subscriptions SET endpoint = ? WHERE arn = ?", endpoint, arn)

    node.run(node.node.store.write(change))


def test_a_node_that_others_can_reach_sends_to_public_addresses_alone(tmp_path: Path, hook: Receiver) -> None:
    with running_node(tmp_path, internal_endpoints=False) as node:
        sns = node.client("sns")
        topic = sns.create_topic(Name="t")["TopicArn"]
        for host in ("127.0.0.1", "localhost", "x.localhost", "10.0.0.1", "[::1]", "[fd00::1]", "0.0.0.0"):
            assert refusal(sns.subscribe, TopicArn=topic, Protocol="http", Endpoint=f"http://{host}/") == (
                "AuthorizationError",
                "Not authorized to subscribe internal endpoints",
            )
        arn = sns.subscribe(
            TopicArn=topic, Protocol="http", Endpoint="http://example.com/", ReturnSubscriptionArn=True
        )["SubscriptionArn"]
        redirect(node, arn, hook.url)  # as a name that leads here would
        asked_again = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint="http://example.com/")
        assert asked_again["SubscriptionArn"] == "pending confirmation"
        node.settle()
        assert hook.got == []
