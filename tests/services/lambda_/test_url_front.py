"""Function URLs over HTTP: ordinary clients, signed and not, against a running node with real functions."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.functions import deploy
from tests.running_node import RunningNode, running_node
from wakeful.services import iam as iam_service

pytestmark = pytest.mark.slow

FORBIDDEN = {
    "Message": "Forbidden. For troubleshooting Function URL authorization issues, see:"
    " https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
}
OK = "def handler(event, context):\n    return 'ok'\n"


@dataclass(frozen=True)
class Got:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value


def ask(url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Got:
    """One request as any client sends it; names below localhost are loopback, whatever the resolver here knows."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, {"Host": parts.netloc, **(headers or {})})
        response = connection.getresponse()
        return Got(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def signed(
    url: str,
    key: Mapping[str, str],
    method: str = "GET",
    body: bytes = b"",
    *,
    service: str = "lambda",
    payload: str = "",
) -> dict[str, str]:
    """The headers of a request that botocore signed."""
    aws = AWSRequest(method=method, url=url, data=body, headers={"Host": urlsplit(url).netloc})
    if payload:
        aws.headers["X-Amz-Content-SHA256"] = payload
    SigV4Auth(Credentials(key["key"], key["secret"]), service, "us-east-1").add_auth(aws)
    return dict(aws.headers.items())


def by_path(node: RunningNode, url: str) -> str:
    return f"{node.endpoint}/_wakeful/urls/{urlsplit(url).netloc.partition('.')[0]}/"


@pytest.fixture
def url(client: Any) -> str:
    """Of a function that answers its event."""
    deploy(client)
    return str(client.create_function_url_config(FunctionName="f", AuthType="NONE")["FunctionUrl"])


# --- what goes in and what comes out ---


def test_a_request_is_an_event_and_the_result_its_answer(node: RunningNode, url: str) -> None:
    got = ask(f"{url}a%20b/c?x=1&x=2", "POST", b'{"a": 1}', {"Content-Type": "application/json", "X-Own": "v"})
    assert (got.status, got.one("content-type")) == (200, "application/json")
    event = got.json
    assert (event["rawPath"], event["rawQueryString"]) == ("/a%20b/c", "x=1&x=2")
    assert event["queryStringParameters"] == {"x": "1,2"}
    assert (event["body"], event["isBase64Encoded"]) == ('{"a": 1}', False)
    assert event["headers"]["x-own"] == "v"
    context = event["requestContext"]
    assert context["requestId"] == got.one("x-amzn-requestid")
    assert context["domainName"] == urlsplit(url).hostname
    assert context["domainPrefix"] == context["apiId"] == context["domainName"].partition(".")[0]
    assert context["http"]["sourceIp"] == "127.0.0.1"


def test_the_same_function_is_found_by_path_and_under_the_name_that_aws_would_give_it(
    node: RunningNode, url: str
) -> None:
    by_name = ask(f"{by_path(node, url)}deep/er?q=1").json
    assert (by_name["rawPath"], by_name["rawQueryString"]) == ("/deep/er", "q=1")
    assert ask(by_path(node, url).rstrip("/")).json["rawPath"] == "/"
    host = by_name["requestContext"]["domainPrefix"] + ".lambda-url.us-east-1.on.aws"
    as_on_aws = ask(f"{node.endpoint}/_wakeful/health", headers={"Host": host}).json
    assert as_on_aws["requestContext"]["domainName"] == host
    assert as_on_aws["rawPath"] == "/_wakeful/health"


def test_bytes_go_in_and_out(client: Any) -> None:
    deploy(
        client,
        code="""
import base64
def handler(event, context):
    body = base64.b64decode(event["body"])
    return {
        "statusCode": 201,
        "headers": {"Content-Type": "image/png"},
        "cookies": ["a=1", "b=2; Path=/"] + event["cookies"],
        "body": base64.b64encode(body[::-1]).decode(),
        "isBase64Encoded": event["isBase64Encoded"],
    }
""",
    )
    url = client.create_function_url_config(FunctionName="f", AuthType="NONE")["FunctionUrl"]
    got = ask(url, "PUT", bytes(range(256)), {"Cookie": "c=3; d=4"})
    assert (got.status, got.one("content-type"), got.body) == (201, "image/png", bytes(range(256))[::-1])
    assert got.all("set-cookie") == ["a=1", "b=2; Path=/", "c=3", "d=4"]
    head = ask(url, "HEAD", b"x", {"Cookie": "e=5"})
    assert (head.status, head.body, head.one("content-length")) == (201, b"", "1")


def test_an_alias_is_called_by_its_url(client: Any) -> None:
    deploy(client, code="def handler(event, context):\n    return context.invoked_function_arn\n")
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    url = client.create_function_url_config(FunctionName="f", Qualifier="live", AuthType="NONE")["FunctionUrl"]
    assert ask(url).body.decode().endswith(":function:f:live")
    client.delete_alias(FunctionName="f", Name="live")
    assert ask(url).status == 403


def test_nobody_is_at_an_address_that_was_never_given_or_is_gone(client: Any, node: RunningNode, url: str) -> None:
    assert ask(url).status == 200
    client.delete_function_url_config(FunctionName="f")
    never = f"{node.endpoint}/_wakeful/urls/{'0' * 32}/"
    for gone in (url, by_path(node, url), never):
        got = ask(gone)
        assert (got.status, got.json) == (403, {"Message": None})
        assert got.one("x-amzn-errortype") == "AccessDeniedException"


# --- what goes wrong ---


def test_a_function_that_fails_or_answers_nonsense_is_a_bad_gateway(client: Any) -> None:
    deploy(
        client,
        Timeout=1,
        code="""
import os, time
def handler(event, context):
    match event["rawPath"]:
        case "/raise": raise KeyError("k")
        case "/exit": os._exit(3)
        case "/hang": time.sleep(60)
        case "/nonsense": return {"statusCode": "fine"}
        case "/large": return "x" * (7 * 1024 * 1024)
    return "ok"
""",
    )
    url = client.create_function_url_config(FunctionName="f", AuthType="NONE")["FunctionUrl"]
    for path in ("raise", "exit", "hang", "nonsense", "large"):
        got = ask(url + path)
        assert (path, got.status, got.body) == (path, 502, b"Internal Server Error")
    assert ask(url).body == b"ok"


def test_a_throttled_function_is_429_with_the_reason(client: Any, url: str) -> None:
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    got = ask(url)
    assert (got.status, got.one("x-amzn-errortype")) == (429, "TooManyRequestsException")
    assert got.json["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert got.json["message"] == "Rate Exceeded."


def test_what_no_event_can_hold_is_413(url: str) -> None:
    for size in (7 * 1024 * 1024, 5 * 1024 * 1024):  # the second is too large once it is in base64
        got = ask(url, "POST", b"x" * size)
        assert (got.status, "6291456 bytes" in got.json["message"]) == (413, True)
    assert ask(url, "POST", b"x" * (5 * 1024 * 1024), {"Content-Type": "text/plain"}).status == 200


# --- browsers ---


def test_a_browser_is_answered_as_configured_and_the_function_is_not_asked(client: Any) -> None:
    deploy(client, code="raise SystemExit('must not run')")
    cors = {"AllowOrigins": ["https://page.example"], "AllowMethods": ["GET"], "MaxAge": 5}
    url = client.create_function_url_config(FunctionName="f", AuthType="AWS_IAM", Cors=cors)["FunctionUrl"]
    asks = {"Origin": "https://page.example", "Access-Control-Request-Method": "GET"}
    got = ask(url, "OPTIONS", headers=asks)
    assert (got.status, got.body) == (200, b"")
    assert got.one("access-control-allow-origin") == "https://page.example"
    assert (got.one("access-control-allow-methods"), got.one("access-control-max-age")) == ("GET", "5")
    other = ask(url, "OPTIONS", headers={**asks, "Origin": "https://other.example"})
    assert (other.status, other.all("access-control-allow-origin")) == (200, [])


def test_answers_carry_what_is_configured_beside_what_the_function_says(client: Any) -> None:
    code = """
def handler(event, context):
    if event["requestContext"]["http"]["method"] == "OPTIONS":
        return {"statusCode": 204}
    return {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "https://own.example"}}
"""
    deploy(client, code=code)
    url = client.create_function_url_config(FunctionName="f", AuthType="NONE")["FunctionUrl"]
    asks = {"Origin": "https://page.example", "Access-Control-Request-Method": "GET"}
    assert ask(url, "OPTIONS", headers=asks).status == 204  # without CORS the function is asked
    client.update_function_url_config(FunctionName="f", Cors={"AllowOrigins": ["*"], "ExposeHeaders": ["x-a"]})
    got = ask(url, headers={"Origin": "https://page.example"})
    assert got.all("access-control-allow-origin") == ["https://own.example", "https://page.example"]
    assert (got.one("vary"), got.one("access-control-expose-headers")) == ("Origin", "x-a")


# --- who may ---


def test_without_auth_whatever_is_in_the_authorization_header_is_the_functions(url: str) -> None:
    for value in ("Bearer abc", "AWS4-HMAC-SHA256 nonsense"):
        assert ask(url, headers={"Authorization": value}).json["headers"]["authorization"] == value


def test_an_open_node_takes_any_signature_but_asks_for_one(client: Any) -> None:
    deploy(client)
    url = client.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")["FunctionUrl"]
    got = ask(url)
    assert (got.status, got.json, got.one("x-amzn-errortype")) == (403, FORBIDDEN, "AccessDeniedException")
    event = ask(url, headers=signed(url, {"key": "test", "secret": "test"})).json
    iam = event["requestContext"]["authorizer"]["iam"]
    assert (iam["accessKey"], iam["userArn"]) == ("test", "arn:aws:iam::000000000000:root")
    assert event["requestContext"]["accountId"] == iam["accountId"] == "000000000000"


def test_a_signature_must_be_true_of_everything_by_host_and_by_path(node: RunningNode, client: Any) -> None:
    key = user(node, "ann")
    deploy(client)
    first = client.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")["FunctionUrl"]
    for url in (first, by_path(node, first)):
        asked = f"{url}p/a%20th?b=2&a=1%2F"
        got = ask(asked, "POST", b"body", signed(asked, key, "POST", b"body"))
        assert got.json["requestContext"]["authorizer"]["iam"]["userArn"].endswith(":user/ann")
        headers = signed(asked, key, "POST", b"body")
        forged = {**key, "secret": "wrong"}
        for status, again in (
            (403, ask(asked, "POST", b"another", headers)),
            (403, ask(f"{url}other?b=2&a=1%2F", "POST", b"body", headers)),
            (403, ask(asked, "PUT", b"body", headers)),
            (403, ask(asked, "POST", b"body", signed(asked, forged, "POST", b"body"))),
            (403, ask(asked, "POST", b"body", signed(asked, key, "POST", b"body", service="s3"))),
        ):
            assert (again.status, again.one("x-amzn-errortype")) == (status, "InvalidSignatureException")


def test_a_body_must_be_signed_too(node: RunningNode, client: Any) -> None:
    key = user(node, "ann")
    deploy(client)
    url = client.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")["FunctionUrl"]
    refused = ask(url, "POST", b"x", signed(url, key, "POST", b"x", payload="UNSIGNED-PAYLOAD"))
    assert (refused.status, refused.one("x-amzn-errortype")) == (403, "InvalidSignatureException")
    assert ask(url, headers=signed(url, key, payload="UNSIGNED-PAYLOAD")).status == 200


def test_a_presigned_address_is_believed(node: RunningNode, client: Any) -> None:
    key = user(node, "ann")
    deploy(client)
    url = client.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")["FunctionUrl"]
    aws = AWSRequest(method="GET", url=f"{url}x", headers={"Host": urlsplit(url).netloc})
    SigV4QueryAuth(Credentials(key["key"], key["secret"]), "lambda", "us-east-1", expires=60).add_auth(aws)
    assert ask(aws.url).json["rawPath"] == "/x"
    assert ask(f"{aws.url}0").status == 403


def user(node: RunningNode, name: str, **own: str) -> dict[str, str]:
    iam = node.client("iam", **own)
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


@dataclass(frozen=True)
class Closed:
    """A node that enforces, and its root's key."""

    node: RunningNode
    root: Mapping[str, str]
    client: Any


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Closed]:
    with running_node(tmp_path / "closed", iam="enforce") as node:
        key = node.run(node.node.store.write(iam_service.make_root_key, "000000000000"))
        root = {"key": key.id, "secret": key.secret}
        iam = node.client("iam", **root)
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        iam.create_role(
            RoleName="function", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust})
        )
        yield Closed(node, root, node.client("lambda", **root))


