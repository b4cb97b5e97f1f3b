"""Claims, read without being believed. What they are worth is in test_signature."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wakeful.wire.credential import Scope, parse, read_scope, scope_of
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest

SCOPE = Scope("AKID", "20250101", "us-east-1", "sqs")


def test_the_scope_is_found_in_the_header_or_the_query_string() -> None:
    header = "AWS4-HMAC-SHA256 Credential=AKID/20250101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
    assert scope_of(HttpRequest("GET", "/", "", {"authorization": header})) == SCOPE
    query = "X-Amz-Credential=AKID%2F20250101%2Fus-east-1%2Fsqs%2Faws4_request&X-Amz-Date=x"
    assert scope_of(HttpRequest("GET", "/", query, {})) == SCOPE
    assert str(SCOPE) == "20250101/us-east-1/sqs/aws4_request"


def test_an_access_key_may_have_slashes() -> None:
    scope = read_scope("a/b/20250101/us-east-1/sqs/aws4_request")
    assert scope is not None
    assert scope.access_key_id == "a/b"


def test_what_is_no_scope_is_none() -> None:
    for text in ("", "a", "a/b/c/d/e", "a/20250101/r/s/aws3_request", "a//r/s/aws4_request"):
        assert read_scope(text) is None
    assert scope_of(HttpRequest("GET", "/", "", {"authorization": "Bearer x"})) is None
    assert scope_of(HttpRequest("GET", "/", "", {})) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_claim_makes_anything_but_an_aws_error(authorization: str, query: str) -> None:
    for headers in (
        {"authorization": authorization},
        {"authorization": f"AWS4-HMAC-SHA256 Credential={authorization}"},
        {},
    ):
        for address in (query, f"X-Amz-Algorithm={query}", f"AWSAccessKeyId={query}&Signature={query}&Expires={query}"):
            http = HttpRequest("GET", "/", address, headers)
            scope_of(http)
            try:
                claim = parse(http)
            except AwsError as error:
                assert error.status in range(400, 500)
            else:
                assert claim is None or claim.signature is not None
