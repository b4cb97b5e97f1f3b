"""What botocore's signers sign is believed; anything else is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from botocore.auth import (
    HmacV1Auth,
    HmacV1QueryAuth,
    S3SigV4Auth,
    S3SigV4QueryAuth,
    SigV4Auth,
    SigV4QueryAuth,
)
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from wakeful import limits
from wakeful.wire import credential, signature
from wakeful.wire.credential import Credential
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest
from wakeful.wire.rest import Whole

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW = 1_735_732_800.0  # 2025-01-01T12:00:00Z
HOST = "127.0.0.1:4566"

SIGNERS: dict[str, Callable[..., Any]] = {
    "header": lambda keys: SigV4Auth(keys, "sqs", "us-east-1"),
    "query": lambda keys: SigV4QueryAuth(keys, "sts", "us-east-1", expires=600),
    "s3-header": lambda keys: S3SigV4Auth(keys, "s3", "eu-west-1"),
    "s3-query": lambda keys: S3SigV4QueryAuth(keys, "s3", "eu-west-1", expires=600),
    "s3-older-header": HmacV1Auth,
    "s3-older-query": lambda keys: HmacV1QueryAuth(keys, expires=600),
}

PATHS = (
    "/",
    "/a",
    "/a%20b/c",
    "/a//b",
    "/a/../b",
    "/%E2%82%AC",
    "/a(b)",
    "/a:b",
    "/2015-03-31/functions/arn%3Aaws%3Ax/",
    "/a+b",
    "/~._-",
)
QUERIES = (
    "",
    "a=1",
    "b=2&a=1",
    "acl",
    "a=%20x&a=%2F",
    "uploads&prefix=a%2Fb",
    "x=%E2%82%AC",
    "versionId=1&acl",
    "a=b%3Dc",
)


def signed(
    kind: str,
    method: str = "GET",
    path: str = "/a",
    query: str = "",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    token: str | None = None,
    at: float = NOW,
) -> HttpRequest:
    """A request as the client sends it, at a time of our choice."""
    keys = Credentials("AKIDEXAMPLE", SECRET, token)
    request = AWSRequest(method, f"http://{HOST}{path}{'?' + query if query else ''}", dict(headers or {}), body)
    moment = datetime.fromtimestamp(at, UTC)
    with (
        patch("botocore.auth.get_current_datetime", lambda: moment.replace(tzinfo=None)),
        patch("botocore.auth.formatdate", lambda *_, **__: moment.strftime("%a, %d %b %Y %H:%M:%S GMT")),
        patch("botocore.auth.time.time", lambda: at),
    ):
        SIGNERS[kind](keys).add_auth(request)
    parts = urlsplit(str(request.url))
    given = {name.lower(): value for name, value in request.headers.items()}
    return HttpRequest(method, parts.path, parts.query, {"host": HOST, **given}, body)


def verify(http: HttpRequest, secret: str = SECRET, now: float = NOW, **more: Any) -> Credential:
    claim = credential.parse(http)
    assert claim is not None
    signature.verify(http, claim, secret, now, **more)
    return claim


def is_believed(http: HttpRequest, **more: Any) -> bool:
    try:
        verify(http, **more)
    except AwsError:
        return False
    return True


def refusal(http: HttpRequest, secret: str = SECRET, now: float = NOW) -> AwsError:
    with pytest.raises(AwsError) as caught:
        verify(http, secret, now)
    return caught.value


requests = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(sorted(SIGNERS)),
        "method": st.sampled_from(("GET", "PUT", "POST", "DELETE", "HEAD")),
        "path": st.sampled_from(PATHS),
        "query": st.sampled_from(QUERIES),
        "body": st.sampled_from((b"", b"{}", b"x" * 1000)),
        "headers": st.dictionaries(
            st.sampled_from(("x-amz-meta-a", "content-type", "x-amz-target", "x-amz-acl", "range")),
            st.sampled_from(("a", "a  b", " a ", "text/plain; charset=utf-8", "")),
        ),
        "token": st.sampled_from((None, "token/+=")),
    }
)


@given(requests)
def test_what_botocore_signs_is_believed(asked: dict[str, Any]) -> None:
    if asked["kind"].endswith("query") and asked["kind"] != "s3-older-query":
        asked["body"] = b""
    http = signed(**asked)
    claim = verify(http)
    assert claim.access_key_id == "AKIDEXAMPLE"
    assert claim.token == (asked["token"] if asked["token"] is None or "older" not in asked["kind"] else claim.token)


@given(requests, st.data())
def test_nothing_that_was_signed_may_change(asked: dict[str, Any], data: st.DataObject) -> None:
    if "query" in asked["kind"]:
        asked["body"] = b""
    http = signed(**asked)
    kind = asked["kind"]
    changes: dict[str, Callable[[], object]] = {
        "method": lambda: setattr(http, "method", "PATCH"),
        "path": lambda: setattr(http, "path", http.path + "x"),
        "secret": lambda: None,
    }
    if "older" not in kind:
        changes["host"] = lambda: http.headers.__setitem__("host", "other")
        changes["query"] = lambda: setattr(http, "query", http.query + "&z=1" if http.query else "z=1")
    if kind in ("header", "s3-header"):
        changes["body"] = lambda: setattr(http, "body", http.body + b"x")
        changes["date"] = lambda: http.headers.__setitem__("x-amz-date", "20250101T120001Z")
    for name in asked["headers"]:
        if name.startswith("x-amz") and kind != "s3-older-query":
            changes[name] = partial(http.headers.__setitem__, name, "changed")
    part = data.draw(st.sampled_from(sorted(changes)))
    changes[part]()
    error = refusal(http, SECRET + "x" if part == "secret" else SECRET)
    assert error.shape_name in ("SignatureDoesNotMatch", "XAmzContentSHA256Mismatch")


def test_an_anonymous_request_claims_nothing() -> None:
    assert credential.parse(HttpRequest("GET", "/b/k", "", {"host": HOST})) is None
    assert credential.parse(HttpRequest("GET", "/b/k", "X-Amz-Meta=1&list-type=2", {"host": HOST})) is None


def test_a_claim_says_scope_headers_and_token() -> None:
    claim = verify(signed("header", token="t"))
    assert (claim.scope.date, claim.scope.region, claim.scope.service) == ("20250101", "us-east-1", "sqs")
    assert claim.signed_headers == ("host", "x-amz-date", "x-amz-security-token")
    assert (claim.token, claim.is_presigned, claim.expires) == ("t", False, None)
    claim = verify(signed("s3-query", token="t"))
    assert (claim.token, claim.is_presigned, claim.expires) == ("t", True, 600)
    assert verify(signed("s3-older-query")).expires == NOW + 600


def test_a_clock_that_is_off_is_told_so() -> None:
    late = refusal(signed("header"), now=NOW + 901)
    assert late.shape_name == "SignatureExpired"
    assert late.message == (
        "Signature expired: 20250101T120000Z is now earlier than 20250101T120001Z (20250101T121501Z - 15 min.)"
    )
    early = refusal(signed("header"), now=NOW - 901)
    assert early.message == (
        "Signature not yet current: 20250101T120000Z is still later than 20250101T115959Z (20250101T114459Z + 15 min.)"
    )
    for kind in ("s3-header", "s3-older-header"):
        for off in (901, -901):
            skewed = refusal(signed(kind), now=NOW + off)
            assert skewed.shape_name == "RequestTimeTooSkewed"
            assert skewed.members["MaxAllowedSkewMilliseconds"] == "900000"
    assert is_believed(signed("header"), now=NOW + 899)


@pytest.mark.parametrize("kind", ["s3-query", "s3-older-query"])
def test_a_presigned_address_of_s3_expires_to_the_second(kind: str) -> None:
    assert is_believed(signed(kind), now=NOW + 599)
    expired = refusal(signed(kind), now=NOW + 600)
    assert (expired.shape_name, expired.message) == ("AccessDenied", "Request has expired")
    assert expired.members["Expires"] == "2025-01-01T12:10:00Z"


def test_a_presigned_address_is_not_good_before_its_time() -> None:
    assert refusal(signed("s3-query"), now=NOW - 901).message == "Request is not valid yet"


def test_a_body_may_be_sent_with_a_presigned_address() -> None:
    http = signed("s3-query", method="PUT")
    http.body = b"anything"
    assert is_believed(http)


def test_the_hash_of_a_body_that_streams_is_not_checked_yet() -> None:
    http = signed("s3-header", method="PUT", body=b"abc")
    http.body, http.stream = b"", Whole(b"other")
    claim = verify(http)
    assert signature.promised_sha256(http, claim) == http.headers["x-amz-content-sha256"]


def test_a_body_that_does_not_have_the_promised_hash_is_refused() -> None:
    http = signed("s3-header", method="PUT", body=b"abc")
    http.body = b"abd"
    error = refusal(http)
    assert error.shape_name == "XAmzContentSHA256Mismatch"
    assert error.members["ClientComputedContentSHA256"] == http.headers["x-amz-content-sha256"]


def test_a_hash_that_was_made_elsewhere_is_taken() -> None:
    body = b"x" * (limits.HASHED_AT_ONCE_BYTES_MAX * 3 + 1)
    http = signed("header", method="POST", body=body)
    hashed = asyncio.run(signature.hash_body(body))
    assert hashed == sha256(body).hexdigest()
    assert is_believed(http, body_sha256=hashed)
    with pytest.raises(AwsError):
        verify(http, body_sha256=asyncio.run(signature.hash_body(b"small")))


def test_an_extra_header_of_amazons_must_be_signed_for_s3() -> None:
    http = signed("s3-header")
    http.headers["x-amz-acl"] = "public-read"
    error = refusal(http)
    assert (error.shape_name, error.members) == ("AccessDenied", {"HeadersNotSigned": "x-amz-acl"})


def test_the_host_must_be_signed() -> None:
    http = signed("header")
    http.headers["authorization"] = http.headers["authorization"].replace("SignedHeaders=host;", "SignedHeaders=")
    assert "'Host' or ':authority' must be a 'SignedHeader'" in refusal(http).message


def test_the_scope_must_be_of_the_service_that_was_asked() -> None:
    assert is_believed(signed("header"), service="sqs")
    with pytest.raises(AwsError, match="Credential should be scoped to correct service: 'sns'"):
        verify(signed("header"), service="sns")
    with pytest.raises(AwsError, match='This endpoint belongs to "s3"'):
        verify(signed("header"), service="s3")
    with pytest.raises(AwsError, match="correct service"):
        verify(signed("s3-older-header"), service="sqs")


def test_the_scope_must_be_of_the_day() -> None:
    http = signed("header")
    http.headers["authorization"] = http.headers["authorization"].replace("/20250101/", "/20250102/")
    assert refusal(http).message.startswith("Date in Credential scope does not match")


def test_a_date_header_will_do() -> None:
    http = signed("header", headers={"Date": "x"})
    assert "x-amz-date" not in http.headers
    assert verify(http).timestamp == "20250101T120000Z"


def test_a_client_may_sign_more_encoding_than_it_sends() -> None:
    http = signed("s3-header", path="/b/a%28b%29%2Bc")
    http.path = "/b/a(b)+c"
    assert is_believed(http)
    http = signed("header", query="a=%2Fx%20y")
    http.query = "a=/x+y"
    assert is_believed(http)


@pytest.mark.parametrize(
    ("authorization", "complaint"),
    [
        (
            "X",
            "Authorization header requires 'Credential' parameter. "
            "Authorization header requires 'Signature' parameter. "
            "Authorization header requires 'SignedHeaders' parameter. (Hashed with SHA-256 and encoded with Base64)",
        ),
        ("AWS4-HMAC-SHA256 Signature=b,Credential=a", "Authorization header requires 'SignedHeaders' parameter. "),
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c", "Credential must have exactly 5 slash"),
        (
            "AWS4-HMAC-SHA512 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=c",
            "Unsupported AWS 'algorithm'",
        ),
        ("Bearer abc", "Authorization header requires 'Credential' parameter."),
    ],
)
def test_an_incomplete_header_is_told_what_is_missing(authorization: str, complaint: str) -> None:
    error = refusal(HttpRequest("POST", "/", "", {"host": HOST, "authorization": authorization, "x-amz-date": "a"}))
    assert error.shape_name == "IncompleteSignature"
    assert error.message.startswith(complaint)


def test_the_order_of_fields_and_missing_spaces_do_not_matter() -> None:
    http = signed("header")
    algorithm, _, fields = http.headers["authorization"].partition(" ")
    http.headers["authorization"] = algorithm + " " + ",".join(reversed(fields.split(", ")))
    assert is_believed(http)


@pytest.mark.parametrize(
    ("query", "shape", "complaint"),
    [
        (
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20250101/r/s3/aws4_request",
            "AuthorizationQueryParametersError",
            "Query-string authentication version 4 requires",
        ),
        (
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a",
            "IncompleteSignature",
            "AWS query-string parameters must include 'X-Amz-Signature'.",
        ),
        (
            "X-Amz-Algorithm=&X-Amz-Credential=a",
            "IncompleteSignature",
            "AWS query-string parameters must include 'X-Amz-Algorithm'.",
        ),
        (
            "AWSAccessKeyId=a&Signature=b&Expires=soon",
            "InvalidArgument",
            "Invalid date (should be seconds since epoch): soon",
        ),
    ],
)
def test_an_incomplete_query_string_is_told_what_is_missing(query: str, shape: str, complaint: str) -> None:
    error = refusal(HttpRequest("GET", "/b/k", query, {"host": HOST}))
    assert error.shape_name == shape
    assert error.message.startswith(complaint)


@pytest.mark.parametrize(
    ("expires", "complaint"),
    [
        ("604801", "X-Amz-Expires must be less than a week"),
        ("-1", "X-Amz-Expires must be non-negative"),
        ("soon", "X-Amz-Expires should be a number"),
        ("", "Query-string authentication version 4 requires"),
    ],
)
def test_a_presigned_address_is_good_for_a_week_at_most(expires: str, complaint: str) -> None:
    http = signed("s3-query")
    http.query = http.query.replace("X-Amz-Expires=600", f"X-Amz-Expires={expires}")
    error = refusal(http)
    assert error.shape_name == "AuthorizationQueryParametersError"
    assert error.message.startswith(complaint)


def test_signing_twice_is_refused() -> None:
    http = signed("s3-header")
    http.query = signed("s3-query").query
    assert refusal(http).shape_name == "InvalidArgument"
    http = signed("header")
    http.query = "X-Amz-Algorithm=x"
    assert refusal(http).message.startswith("Found both 'X-Amz-Algorithm'")


def test_s3_needs_to_be_told_what_the_body_hashes_to() -> None:
    http = signed("s3-header")
    del http.headers["x-amz-content-sha256"]
    http.headers["authorization"] = http.headers["authorization"].replace("x-amz-content-sha256;", "")
    assert refusal(http).message == "Missing required header for this request: x-amz-content-sha256"
    http.headers["x-amz-content-sha256"] = "nonsense"
    http.headers["authorization"] = http.headers["authorization"].replace("host;", "host;x-amz-content-sha256;")
    assert refusal(http).members["ArgumentValue"] == "nonsense"


def test_a_wrong_signature_is_shown_what_should_have_been_signed() -> None:
    error = refusal(signed("header", body=b"{}", method="POST"), "wrong")
    assert "The Canonical String for this request should have been\n'POST\n/a\n\nhost:127.0.0.1:4566\n" in error.message
    error = refusal(signed("s3-header"), "wrong")
    assert error.message.endswith("Check your key and signing method.")
    assert error.members["StringToSign"].startswith("AWS4-HMAC-SHA256\n20250101T120000Z\n20250101/eu-west-1/s3/")
    assert error.members["CanonicalRequest"].startswith("GET\n/a\n")


def test_version_2_signs_the_bucket_even_where_the_host_names_it() -> None:
    http = signed("s3-older-header", path="/bucket/key", query="acl&x=1")
    assert "x=1" in http.query
    http.path = "/key"
    assert refusal(http).shape_name == "SignatureDoesNotMatch"
    assert is_believed(http, path="/bucket/key")


def test_utf_8_in_a_header_is_verified_as_it_was_sent() -> None:
    http = signed("s3-header", headers={"x-amz-meta-name": "ä€"})
    http.headers["x-amz-meta-name"] = "ä€".encode().decode("latin-1")
    assert is_believed(http)