PUBLIC: dict[str, dict[str, Any]] = {
    "url": {"Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE"},
    "function": {"Action": "lambda:InvokeFunction", "Principal": "*", "InvokedViaFunctionUrl": True},
}


def test_the_public_comes_in_where_the_policy_has_both_statements(closed: Closed) -> None:
    client = closed.client
    deploy(client, code=OK)
    url = client.create_function_url_config(FunctionName="f", AuthType="NONE")["FunctionUrl"]
    for sid, statement in PUBLIC.items():
        got = ask(url)
        assert (got.status, got.json) == (403, FORBIDDEN)
        client.add_permission(FunctionName="f", StatementId=sid, **statement)
    assert ask(url).body == b"ok"
    client.update_function_url_config(FunctionName="f", AuthType="AWS_IAM")
    assert ask(url).status == 403
    assert ask(url, headers=signed(url, closed.root)).status == 200


def test_a_user_needs_both_actions_in_its_own_policies(closed: Closed) -> None:
    client = closed.client
    arn = deploy(client, code=OK)
    url = client.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")["FunctionUrl"]
    ann = user(closed.node, "ann", **closed.root)
    iam = closed.node.client("iam", **closed.root)
    statements: list[Any] = []
    needed: tuple[dict[str, Any], ...] = (
        {
            "Action": "lambda:InvokeFunctionUrl",
            "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}},
        },
        {"Action": "lambda:InvokeFunction", "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}},
    )
    for statement in needed:
        assert ask(url, headers=signed(url, ann)).json == FORBIDDEN
        statements.append({"Effect": "Allow", "Resource": arn, **statement})
        document = {"Version": "2012-10-17", "Statement": statements}
        iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=json.dumps(document))
    assert ask(url, headers=signed(url, ann)).body == b"ok"
    stranger = ask(url, headers=signed(url, {"key": "AKIAIOSFODNN7EXAMPLE", "secret": "x"}))
    assert (stranger.status, stranger.one("x-amzn-errortype")) == (403, "UnrecognizedClientException")


