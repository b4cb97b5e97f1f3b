"""What a function's result says to an HTTP client: format 2.0, or a body alone, or nothing that makes sense."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.services.lambda_.urls.answers import Malformed, answer_of, refusal
from wakeful.wire.message import HttpResponse

JSON = {"content-type": "application/json"}


def answered(result: Any) -> HttpResponse:
    return answer_of(json.dumps(result).encode())


@pytest.mark.parametrize("result", [{"hello": "world"}, ["hello", 3, True], 3, 3.1, True, None, {}])
def test_any_result_without_a_status_is_a_body(result: Any) -> None:
    response = answered(result)
    assert (response.status, response.headers) == (200, JSON)
    assert json.loads(response.body) == result


def test_a_string_is_its_text() -> None:
    response = answered("hello ü")
    assert (response.status, response.headers, response.body) == (200, JSON, "hello ü".encode())


def test_a_whole_answer_is_what_it_says() -> None:
    response = answered(
        {
            "statusCode": 201,
            "headers": {"Content-Type": "text/plain", "X-Own": "v", "x-number": 5, "x-yes": True},
            "body": "made",
            "cookies": ["a=1; Secure", "b=2"],
            "isBase64Encoded": False,
        }
    )
    assert (response.status, response.body) == (201, b"made")
    assert response.headers == {"content-type": "text/plain", "x-own": "v", "x-number": "5", "x-yes": "true"}
    assert response.more_headers == (("set-cookie", "a=1; Secure"), ("set-cookie", "b=2"))


def test_a_status_may_be_a_string_and_all_else_missing() -> None:
    response = answered({"statusCode": "418"})
    assert (response.status, response.headers, response.body) == (418, JSON, b"")


def test_a_body_in_base64_is_bytes() -> None:
    body = bytes(range(256))
    result = {"statusCode": 200, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    assert answered(result).body == body


def test_a_body_that_is_no_string_is_json() -> None:
    assert answered({"statusCode": 200, "body": {"a": [1, "ü"]}}).body == '{"a":[1,"ü"]}'.encode()


def test_the_function_cannot_speak_of_the_connection() -> None:
    headers = {
        "Content-Length": "7",
        "Transfer-Encoding": "chunked",
        "Connection": "close",
        "WWW-Authenticate": "Bearer",
    }
    assert answered({"statusCode": 401, "headers": headers}).headers == {
        **JSON,
        "x-amzn-remapped-content-length": "7",
        "x-amzn-remapped-connection": "close",
        "x-amzn-remapped-www-authenticate": "Bearer",
    }


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "fine"},
        {"statusCode": 42},
        {"statusCode": 101},
        {"statusCode": True},
        {"statusCode": 200.5},
        {"statusCode": [200]},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"a": "b\r\nset-cookie: c"}},
        {"statusCode": 200, "headers": {"a\r\nb": "c"}},
        {"statusCode": 200, "headers": {"a": "\u4e2d"}},
        {"statusCode": 200, "cookies": "a=b"},
        {"statusCode": 200, "cookies": ["a=b\nc"]},
        {"statusCode": 200, "body": "no base64!", "isBase64Encoded": True},
    ],
)
def test_what_no_client_can_be_told_is_refused(result: Any) -> None:
    with pytest.raises(Malformed):
        answered(result)


@pytest.mark.parametrize("payload", [b"", b"{", b"plain", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(payload: bytes) -> None:
    with pytest.raises(Malformed):
        answer_of(payload)


def test_a_failed_function_is_a_bad_gateway() -> None:
    assert (refusal().status, refusal().body) == (502, b"Internal Server Error")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats().filter(math.isfinite) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ANSWERS = st.fixed_dictionaries(
    {"statusCode": st.integers(90, 620) | VALUES},
    optional={"headers": VALUES, "body": VALUES, "cookies": VALUES, "isBase64Encoded": VALUES},
)


@given(VALUES | ANSWERS)
def test_whatever_a_function_answers_can_be_sent_or_is_refused(result: Any) -> None:
    try:
        response = answered(result)
    except Malformed:
        return
    assert 200 <= response.status <= 599
    assert isinstance(response.body, bytes)
    for name, value in (*response.headers.items(), *response.more_headers):
        assert not set("\r\n\0") & set(name + value)
        assert name == name.lower()
        (name + value).encode("latin-1")
