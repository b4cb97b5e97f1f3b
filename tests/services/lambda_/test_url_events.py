"""The event of an HTTP request, in payload format 2.0, as AWS builds it."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote_plus

from hypothesis import given
from hypothesis import strategies as st

from wakeful.fabric.front import Arrival, Place, Signer
from wakeful.fabric.service import Principal
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_.references import Reference
from wakeful.services.lambda_.urls.addresses import Url
from wakeful.services.lambda_.urls.requests import body_shown, cookies_in, event_of, parameters_in
from wakeful.wire.message import HttpRequest

ID = "abcdefghijklmnopqrstuvwxyz012345"
HOST = f"{ID}.lambda-url.us-east-1.on.aws"
URL = Url(ID, Reference("123456789012", "us-east-1", "f"), {"AuthType": "NONE"}, 0, 0)
NOW = 1660809171.317


def event(http: HttpRequest, *, path: str = "", is_by_host: bool = True, signer: Signer | None = None) -> Any:
    async def nobody() -> Signer:
        raise AssertionError("the event does not ask who signed")

    place = Place(ID, path or http.path, is_by_host)
    arrival = Arrival(place, http, "request", Trace("1-62fdefd3-1e5a14477f1ac5860602b53b"), "http", "1.2.3.4", nobody)
    return json.loads(event_of(URL, arrival, signer, NOW))


def request(method: str = "GET", path: str = "/", query: str = "", body: bytes = b"", **headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest(method, path, query, {"host": HOST, **named}, body)


def test_an_unsigned_get_has_what_aws_says_and_no_more() -> None:
    http = request("GET", "/circulation-supply", "network=all", user_agent="curl/8", accept="*/*")
    assert event(http) == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/circulation-supply",
        "rawQueryString": "network=all",
        "headers": {
            "accept": "*/*",
            "host": HOST,
            "user-agent": "curl/8",
            "x-amzn-trace-id": "Root=1-62fdefd3-1e5a14477f1ac5860602b53b",
            "x-forwarded-for": "1.2.3.4",
            "x-forwarded-port": "80",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"network": "all"},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": ID,
            "domainName": HOST,
            "domainPrefix": ID,
            "http": {
                "method": "GET",
                "path": "/circulation-supply",
                "protocol": "HTTP/1.1",
                "sourceIp": "1.2.3.4",
                "userAgent": "curl/8",
            },
            "requestId": "request",
            "routeKey": "$default",
            "stage": "$default",
            "time": "18/Aug/2022:07:52:51 +0000",
            "timeEpoch": 1660809171317,
        },
        "isBase64Encoded": False,
    }


def test_who_signed_is_told() -> None:
    session = Principal("role", "arn:aws:sts::123456789012:assumed-role/r/s", "123456789012", "AROAX:s", "arn:…")
    context = event(request(), signer=Signer(session, "ASIAX"))["requestContext"]
    assert context["accountId"] == "123456789012"
    assert context["authorizer"] == {
        "iam": {
            "accessKey": "ASIAX",
            "accountId": "123456789012",
            "callerId": "AROAX:s",
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": "arn:aws:sts::123456789012:assumed-role/r/s",
            "userId": "AROAX:s",
        }
    }


def test_cookies_are_told_apart_from_the_headers() -> None:
    told = event(request(cookie="a=1; b=2;c=3"))
    assert told["cookies"] == ["a=1", "b=2", "c=3"]
    assert "cookie" not in told["headers"]
    assert cookies_in("") == cookies_in(" ; ") == []


def test_the_path_is_as_it_came_and_below_the_address() -> None:
    told = event(request("GET", f"/_wakeful/urls/{ID}/a%20b"), path="/a%20b", is_by_host=False)
    assert told["rawPath"] == told["requestContext"]["http"]["path"] == "/a%20b"
    assert told["requestContext"]["domainName"] == f"{ID}.lambda-url.us-east-1.localhost"


def test_the_port_is_the_one_that_the_client_named() -> None:
    http = request()
    http.headers["host"] = f"{HOST}:4566"
    told = event(http)
    assert told["headers"]["x-forwarded-port"] == "4566"
    assert told["requestContext"]["domainName"] == HOST


def test_several_values_are_joined_and_names_decoded() -> None:
    assert parameters_in("q=a&empty=&flag&q=b+c&%C3%BC=%2F") == {"q": "a,b c", "empty": "", "flag": "", "ü": "/"}


def test_text_is_text_and_all_else_is_base64_even_a_form() -> None:
    for kind in ("text/plain", "TEXT/html; charset=utf-8", "application/json", "application/xml;x", "text/csv"):
        assert body_shown(b"a=1", kind) == ("a=1", False)
    for kind in ("", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "image/png", "json"):
        assert body_shown(b"a=1", kind) == ("YT0x", True)
    assert body_shown(b"", "text/plain") == body_shown(b"", "image/png") == (None, False)


@given(st.binary(), st.sampled_from(["", "text/plain", "application/json", "application/octet-stream"]))
def test_no_body_is_lost(body: bytes, kind: str) -> None:
    told = event(request("POST", body=body, content_type=kind))
    assert ("body" in told) == bool(body)
    shown = told.get("body", "")
    assert (base64.b64decode(shown) if told["isBase64Encoded"] else shown.encode()) == body


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_every_value_of_every_parameter_arrives(pairs: list[tuple[str, str]]) -> None:
    pairs = [(a.encode(errors="replace").decode(), b.encode(errors="replace").decode()) for a, b in pairs]
    query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    told = event(request(query=query))
    expected = {name: ",".join(value for other, value in pairs if other == name) for name, _ in pairs}
    assert told.get("queryStringParameters", {}) == expected
    assert told["rawQueryString"] == query


@given(
    st.text(st.characters(max_codepoint=255)),
    st.text(st.characters(max_codepoint=255)),
    st.dictionaries(st.text(st.characters(max_codepoint=255), min_size=1), st.text(st.characters(max_codepoint=255))),
    st.binary(),
)
def test_whatever_is_asked_is_an_event(path: str, query: str, headers: dict[str, str], body: bytes) -> None:
    told = event(HttpRequest("POST", path, query, {name.lower(): value for name, value in headers.items()}, body))
    assert told["rawPath"] == path
    assert told["requestContext"]["http"]["method"] == "POST"