def test_in_audit_mode_the_public_comes_in_and_it_is_told(node: RunningNode, url: str) -> None:
    assert ask(url).status == 200
    denials = node.run(node.node.telemetry.recent_notes(kind="denial", limit=10))
    named = {denial.name for denial in denials if denial.detail["principal"] == "*"}
    assert named == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}


# --- the story ---


def test_a_run_is_in_the_story_that_the_header_names_or_begins_one(node: RunningNode, url: str) -> None:
    root = "1-62fdefd3-1e5a14477f1ac5860602b53b"
    named = ask(url, headers={"X-Amzn-Trace-Id": f"Root={root};Sampled=1"})
    began = ask(url)
    assert named.one("x-amzn-trace-id").startswith(f"Root={root};")
    second, first = node.run(node.node.telemetry.recent_notes(kind="run", limit=10))
    assert (first.id, first.trace, first.hops) == (named.one("x-amzn-requestid"), root, 0)
    assert first.detail["usd"] > 0
    assert second.trace in began.one("x-amzn-trace-id")
    assert second.trace in began.json["headers"]["x-amzn-trace-id"]


def test_what_was_refused_is_in_the_story(node: RunningNode, client: Any, url: str) -> None:
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    got = ask(url)
    (note,) = [
        note
        for note in node.run(node.node.telemetry.recent_notes(kind="call", limit=20))
        if note.name == "lambda:InvokeFunctionUrl"
    ]
    assert (note.id, note.status, note.resource) == (got.one("x-amzn-requestid"), "TooManyRequestsException", "f")


