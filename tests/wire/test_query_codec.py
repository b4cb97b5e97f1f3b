"""Forms in, XML out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.wire.test_codec import target_of
from tests.wire.test_round_trip import CATALOGUE, REQUEST_ID
from wakeful.wire import codec
from wakeful.wire.errors import MalformedInput
from wakeful.wire.message import HttpRequest

FORM = "application/x-www-form-urlencoded"


def read(action: str, version: str, fields: dict[str, str], path: str = "/") -> dict[str, Any]:
    body = urlencode({"Action": action, "Version": version, **fields}).encode()
    http = HttpRequest("POST", path, "", {"content-type": FORM, "host": "127.0.0.1:4566"}, body)
    return codec.read(CATALOGUE.identify(http), http)


def iam(action: str, **fields: str) -> dict[str, Any]:
    return read(action, "2010-05-08", {name.replace("__", "."): value for name, value in fields.items()})


def sqs(action: str, fields: dict[str, str], path: str = "/") -> dict[str, Any]:
    return read(action, "2012-11-05", fields, path)


def test_elements_of_a_list_are_taken_in_the_order_of_their_numbers() -> None:
    fields = {f"TagKeys__member__{number}": f"{number}" for number in (10, 2, 1, 30)}
    assert iam("UntagRole", RoleName="r", **fields) == {"RoleName": "r", "TagKeys": ["1", "2", "10", "30"]}


def test_an_empty_value_is_an_empty_list() -> None:
    assert iam("UntagRole", RoleName="r", TagKeys="") == {"RoleName": "r", "TagKeys": []}
    assert iam("UntagRole", TagKeys="", TagKeys__member__1="a") == {"TagKeys": ["a"]}


@pytest.mark.parametrize(
    "fields",
    [
        {"MaxItems": "many"},
        {"MaxItems": ""},
        {"MaxItems": "1_000"},
        {"MaxItems": "99999999999999999999"},
        {"MaxItems.1": "1"},
        {"RoleName": "r", "RoleName.x": "y"},
        {"RoleName.x": "y", "RoleName": "r"},
        {"Tags": "x"},
        {"Tags.member.1": "x"},
        {"Tags.member.x.Key": "k"},
        {"Tags.member.-1.Key": "k"},
        {"Tags.member.99999999999.Key": "k"},
        {"Tags.member.²": "k"},
        {"Tags." + "a." * 40 + "b": "x"},
        {"..": "x", "...": "y", "": "z", "Tags.member..Key": "k"},
    ],
)
def test_a_form_that_makes_no_sense_is_malformed_input(fields: dict[str, str]) -> None:
    with pytest.raises(MalformedInput):
        read("ListRoleTags" if "MaxItems" in str(fields) else "TagRole", "2010-05-08", fields)


def test_the_older_protocol_of_sqs_has_its_own_names() -> None:
    assert sqs(
        "SendMessage",
        {
            "MessageBody": "b",
            "MessageAttribute.1.Name": "n",
            "MessageAttribute.1.Value.DataType": "Binary",
            "MessageAttribute.1.Value.BinaryValue": "aGk=",
            "MessageSystemAttribute.1.Name": "AWSTraceHeader",
            "MessageSystemAttribute.1.Value.StringValue": "t",
            "MessageSystemAttribute.1.Value.DataType": "String",
        },
        path="/000000000000/q",
    ) == {
        "QueueUrl": "http://127.0.0.1:4566/000000000000/q",
        "MessageBody": "b",
        "MessageAttributes": {"n": {"DataType": "Binary", "BinaryValue": b"hi"}},
        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "t"}},
    }
    assert sqs(
        "CreateQueue",
        {"QueueName": "q", "Attribute.1.Name": "A", "Attribute.1.Value": "1", "Tag.1.Key": "k", "Tag.1.Value": ""},
    ) == {
        "QueueName": "q",
        "Attributes": {"A": "1"},
        "tags": {"k": ""},
    }
    assert sqs("GetQueueAttributes", {"QueueUrl": "u", "AttributeName.1": "All"}) == {
        "QueueUrl": "u",
        "AttributeNames": ["All"],
    }
    assert sqs("GetQueueAttributes", {"QueueUrl": "u", "AttributeName": "All"}) == {
        "QueueUrl": "u",
        "AttributeNames": ["All"],
    }
    entries = {"SendMessageBatchRequestEntry.1.Id": "1", "SendMessageBatchRequestEntry.1.MessageBody": "b"}
    assert sqs("SendMessageBatch", {"QueueUrl": "u", **entries})["Entries"] == [{"Id": "1", "MessageBody": "b"}]


def test_a_queue_that_is_named_is_not_taken_from_the_path() -> None:
    assert sqs("PurgeQueue", {"QueueUrl": "u"}, path="/000000000000/q") == {"QueueUrl": "u"}
    assert sqs("PurgeQueue", {}) == {}


def test_an_entry_without_its_name_is_malformed() -> None:
    with pytest.raises(MalformedInput, match="has no Name"):
        sqs("CreateQueue", {"Attribute.1.Value": "1"})


def answer(service: str, name: str, value: dict[str, Any] | None) -> str:
    operation = CATALOGUE.operation(service, name, "query")
    assert operation is not None
    response = codec.write(target_of(operation, {}, {}, {}), value, REQUEST_ID, HttpRequest("POST", "/", "", {}))
    assert response.headers == {"x-amzn-requestid": REQUEST_ID, "content-type": "text/xml"}
    return response.body.decode()


def test_an_answer_is_wrapped_twice() -> None:
    assert answer("sns", "Publish", {"MessageId": "<1>"}) == (
        '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
        "<MessageId>&lt;1&gt;</MessageId></PublishResult>"
        f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></PublishResponse>"
    )
    assert "Result>" not in answer("iam", "DeleteRole", None)


def test_an_empty_list_is_an_empty_element() -> None:
    assert "<Users></Users><IsTruncated>false</IsTruncated>" in answer(
        "iam", "ListUsers", {"IsTruncated": False, "Users": []}
    )


def test_seconds_are_written_as_iso_8601() -> None:
    told = answer("sts", "AssumeRole", {"Credentials": {"Expiration": 1700000000.999}})
    assert "<Expiration>2023-11-14T22:13:20Z</Expiration>" in told


def test_the_older_protocol_of_sqs_repeats_flat_elements() -> None:
    value = {"Messages": [{"MessageId": "1", "Attributes": {"SenderId": "me"}}, {"MessageId": "2"}]}
    assert answer("sqs", "ReceiveMessage", value).startswith(
        '<ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><ReceiveMessageResult>'
        "<Message><MessageId>1</MessageId><Attribute><Name>SenderId</Name><Value>me</Value></Attribute></Message>"
        "<Message><MessageId>2</MessageId></Message></ReceiveMessageResult>"
    )
