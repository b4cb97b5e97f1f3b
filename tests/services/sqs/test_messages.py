"""Messages: handed out, hidden, counted, buried, and gone for good."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode
from wakeful.services.sqs import attributes as rules
from wakeful.services.sqs.errors import InvalidParameterValue


@pytest.fixture
def sqs(node: RunningNode) -> Any:
    return node.client("sqs")


def make(sqs: Any, name: str = "q", **attributes: str) -> str:
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def bodies(answer: dict[str, Any]) -> list[str]:
    return [message["Body"] for message in answer.get("Messages", [])]


def depth(sqs: Any, url: str) -> tuple[int, int, int]:
    names = ("", "NotVisible", "Delayed")
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    visible, hidden, delayed = (int(found[f"ApproximateNumberOfMessages{name}"]) for name in names)
    return visible, hidden, delayed


def test_a_message_comes_back_as_it_was_sent_with_digests_that_the_client_checks(sqs: Any) -> None:
    url = make(sqs)
    attributes = {
        "text": {"DataType": "String", "StringValue": "grüße"},
        "count": {"DataType": "Number.int", "StringValue": "42"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sent = sqs.send_message(QueueUrl=url, MessageBody="hällo \U0001f600", MessageAttributes=attributes)
    (message,) = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], AttributeNames=["All"])["Messages"]
    assert message["Body"] == "hällo \U0001f600"
    assert message["MessageId"] == sent["MessageId"]
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_received_message_is_hidden_until_its_visibility_ends(node: RunningNode, sqs: Any) -> None:
    url = make(sqs, VisibilityTimeout="30")
    sqs.send_message(QueueUrl=url, MessageBody="m")
    first = sqs.receive_message(QueueUrl=url)["Messages"][0]
    assert bodies(sqs.receive_message(QueueUrl=url)) == []
    assert depth(sqs, url) == (0, 1, 0)
    node.advance(31)
    second = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"][0]
    assert second["MessageId"] == first["MessageId"]
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"


def test_an_old_receipt_handle_deletes_nothing_after_the_message_was_received_again(
    node: RunningNode, sqs: Any
) -> None:
    url = make(sqs)
    sqs.send_message(QueueUrl=url, MessageBody="m")
    old = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    node.advance(31)
    new = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=old)
    assert depth(sqs, url) == (0, 1, 0)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=new)
    assert depth(sqs, url) == (0, 0, 0)


def test_a_message_received_too_often_moves_to_the_dead_letter_queue(node: RunningNode, sqs: Any) -> None:
    dead = make(sqs, "dead")
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url = make(sqs, RedrivePolicy=policy)
    sent = sqs.send_message(QueueUrl=url, MessageBody="poison")
    for _ in range(2):
        assert bodies(sqs.receive_message(QueueUrl=url)) == ["poison"]
        node.advance(31)
    assert bodies(sqs.receive_message(QueueUrl=url)) == []
    (message,) = sqs.receive_message(QueueUrl=dead, AttributeNames=["All"])["Messages"]
    assert message["MessageId"] == sent["MessageId"]
    assert message["Attributes"]["DeadLetterQueueSourceArn"].endswith(":q")
    assert message["Attributes"]["ApproximateReceiveCount"] == "3", "across all queues"
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]
    assert attributes["RedrivePolicy"] == policy, "echoed byte for byte"


def test_a_message_whose_dead_letter_queue_was_deleted_is_not_lost(node: RunningNode, sqs: Any) -> None:
    dead = make(sqs, "dead")
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    url = make(
        sqs,
        VisibilityTimeout="0",
        RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1}),
    )
    sqs.send_message(QueueUrl=url, MessageBody="m")
    sqs.receive_message(QueueUrl=url)
    sqs.delete_queue(QueueUrl=dead)
    assert bodies(sqs.receive_message(QueueUrl=url)) == ["m"]
    node.advance(61)
    again = make(sqs, "dead")
    assert bodies(sqs.receive_message(QueueUrl=url)) == []
    assert bodies(sqs.receive_message(QueueUrl=again)) == ["m"]


def test_a_long_poll_ends_the_moment_a_message_arrives(node: RunningNode, sqs: Any) -> None:
    url = make(sqs)
    received: list[float] = []

    def wait() -> None:
        if bodies(node.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)) == ["m"]:
            received.append(time.monotonic())

    waiting = threading.Thread(target=wait)
    waiting.start()
    node.wait_for_listener("arn:aws:sqs:us-east-1:000000000000:q")
    sent = time.monotonic()
    sqs.send_message(QueueUrl=url, MessageBody="m")
    waiting.join(10)
    assert received, "the long poll came back without the message"
    assert received[0] - sent < 5


def test_a_long_poll_whose_client_has_gone_takes_nothing(node: RunningNode, sqs: Any) -> None:
    url = make(sqs)
    host, _, port = node.endpoint.removeprefix("http://").partition(":")
    form = f"Action=ReceiveMessage&Version=2012-11-05&QueueUrl={url}&WaitTimeSeconds=20"
    scope = "Credential=test/20200101/us-east-1/sqs/aws4_request"
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Authorization: AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0\r\n"
            f"Content-Length: {len(form)}\r\n\r\n{form}".encode()
        )
        node.wait_for_listener("arn:aws:sqs:us-east-1:000000000000:q")
    sqs.send_message(QueueUrl=url, MessageBody="m")
    assert bodies(sqs.receive_message(QueueUrl=url)) == ["m"]


def test_a_long_poll_of_an_empty_queue_ends_with_its_time(node: RunningNode, sqs: Any) -> None:
    url = make(sqs)
    answers: list[Any] = []
    waiting = threading.Thread(
        target=lambda: answers.append(node.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20))
    )
    waiting.start()
    node.wait_for_listener("arn:aws:sqs:us-east-1:000000000000:q")
    node.advance(21)
    waiting.join(10)
    assert [bodies(answer) for answer in answers] == [[]]


def test_a_delayed_message_shows_itself_after_its_delay(node: RunningNode, sqs: Any) -> None:
    url = make(sqs, DelaySeconds="60")
    sqs.send_message(QueueUrl=url, MessageBody="the queue's delay")
    sqs.send_message(QueueUrl=url, MessageBody="its own", DelaySeconds=5)
    assert depth(sqs, url) == (0, 0, 2)
    node.advance(6)
    assert bodies(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)) == ["its own"]
    node.advance(60)
    assert "the queue's delay" in bodies(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10))


def test_changed_visibility_counts_from_now_and_zero_shows_at_once(node: RunningNode, sqs: Any) -> None:
    url = make(sqs)
    sqs.send_message(QueueUrl=url, MessageBody="m")
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=600)
    node.advance(300)
    assert bodies(sqs.receive_message(QueueUrl=url)) == []
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    assert bodies(sqs.receive_message(QueueUrl=url)) == ["m"]


def test_a_message_expires_with_the_queues_retention(node: RunningNode, sqs: Any) -> None:
    url = make(sqs, MessageRetentionPeriod="60")
    sqs.send_message(QueueUrl=url, MessageBody="m")
    node.advance(61)
    assert bodies(sqs.receive_message(QueueUrl=url)) == []
    assert depth(sqs, url) == (0, 0, 0)


def test_a_batch_answers_each_entry_on_its_own(sqs: Any) -> None:
    url = make(sqs, MaximumMessageSize="1024")
    answer = sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": "good", "MessageBody": "x"}, {"Id": "long", "MessageBody": "x" * 1025}]
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("long", "InvalidParameterValue", True)
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    entries = [{"Id": "0", "ReceiptHandle": messages[0]["ReceiptHandle"]}, {"Id": "1", "ReceiptHandle": "nonsense"}]
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["0"]
    assert [entry["Code"] for entry in answer["Failed"]] == ["ReceiptHandleIsInvalid"]
    assert depth(sqs, url) == (0, 0, 0)


def test_an_entry_with_a_wrong_attribute_fails_alone(sqs: Any) -> None:
    url = make(sqs)
    wrong = {"a": {"DataType": "Date", "StringValue": "v"}}
    answer = sqs.send_message_batch(
        QueueUrl=url,
        Entries=[{"Id": "good", "MessageBody": "m"}, {"Id": "bad", "MessageBody": "m", "MessageAttributes": wrong}],
    )
    assert [sent["Id"] for sent in answer["Successful"]] == ["good"]
    assert [(failed["Id"], failed["Code"]) for failed in answer["Failed"]] == [("bad", "InvalidParameterValue")]
    assert depth(sqs, url) == (1, 0, 0)


@pytest.mark.parametrize(
    ("text", "may"),
    [
        *((text, True) for text in ("0", "-0.00e999", " +5 ", "5.", ".5", "1e126", "-1e126", "1e-128", "1" * 38)),
        *((f"0.{'0' * 60}{'1' * 38}", True), ("1" + "0" * 100, True), ("1e0126", True)),
        *((text, False) for text in ("1.1e126", "1e127", "1e-129", "1" * 39, "11e999999", "NaN", "0x5", "1_0", "1e")),
        ("\u0663", False),
    ],
)
def test_a_number_has_38_digits_and_is_between_the_smallest_and_the_largest(text: str, *, may: bool) -> None:
    attributes = {"n": {"DataType": "Number.custom", "StringValue": text}}
    if may:
        rules.check_message_attributes(attributes)
        return
    with pytest.raises(InvalidParameterValue, match="Can't cast the value of message"):
        rules.check_message_attributes(attributes)


def test_the_digests_of_attributes_are_those_that_sqs_makes() -> None:
    text = {"Hello": {"DataType": "String", "StringValue": "World"}}
    number = {"UserId": {"DataType": "Number.bigint", "StringValue": "1234567890123456789012"}}
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "some-trace-id"}}
    assert rules.md5_of(text) == "7db7fb1ba7f41366a8ea5eb18220b26d"
    assert rules.md5_of(number) == "797ab158d73dcb5242dedc4412c8e855"
    assert rules.md5_of(header) == "fdce4f2818803f2f73becc09a54792c0"


def test_an_attribute_that_no_message_has_is_refused(sqs: Any) -> None:
    url = make(sqs)
    for asked in ({"AttributeNames": ["Nonsense"]}, {"MessageSystemAttributeNames": ["Nonsense"]}):
        with pytest.raises(ClientError) as refused:
            sqs.receive_message(QueueUrl=url, **asked)
        assert refused.value.response["Error"]["Code"] == "InvalidAttributeName"


def test_a_long_poll_ends_when_a_message_shows_itself(node: RunningNode, sqs: Any) -> None:
    """After its delay, after its visibility, and when its visibility is changed."""
    url = make(sqs, VisibilityTimeout="10")
    answers: list[list[str]] = []

    def wait() -> threading.Thread:
        def ask() -> None:
            answers.append(bodies(node.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)))

        waiting = threading.Thread(target=ask)
        waiting.start()
        node.wait_for_listener("arn:aws:sqs:us-east-1:000000000000:q")
        return waiting

    sqs.send_message(QueueUrl=url, MessageBody="m", DelaySeconds=5)
    for shows_after_s in (6, 11):
        waiting = wait()
        node.advance(shows_after_s)
        waiting.join(10)
    node.advance(11)
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    waiting = wait()
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    waiting.join(10)
    assert answers == [["m"], ["m"], ["m"]]


def test_only_the_attributes_asked_for_are_shown(sqs: Any) -> None:
    url = make(sqs)
    attributes = {name: {"DataType": "String", "StringValue": name} for name in ("a.one", "a.two", "b")}
    sqs.send_message(QueueUrl=url, MessageBody="m", MessageAttributes=attributes)
    for wanted, shown in (
        (["a.*"], {"a.one", "a.two"}),
        (["b"], {"b"}),
        ([], set()),
        (["All"], {"a.one", "a.two", "b"}),
    ):
        message = sqs.receive_message(QueueUrl=url, MessageAttributeNames=wanted, VisibilityTimeout=0)["Messages"][0]
        assert set(message.get("MessageAttributes", {})) == shown


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        ({"MessageBody": "m", "DelaySeconds": 901}, "InvalidParameterValue", "DelaySeconds must be >= 0 and <= 900"),
        ({"MessageBody": "x" * (1024 * 1024 + 1)}, "InvalidParameterValue", "shorter than 1048576 bytes"),
        (
            {"MessageBody": "m", "MessageAttributes": {"n": {"DataType": "Number", "StringValue": "abc"}}},
            "InvalidParameterValue",
            "Can't cast the value of message (user) attribute 'n' to a number.",
        ),
        (
            {"MessageBody": "m", "MessageAttributes": {"AWS.x": {"DataType": "String", "StringValue": "v"}}},
            "InvalidParameterValue",
            "You can't use message attribute names beginning with 'AWS.'",
        ),
        (
            {
                "MessageBody": "m",
                "MessageAttributes": {"a": {"DataType": "String", "StringValue": "v", "BinaryListValues": [b"v"]}},
            },
            "AWS.SimpleQueueService.UnsupportedOperation",
            "Message attribute list values in SendMessage operation are not supported.",
        ),
        (
            {
                "MessageBody": "m",
                "MessageAttributes": {"a": {"DataType": "String", "StringValue": "v", "BinaryValue": b"v"}},
            },
            "InvalidParameterValue",
            "The message (user) attribute 'a' with type 'String' must use field 'String'.",
        ),
        (
            {
                "MessageBody": "m",
                "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "Binary", "BinaryValue": b"v"}},
            },
            "InvalidParameterValue",
            "AWSTraceHeader",
        ),
        (
            {
                "MessageBody": "m",
                "MessageSystemAttributes": {"SenderId": {"DataType": "String", "StringValue": "somebody"}},
            },
            "InvalidParameterValue",
            "SenderId",
        ),
        ({"MessageBody": "m", "MessageGroupId": "a b"}, "InvalidParameterValue", "MessageGroupId can only include"),
        *(
            ({"MessageBody": "m", "MessageAttributes": {name: value}}, "InvalidParameterValue", words)
            for name, value, words in (
                (
                    "",
                    {"DataType": "String", "StringValue": "v"},
                    "must contain non-empty message (user) attribute names.",
                ),
                ("n" * 257, {"DataType": "String", "StringValue": "v"}, "name must be shorter than 256 bytes."),
                ("with space", {"DataType": "String", "StringValue": "v"}, "can only contain upper and lower score"),
                ("a..b", {"DataType": "String", "StringValue": "v"}, "reserved for internal use."),
                ("n", {"DataType": ""}, "must contain a non-empty attribute type."),
                ("n", {"DataType": "Date", "StringValue": "v"}, "supported type prefixes: Binary, Number, String."),
                ("n", {"DataType": "String." + "x" * 250, "StringValue": "v"}, "type must be shorter than 256 bytes."),
                ("n", {"DataType": "String", "StringValue": ""}, "must contain a non-empty value of type 'String'."),
                ("n", {"DataType": "Binary", "BinaryValue": b""}, "must contain a non-empty value of type 'Binary'."),
                ("n", {"DataType": "String", "StringValue": "\x01"}, "Invalid characters found."),
            )
        ),
        (
            {"MessageBody": "m", "MessageDeduplicationId": "d"},
            "InvalidParameterValue",
            "not valid for this queue type.",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_and_not_in_the_queue(
    shared_node: RunningNode, request_: dict[str, Any], code: str, message: str
) -> None:
    sqs = shared_node.client("sqs")
    url = make(sqs)
    with pytest.raises(ClientError) as refused:
        sqs.send_message(QueueUrl=url, **request_)
    assert refused.value.response["Error"]["Code"] == code
    assert message in refused.value.response["Error"]["Message"]
    assert depth(sqs, url) == (0, 0, 0)


def test_characters_that_no_message_may_hold_are_refused(sqs: Any) -> None:
    url = make(sqs)
    with pytest.raises(sqs.exceptions.InvalidMessageContents):
        sqs.send_message(QueueUrl=url, MessageBody="a\u0001b\ufffec")
    assert depth(sqs, url) == (0, 0, 0)


def test_messages_outlive_the_node(tmp_path: Any) -> None:
    from tests.running_node import running_node

    with running_node(tmp_path) as node:
        sqs = node.client("sqs")
        url = make(sqs)
        sqs.send_message(QueueUrl=url, MessageBody="kept")
    with running_node(tmp_path) as node:
        sqs = node.client("sqs")
        url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
        assert bodies(sqs.receive_message(QueueUrl=url)) == ["kept"]


def test_who_hides_messages_for_no_time_gets_each_once_in_an_answer(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    for body in "ab":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    for _ in range(2):
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]
        assert sorted(each["Body"] for each in got) == ["a", "b"]