def test_one_function_calls_another_by_its_url_and_both_are_in_one_story(node: RunningNode, client: Any) -> None:
    deploy(client, "inner", code=OK)
    url = client.create_function_url_config(FunctionName="inner", AuthType="AWS_IAM")["FunctionUrl"]
    code = """
import os, urllib.request
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import get_session

def handler(event, context):
    url = os.environ["AWS_ENDPOINT_URL"] + "/_wakeful/urls/" + event["queryStringParameters"]["id"] + "/"
    aws = AWSRequest(method="GET", url=url, headers={"Host": url.split("/")[2]})
    SigV4Auth(get_session().get_credentials(), "lambda", os.environ["AWS_REGION"]).add_auth(aws)
    with urllib.request.urlopen(urllib.request.Request(url, headers=dict(aws.headers.items()))) as answer:
        return answer.read().decode()
"""
    deploy(client, "outer", code=code, Timeout=30)
    outer = client.create_function_url_config(FunctionName="outer", AuthType="NONE")["FunctionUrl"]
    got = ask(f"{outer}?id={urlsplit(url).netloc.partition('.')[0]}")
    assert (got.status, got.body) == (200, b"ok")
    first, second = node.run(node.node.telemetry.recent_notes(kind="run", limit=10))
    inner, calling = (first, second) if first.name == "inner" else (second, first)
    assert inner.trace == calling.trace
    assert (inner.cause, inner.hops) == (calling.id, 1)
