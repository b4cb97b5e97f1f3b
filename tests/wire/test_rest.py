"""Members outside the body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.test_codec import target_of
from tests.wire.test_detect import request
from tests.wire.test_round_trip import CATALOGUE, REQUEST_ID
from wakeful.wire import codec, rest
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest, HttpResponse


def read(line: str, body: bytes = b"", **headers: Any) -> dict[str, Any]:
    http = request(line, body, scope="s3" if not line.partition(" ")[2].startswith("/20") else "lambda", **headers)
    return codec.read(CATALOGUE.identify(http), http)


def refusal(line: str, **headers: Any) -> AwsError:
    with pytest.raises(AwsError) as caught:
        read(line, **headers)
    return caught.value


def answer(service: str, name: str, value: dict[str, Any], method: str = "GET") -> HttpResponse:
    operation = CATALOGUE.operation(service, name)
    assert operation is not None
    return codec.write(target_of(operation, {}, {}, {}), value, REQUEST_ID, HttpRequest(method, "/", "", {}))


async def whole(body: Any) -> bytes:
    return b"".join([piece async for piece in body])


def test_query_parameters_have_their_types() -> None:
    asked = read("GET /b?list-type=2&max-keys=5&fetch-owner=true&prefix=a%2Fb+c&start-after=")
    assert asked == {"Bucket": "b", "MaxKeys": 5, "FetchOwner": True, "Prefix": "a/b c", "StartAfter": ""}


def test_a_number_that_is_none_is_an_invalid_argument_of_s3() -> None:
    error = refusal("GET /b?max-keys=many")
    assert (error.shape_name, error.message) == (
        "InvalidArgument",
        "Provided max-keys not an integer or within integer range",
    )
    assert error.members == {"ArgumentName": "max-keys", "ArgumentValue": "many"}
    assert refusal("GET /2015-03-31/functions?MaxItems=many").shape_name == "SerializationException"


def test_headers_have_their_types() -> None:
    asked = read(
        "PUT /b/k",
        content_length="5",
        x_amz_object_lock_retain_until_date="2023-11-14T22:13:20Z",
        x_amz_server_side_encryption_bucket_key_enabled="true",
        expires="whenever",
    )
    assert asked["ContentLength"] == 5
    assert asked["ObjectLockRetainUntilDate"] == 1700000000
    assert asked["BucketKeyEnabled"] is True
    assert asked["Expires"] == "whenever"
    assert refusal("PUT /b/k", x_amz_object_lock_retain_until_date="soon").shape_name == "InvalidArgument"


def test_a_condition_whose_date_cannot_be_read_is_ignored() -> None:
    assert read("GET /b/k", if_modified_since="Tue, 14 Nov 2023 22:13:20 GMT")["IfModifiedSince"] == 1700000000
    assert "IfModifiedSince" not in read("GET /b/k", if_modified_since="nonsense")


def test_metadata_is_what_has_the_prefix() -> None:
    assert read("PUT /b/k", x_amz_meta_a="1", x_amz_metadata_directive="x")["Metadata"] == {"a": "1"}
    assert "Metadata" not in read("PUT /b/k")


@given(
    st.lists(
        st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Zs")), min_size=1).filter(
            lambda text: text == text.strip() and "\\" not in text
        ),
        max_size=4,
    )
)
def test_a_list_in_a_header_is_split_as_clients_join_it(items: list[str]) -> None:
    quoted = ['"' + item.replace('"', '\\"') + '"' if '"' in item or "," in item else item for item in items]
    assert rest.split_header(",".join(quoted)) == items


def test_a_list_in_a_header_is_a_list() -> None:
    asked = read("GET /b/k?attributes", x_amz_object_attributes="ETag, ObjectSize,")
    assert asked["ObjectAttributes"] == ["ETag", "ObjectSize"]


def test_a_streaming_body_is_handed_on_as_a_stream() -> None:
    assert asyncio.run(whole(read("PUT /b/k", b"hello")["Body"])) == b"hello"
    assert asyncio.run(whole(read("PUT /b/k")["Body"])) == b""
    stream = rest.Whole(b"x")
    http = request("PUT /b/k", scope="s3")
    http.stream = stream
    assert codec.read(CATALOGUE.identify(http), http)["Body"] is stream


def test_framing_is_not_part_of_the_object() -> None:
    framed: dict[str, Any] = {"content_length": "99", "x_amz_decoded_content_length": "5"}
    assert read("PUT /b/k", content_encoding="aws-chunked,gzip", **framed)["ContentEncoding"] == "gzip"
    asked = read("PUT /b/k", content_encoding="aws-chunked", **framed)
    assert ("ContentEncoding" in asked, asked["ContentLength"]) == (False, 5)
    assert read("PUT /b/k", **framed)["ContentLength"] == 5
    assert "ContentLength" not in read("PUT /b/k", content_encoding="aws-chunked", content_length="99")


def test_lambdas_payload_is_whole_and_not_copied() -> None:
    body = b'{"a": 1}'
    asked = read("POST /2015-03-31/functions/f/invocations?Qualifier=1", body, x_amz_invocation_type="Event")
    assert asked == {"FunctionName": "f", "Qualifier": "1", "InvocationType": "Event", "Payload": body}
    assert asked["Payload"] is body


def test_a_text_payload_is_text() -> None:
    assert read("PUT /b?policy", b'{"a": "\xc3\xa4"}')["Policy"] == '{"a": "ä"}'
    assert "Policy" not in read("PUT /b?policy")
    with pytest.raises(AwsError):
        read("PUT /b?policy", b"\xff")


def test_a_status_may_come_from_the_handler() -> None:
    response = answer("lambda", "Invoke", {"StatusCode": 202})
    assert (response.status, response.body) == (202, b"")
    response = answer("lambda", "Invoke", {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": b"{}"})
    assert response.headers["x-amz-function-error"] == "Unhandled"
    assert (response.headers["content-type"], response.body) == ("application/json", b"{}")
    assert answer("lambda", "CreateFunction", {"FunctionName": "f"}).status == 201


def test_an_object_streams_out_with_its_headers() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"hello"

    body = pieces()
    value = {"Body": body, "ETag": '"e"', "LastModified": 1700000000.9, "ContentLength": 5, "Metadata": {"A": "1"}}
    response = answer("s3", "GetObject", value)
    assert response.stream is body
    assert response.headers | {"x-amz-id-2": ""} == {
        "x-amz-request-id": REQUEST_ID,
        "x-amz-id-2": "",
        "etag": '"e"',
        "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT",
        "content-length": "5",
        "x-amz-meta-a": "1",
        "content-type": "binary/octet-stream",
    }
    assert asyncio.run(whole(response.stream)) == b"hello"


def test_an_answer_to_head_has_headers_only() -> None:
    response = answer("s3", "HeadObject", {"ContentLength": 5, "ETag": '"e"'}, method="HEAD")
    assert (response.body, response.headers["content-length"]) == (b"", "5")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("a\r\nset-cookie: x", "a  set-cookie: x"),
        ("a\tb\x00\x7f", "a\tb  "),
        ("ä", "ä"),
        ("€ 5", "=?UTF-8?Q?=E2=82=AC_5?="),
    ],
)
def test_no_value_can_become_a_header(text: str, written: str) -> None:
    assert answer("s3", "GetObject", {"ContentDisposition": text}).headers["content-disposition"] == written
    written.encode("latin-1")


def test_a_configuration_is_its_own_root() -> None:
    value = {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}
    assert answer("s3", "GetPublicAccessBlock", value).body.endswith(
        b'<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>"
    )
    assert answer("s3", "GetPublicAccessBlock", {}).body == b""
