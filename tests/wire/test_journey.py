"""A boto3 client and the wire, end to end but for the socket: sign, send, identify, verify, read, answer, parse."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.wire.test_round_trip import CATALOGUE, REQUEST_ID
from wakeful.wire import checks, chunked, codec, credential, signature
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest, HttpResponse

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

Handler = Callable[[str, dict[str, Any]], dict[str, Any] | None]


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 1000):
        yield body[at : at + 1000]


async def serve(http: HttpRequest, handler: Handler, secret: str = SECRET) -> HttpResponse:
    """What the gateway does with a request, in the order it does it."""
    sent, http.body = http.body, b""
    if CATALOGUE.needs_body(http):
        http.body = sent
    target = CATALOGUE.identify(http)
    try:
        if target.operation is None:
            assert target.error is not None
            raise target.error
        claim = credential.parse(http)
        is_s3 = target.service == "s3"
        if is_s3:
            body = chunked.Body(http, pieces(sent), claim, secret, has_checksum=target.operation.has_checksum)
            http.stream = body
        else:
            http.body = sent
        if claim is not None:
            assert target.model is not None
            path = CATALOGUE.path_style(http)
            signature.verify(http, claim, secret, time.time(), service=target.model.signing_name, path=path)
        if is_s3 and not target.operation.streams_in:
            http.body, http.stream = await chunked.read_all(body, 1 << 20), None
        request = codec.read(target, http)
        checks.check(target, request)
        if target.operation.streams_in:
            request["Body"] = b"".join([piece async for piece in request["Body"]])
            request["verified"] = body.checksums
        request["signed by"] = claim.access_key_id if claim else None
        return codec.write(target, handler(target.name, request), REQUEST_ID, http)
    except AwsError as error:
        return codec.error(target, error, REQUEST_ID, http)


class Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterable[bytes]:
        return [self.read()]


def client(
    service: str, handler: Handler, secret: str = SECRET, host: str = "http://127.0.0.1:4566", **config: Any
) -> Any:
    made: Any = boto3.client(
        service,
        aws_access_key_id="AKID",
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        endpoint_url=host,
        config=Config(retries={"max_attempts": 1}, **config),
    )

    def send(request: Any, **_: Any) -> AWSResponse:
        parts = urlsplit(request.url)
        headers = {
            name.lower(): value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else body.read()
        http = HttpRequest(request.method, parts.path, parts.query, {"host": parts.netloc, **headers}, body)
        response = asyncio.run(serve(http, handler, secret))
        raw = Raw(response.body)
        return AWSResponse(request.url, response.status, HTTPHeaders.from_dict(response.headers), raw)

    made.meta.events.register("before-send.*.*", send)
    return made


class Told:
    """A handler that remembers what it was told and answers what it was made with."""

    def __init__(self, **answers: dict[str, Any]) -> None:
        self.answers = answers
        self.requests: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, name: str, request: dict[str, Any]) -> dict[str, Any] | None:
        self.requests.append((name, request))
        return self.answers.get(name)

    @property
    def last(self) -> dict[str, Any]:
        return self.requests[-1][1]


def test_a_message_is_sent() -> None:
    told = Told(SendMessage={"MessageId": "1", "MD5OfMessageBody": "5d41402abc4b2a76b9719d911017c592"})
    answer = client("sqs", told).send_message(QueueUrl="http://127.0.0.1:4566/000000000000/q", MessageBody="hello")
    assert answer["MessageId"] == "1"
    assert told.last == {
        "QueueUrl": "http://127.0.0.1:4566/000000000000/q",
        "MessageBody": "hello",
        "signed by": "AKID",
    }


def test_a_function_is_invoked() -> None:
    told = Told(Invoke={"StatusCode": 200, "Payload": b'{"b": 2}', "ExecutedVersion": "$LATEST"})
    answer = client("lambda", told).invoke(FunctionName="f", Payload=b'{"a": 1}', LogType="Tail")
    assert answer["Payload"].read() == b'{"b": 2}'
    assert told.last["Payload"] == b'{"a": 1}'


def test_a_topic_a_role_and_an_identity_are_spoken_to_in_forms() -> None:
    told = Told(
        Publish={"MessageId": "1"},
        CreateRole={"Role": {"Path": "/", "RoleName": "r", "RoleId": "i", "Arn": "a", "CreateDate": 1700000000.0}},
        GetCallerIdentity={"Account": "000000000000"},
    )
    attributes = {"n": {"DataType": "Binary", "BinaryValue": b"\xff"}}
    assert client("sns", told).publish(TopicArn="t", Message="m & n", MessageAttributes=attributes)["MessageId"] == "1"
    assert told.last["MessageAttributes"] == attributes
    role = client("iam", told).create_role(
        RoleName="r", AssumeRolePolicyDocument="{}", Tags=[{"Key": "k", "Value": ""}]
    )
    assert role["Role"]["CreateDate"].timestamp() == 1700000000
    assert told.last["Tags"] == [{"Key": "k", "Value": ""}]
    assert client("sts", told).get_caller_identity()["Account"] == "000000000000"


@pytest.mark.parametrize("algorithm", [None, "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
@pytest.mark.parametrize("addressing", ["path", "virtual"])
@pytest.mark.parametrize("is_file", [True, False])
def test_an_object_is_uploaded(algorithm: str | None, addressing: str, is_file: bool) -> None:
    told = Told(PutObject={"ETag": '"e"'})
    s3 = client("s3", told, host="http://localhost:4566", s3={"addressing_style": addressing})
    body = bytes(range(256)) * 1000
    more = {"ChecksumAlgorithm": algorithm} if algorithm else {}
    s3.put_object(Bucket="my-bucket", Key="a b/ä+&=?.txt", Body=io.BytesIO(body) if is_file else body, **more)
    asked = told.last
    assert (asked["Bucket"], asked["Key"], asked["Body"]) == ("my-bucket", "a b/ä+&=?.txt", body)
    assert list(asked["verified"]) == [algorithm or "CRC32"]
    assert "ContentEncoding" not in asked
    assert asked["ContentLength"] == len(body)


def test_many_objects_are_deleted_under_a_checksum() -> None:
    told = Told(DeleteObjects={"Deleted": [{"Key": "a"}]})
    answer = client("s3", told).delete_objects(Bucket="b", Delete={"Objects": [{"Key": "a\r\n<b>"}], "Quiet": True})
    assert answer["Deleted"] == [{"Key": "a"}]
    assert told.last["Delete"] == {"Objects": [{"Key": "a\r\n<b>"}], "Quiet": True}


@pytest.mark.parametrize("version", ["s3v4", "s3"])
@pytest.mark.parametrize("addressing", ["path", "virtual"])
def test_a_presigned_address_is_believed(version: str, addressing: str) -> None:
    told = Told(GetObject={"Body": b"x"})
    s3 = client(
        "s3", told, host="http://localhost:4566", signature_version=version, s3={"addressing_style": addressing}
    )
    parameters = {"Bucket": "b", "Key": "k ü", "ResponseContentType": "text/html; x", "VersionId": "v"}
    parts = urlsplit(s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=60))
    http = HttpRequest("GET", parts.path, parts.query, {"host": parts.netloc, "user-agent": "curl"})
    response = asyncio.run(serve(http, told))
    assert (response.status, response.body) == (200, b"x")
    assert {name: told.last[name] for name in parameters} == parameters
    changed = HttpRequest("GET", parts.path + "x", parts.query, {"host": parts.netloc})
    assert b"SignatureDoesNotMatch" in asyncio.run(serve(changed, told)).body


def test_the_older_signature_of_s3_is_believed_in_headers() -> None:
    told = Told(ListObjects={"Name": "b"}, PutObject={})
    s3 = client("s3", told, signature_version="s3")
    assert s3.list_objects(Bucket="b", Prefix="a/b")["Name"] == "b"
    s3.put_object(Bucket="b", Key="k", Body=b"x", Metadata={"a": "1"}, ContentType="text/plain")
    assert told.last["Metadata"] == {"a": "1"}


@pytest.mark.parametrize(
    ("service", "operation", "asked", "code"),
    [
        ("sqs", "list_queues", {}, "InvalidSignatureException"),
        ("lambda", "list_functions", {}, "InvalidSignatureException"),
        ("iam", "list_users", {}, "SignatureDoesNotMatch"),
        ("s3", "list_buckets", {}, "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_secret_is_refused_by_each_in_its_own_way(
    service: str, operation: str, asked: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(client(service, Told(), secret="wrong"), operation)(**asked)
    error = caught.value.response["Error"]
    assert error.get("QueryErrorCode", error["Code"]) == code


@pytest.mark.parametrize(
    ("service", "operation", "asked", "code", "status"),
    [
        (
            "lambda",
            "create_alias",
            {"FunctionName": "a b", "Name": "x", "FunctionVersion": "1"},
            "ValidationException",
            400,
        ),
        ("events", "put_rule", {"Name": "a b"}, "ValidationException", 400),
        ("logs", "create_log_group", {"logGroupName": "a b"}, "InvalidParameterException", 400),
        ("iam", "create_role", {"RoleName": "a b", "AssumeRolePolicyDocument": "{}"}, "ValidationError", 400),
        ("sqs", "create_queue", {"QueueName": ""}, "MissingParameter", 400),
        ("s3", "put_bucket_tagging", {"Bucket": "b", "Tagging": {}}, "MalformedXML", 400),
    ],
)
def test_a_wrong_value_is_refused_by_each_in_its_own_way(
    service: str, operation: str, asked: dict[str, Any], code: str, status: int
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(client(service, Told(), parameter_validation=False), operation)(**asked)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
