"""What may be published, and how it looks to each kind of subscriber."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.services.sns import message as messages
from wakeful.services.sns.errors import InvalidParameterException, InvalidParameterValueException
from wakeful.services.sns.message import Message, read
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic

TOPIC = Topic("arn:aws:sns:us-east-1:000000000000:t", "000000000000", "us-east-1", "t", {}, {}, 0)
SUBSCRIPTION = Subscription(
    arn=f"{TOPIC.arn}:5a3b0d1e-0000-4000-8000-000000000000",
    topic=TOPIC.arn,
    account="000000000000",
    protocol="sqs",
    endpoint="arn:aws:sqs:us-east-1:000000000000:q",
    attributes={},
    principal="arn:aws:iam::000000000000:root",
    base_url="http://127.0.0.1:4566",
    created=0.0,
    token=None,
)
AT = 1_332_998_000.9014


def envelope(message: Message) -> str:
    return messages.envelope(message, message.text("sqs"), TOPIC, SUBSCRIPTION, AT)


def test_a_queue_gets_an_envelope_laid_out_as_aws_lays_it_out() -> None:
    message = Message(
        default='say "hé"',
        subject="s",
        attributes={
            "text": {"DataType": "String", "StringValue": "v"},
            "bytes": {"DataType": "Binary", "BinaryValue": "AgM="},
        },
        id="22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    )
    assert envelope(message) == (
        "{\n"
        '  "Type" : "Notification",\n'
        '  "MessageId" : "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",\n'
        '  "TopicArn" : "arn:aws:sns:us-east-1:000000000000:t",\n'
        '  "Subject" : "s",\n'
        '  "Message" : "say \\"hé\\"",\n'
        '  "Timestamp" : "2012-03-29T05:13:20.901Z",\n'
        '  "UnsubscribeURL" : "http://127.0.0.1:4566/?Action=Unsubscribe&Version=2010-03-31&SubscriptionArn='
        'arn:aws:sns:us-east-1:000000000000:t:5a3b0d1e-0000-4000-8000-000000000000",\n'
        '  "MessageAttributes" : {\n'
        '    "text" : {"Type":"String","Value":"v"},\n'
        '    "bytes" : {"Type":"Binary","Value":"AgM="}\n'
        "  }\n"
        "}"
    )


def test_what_was_not_published_is_not_in_the_envelope() -> None:
    assert json.loads(envelope(Message("m"))).keys() == {
        "Type",
        "MessageId",
        "TopicArn",
        "Message",
        "Timestamp",
        "UnsubscribeURL",
    }


def test_a_function_gets_a_record_with_every_member() -> None:
    message = Message("m", attributes={"n": {"DataType": "Number", "StringValue": "1"}})
    (record,) = json.loads(messages.function_event(message, "m", TOPIC, SUBSCRIPTION, AT))["Records"]
    assert (record["EventSource"], record["EventVersion"]) == ("aws:sns", "1.0")
    assert record["EventSubscriptionArn"] == SUBSCRIPTION.arn
    assert record["Sns"] == {
        "Type": "Notification",
        "MessageId": message.id,
        "TopicArn": TOPIC.arn,
        "Subject": None,
        "Message": "m",
        "Timestamp": "2012-03-29T05:13:20.901Z",
        "UnsubscribeUrl": SUBSCRIPTION.unsubscribe_url,
        "MessageAttributes": {"n": {"Type": "Number", "Value": "1"}},
    }


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))
def test_any_text_comes_through_the_envelope(body: str, value: str) -> None:
    attributes = {"a": {"DataType": "String", "StringValue": value}}
    document = json.loads(envelope(Message(body, attributes=attributes)))
    assert document["Message"] == body
    assert document["MessageAttributes"]["a"]["Value"] == value


def test_a_message_may_have_other_words_for_single_protocols() -> None:
    body = json.dumps({"default": "d", "sqs": "for queues", "lambda": 5, "email": "e"})
    message = read({"Message": body, "MessageStructure": "json"})
    assert [message.text(protocol) for protocol in ("sqs", "lambda", "http")] == ["for queues", "d", "d"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "Invalid parameter: Message Structure - JSON message body failed to parse"),
        ('["default"]', "Invalid parameter: Message Structure - JSON message body failed to parse"),
        ('{"default": "\\ud800"}', "Invalid parameter: Message Structure - JSON message body failed to parse"),
        ('{"sqs": "x"}', "Invalid parameter: Message Structure - No default entry in JSON message body"),
        ('{"default": {"a": 1}}', "Invalid parameter: Message Structure - No default entry in JSON message body"),
        ("[" * 100_000, "Invalid parameter: Message Structure - JSON message body failed to parse"),
    ],
)
def test_words_for_protocols_have_to_be_json_with_a_default(body: str, message: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        read({"Message": body, "MessageStructure": "json"})
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"Message": ""}, "Invalid parameter: Empty message"),
        ({"Message": "m", "Subject": ""}, "Invalid parameter: Subject"),
        ({"Message": "m", "Subject": "x" * 101}, "Invalid parameter: Subject"),
        ({"Message": "m", "Subject": "two\nlines"}, "Invalid parameter: Subject"),
        ({"Message": "m", "MessageStructure": "xml"}, "Invalid parameter: MessageStructure"),
        ({"Message": "m", "MessageDeduplicationId": "with space"}, "Invalid parameter: MessageDeduplicationId"),
        ({"Message": "m", "MessageGroupId": "with space"}, "Invalid parameter: MessageGroupId"),
    ],
)
def test_what_cannot_be_published_is_refused(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        read(request_)
    assert refused.value.message.startswith(message)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a" * 257, "v", "Length of message attribute name must be less than 256 bytes."),
        (
            "a^b",
            "v",
            "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include"
            " alphanumeric characters, hyphens, underscores, or dots.",
        ),
        (".a", "v", "Invalid message attribute name starting with character '.' was found."),
        ("a.", "v", "Invalid message attribute name ending with character '.' was found."),
        ("a..b", "v", "Message attribute name can not have successive '.' character."),
        ("", "v", "The message attribute name must not be empty."),
    ],
)
def test_a_name_that_no_attribute_may_have_is_refused(name: str, value: str, message: str) -> None:
    with pytest.raises(InvalidParameterValueException) as refused:
        read({"Message": "m", "MessageAttributes": {name: {"DataType": "String", "StringValue": value}}})
    assert refused.value.message == message


_PREFIXES = "the set of supported type prefixes is Binary, Number, and String."


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"DataType": ""}, "The message attribute 'a' must contain non-empty message attribute type."),
        ({"DataType": "Stringprefixed", "StringValue": "x"}, f"an invalid message attribute type, {_PREFIXES}"),
        (
            {"DataType": "String", "StringValue": ""},
            "must contain non-empty message attribute value for message attribute type 'String'.",
        ),
        ({"DataType": "Binary", "BinaryValue": b""}, "attribute value for message attribute type 'Binary'."),
        ({"DataType": "String", "BinaryValue": b"x"}, "with type 'String' must use field 'String'."),
        ({"DataType": "Number", "BinaryValue": b"x"}, "with type 'Number' must use field 'String'."),
        ({"DataType": "Binary", "StringValue": "x"}, "with type 'Binary' must use field 'Binary'."),
        ({"DataType": "Number", "StringValue": "many"}, "Could not cast message attribute 'a' value to number."),
    ],
)
def test_a_value_that_no_attribute_may_have_is_refused(value: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterValueException) as refused:
        read({"Message": "m", "MessageAttributes": {"a": value}})
    assert message in refused.value.message


def test_a_messages_size_counts_names_types_and_values_in_bytes() -> None:
    attributes = {
        "ä": {"DataType": "String", "StringValue": "üü"},
        "b": {"DataType": "Binary.x", "BinaryValue": b"\x00" * 10},
    }
    assert read({"Message": "é", "MessageAttributes": {"b": attributes["b"]}}).size == 2 + 1 + 8 + 10
    assert messages.size_of({"ä": {"DataType": "String", "StringValue": "üü"}}) == 2 + 6 + 4
