"""JSON in AWS's manner."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.test_codec import target_of
from tests.wire.test_round_trip import CATALOGUE, REQUEST_ID
from wakeful.wire import codec
from wakeful.wire.errors import SerializationException
from wakeful.wire.message import HttpRequest


def read(service: str, name: str, body: bytes) -> dict[str, Any]:
    operation = CATALOGUE.operation(service, name)
    assert operation is not None
    return codec.read(target_of(operation, {}, {}, {}), HttpRequest("POST", "/", "", {}, body))


def refusal(service: str, name: str, body: bytes) -> str:
    with pytest.raises(SerializationException) as caught:
        read(service, name, body)
    return caught.value.message


def test_null_and_unknown_members_are_as_if_they_were_not_there() -> None:
    assert read("sqs", "SendMessage", b'{"QueueUrl": "u", "DelaySeconds": null, "Nonsense": 5}') == {"QueueUrl": "u"}


def test_no_body_is_an_empty_request() -> None:
    assert read("sqs", "ListQueues", b"") == {}


def test_of_duplicate_keys_the_last_one_counts() -> None:
    assert read("sqs", "SendMessage", b'{"QueueUrl": "a", "QueueUrl": "b"}') == {"QueueUrl": "b"}


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"{",
        b'{"a": NaN}',
        b'{"a": 1,}',
        b"\xff",
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b"[" * 5000,
        b"{} {}",
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert refusal("sqs", "SendMessage", body) == "The request body is not valid JSON."


@pytest.mark.parametrize(
    ("member", "value", "complaint"),
    [
        ("MessageBody", b"5", "NUMBER_VALUE cannot be converted to String"),
        ("MessageBody", b"5.5", "DECIMAL_VALUE cannot be converted to String"),
        ("MessageBody", b"true", "TRUE_VALUE cannot be converted to String"),
        ("MessageBody", b"false", "FALSE_VALUE cannot be converted to String"),
        ("MessageBody", b"{}", "Start of structure or map found where not expected"),
        ("MessageBody", b"[]", "Unrecognized collection type class java.lang.String"),
        ("DelaySeconds", b'"5"', "STRING_VALUE cannot be converted to Integer"),
        ("DelaySeconds", b"true", "TRUE_VALUE cannot be converted to Integer"),
        ("DelaySeconds", b"1e30", "DECIMAL_VALUE cannot be converted to Integer"),
        ("DelaySeconds", b"9223372036854775808", "NUMBER_VALUE cannot be converted to Integer"),
        ("DelaySeconds", b"99999999999999999999999", "DECIMAL_VALUE cannot be converted to Integer"),
        ("MessageAttributes", b'"a"', "Unexpected field type"),
        ("MessageAttributes", b"[]", "Start of list found where not expected"),
        ("MessageAttributes", b'{"a": 5}', "Unexpected field type"),
        ("MessageAttributes", b'{"a": {"BinaryValue": 5}}', "only base-64-encoded strings are convertible to bytes"),
        (
            "MessageAttributes",
            b'{"a": {"BinaryValue": "aGk"}}',
            "Base64 encoded length is expected a multiple of 4 bytes but found: 3",
        ),
        ("MessageAttributes", b'{"a": {"BinaryValue": "a*Gk"}}', "Invalid Base64 character in a blob"),
        ("MessageAttributes", b'{"a": {"StringListValues": {}}}', "Start of structure or map found where not expected"),
    ],
)
def test_a_value_of_another_type_is_refused_in_the_frameworks_words(member: str, value: bytes, complaint: str) -> None:
    assert refusal("sqs", "SendMessage", b'{"%s": %s}' % (member.encode(), value)) == complaint


def test_the_body_itself_must_be_a_structure() -> None:
    assert refusal("sqs", "SendMessage", b"[]") == "Start of list found where not expected"
    assert refusal("sqs", "SendMessage", b"5") == "Unexpected field type"


def test_fractions_are_cut_off_where_an_integer_is_wanted() -> None:
    assert read("sqs", "SendMessage", b'{"DelaySeconds": 5.0}') == {"DelaySeconds": 5}
    assert type(read("sqs", "SendMessage", b'{"DelaySeconds": 5.7}')["DelaySeconds"]) is int


def test_a_boolean_may_be_spelt_as_a_string() -> None:
    assert read("events", "DeleteRule", b'{"Name": "r", "Force": "TRUE"}') == {"Name": "r", "Force": True}
    assert refusal("events", "DeleteRule", b'{"Force": "yes"}') == "Unexpected token received from parser"
    assert refusal("events", "DeleteRule", b'{"Force": 1}') == "NUMBER_VALUE cannot be converted to Boolean"


def test_a_null_in_a_list_is_left_for_the_checks() -> None:
    assert read("sqs", "UntagQueue", b'{"TagKeys": ["a", null]}') == {"TagKeys": ["a", None]}


def test_points_in_time_are_seconds() -> None:
    def time_of(value: bytes) -> Any:
        return read("events", "PutEvents", b'{"Entries": [{"Time": %s}]}' % value)["Entries"][0]["Time"]

    assert time_of(b"1700000000") == 1700000000
    assert time_of(b"1700000000.123") == 1700000000.123
    assert time_of(b'"2023-11-14T22:13:20Z"') == 1700000000
    for value, complaint in ((b'"soon"', "STRING_VALUE"), (b"true", "TRUE_VALUE"), (b"1e18", "NUMBER_VALUE")):
        with pytest.raises(SerializationException, match=f"{complaint} cannot be converted to Date"):
            time_of(value)


def test_an_answer_has_the_protocols_headers() -> None:
    operation = CATALOGUE.operation("logs", "PutLogEvents")
    assert operation is not None
    http = HttpRequest("POST", "/", "", {})
    response = codec.write(target_of(operation, {}, {}, {}), {"nextSequenceToken": "1"}, REQUEST_ID, http)
    assert response.headers == {"x-amzn-requestid": REQUEST_ID, "content-type": "application/x-amz-json-1.1"}
    assert response.body == b'{"nextSequenceToken":"1"}'


def test_an_operation_without_output_answers_nothing() -> None:
    operation = CATALOGUE.operation("sqs", "DeleteMessage")
    assert operation is not None
    response = codec.write(target_of(operation, {}, {}, {}), None, REQUEST_ID, HttpRequest("POST", "/", "", {}))
    assert (response.status, response.body) == (200, b"")
