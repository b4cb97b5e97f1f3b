"""Which operation a request is for."""

from __future__ import annotations

import gzip

import pytest

from wakeful import limits
from wakeful.wire import codec
from wakeful.wire.detect import Catalogue
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest
from wakeful.wire.target import Target

CATALOGUE = Catalogue(
    ("lambda", "s3", "sqs", "sns", "events", "logs", "iam", "sts", "cloudwatch"), domains=("localhost", "wakeful.test")
)
FORM = "application/x-www-form-urlencoded; charset=utf-8"


def request(
    line: str, body: bytes = b"", host: str = "127.0.0.1:4566", scope: str | None = None, **headers: str
) -> HttpRequest:
    method, _, address = line.partition(" ")
    path, _, query = address.partition("?")
    given = {"host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    if scope is not None:
        given["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential=AKID/20250101/us-east-1/{scope}/aws4_request, SignedHeaders=host, Signature=0"
        )
    return HttpRequest(method, path, query, given, body)


def identified(http: HttpRequest) -> tuple[str, str, str]:
    target = CATALOGUE.identify(http)
    assert target.operation is not None, target.error
    return target.service, target.protocol, target.name


def refused(http: HttpRequest) -> tuple[Target, AwsError]:
    target = CATALOGUE.identify(http)
    assert target.operation is None
    with pytest.raises(AwsError) as caught:
        codec.read(target, http)
    assert caught.value is target.error
    return target, caught.value


# --- what says it, in order ---


def test_a_target_header_goes_before_everything() -> None:
    http = request("POST /b/k?Action=Publish&Version=2010-03-31", scope="s3", x_amz_target="AmazonSQS.SendMessage")
    assert identified(http) == ("sqs", "json", "SendMessage")
    assert CATALOGUE.identify(http) is CATALOGUE.identify(http)


@pytest.mark.parametrize(
    ("target", "service"),
    [("AWSEvents.PutEvents", "events"), ("Logs_20140328.PutLogEvents", "logs"), ("AmazonSQS.ListQueues", "sqs")],
)
def test_every_json_service_has_its_prefix(target: str, service: str) -> None:
    assert identified(request("POST /", x_amz_target=target))[0] == service


@pytest.mark.parametrize(
    ("version", "action", "service"),
    [
        ("2010-03-31", "Publish", "sns"),
        ("2010-05-08", "ListUsers", "iam"),
        ("2011-06-15", "GetCallerIdentity", "sts"),
        ("2012-11-05", "SendMessage", "sqs"),
    ],
)
def test_an_action_is_of_the_service_with_that_version(version: str, action: str, service: str) -> None:
    body = f"Action={action}&Version={version}".encode()
    assert identified(request("POST /", body, content_type=FORM)) == (service, "query", action)
    assert identified(request(f"GET /?Action={action}&Version={version}")) == (service, "query", action)


def test_an_action_without_version_is_of_the_service_that_signed_or_that_was_called() -> None:
    assert identified(request("POST /", b"Action=ListUsers", scope="iam", content_type=FORM))[0] == "iam"
    assert (
        identified(request("POST /", b"Action=Publish", host="sns.eu-west-1.amazonaws.com", content_type=FORM))[0]
        == "sns"
    )
    assert identified(request("POST /000000000000/q", b"Action=SendMessage", content_type=FORM))[0] == "sqs"


def test_the_scope_decides_where_nothing_else_is_said() -> None:
    assert identified(request("GET /2015-03-31/functions/", scope="lambda")) == ("lambda", "rest-json", "ListFunctions")
    assert identified(request("GET /2015-03-31/functions", scope="s3")) == ("s3", "rest-xml", "GetObject")
    presigned = "X-Amz-Credential=AKID%2F20250101%2Fus-east-1%2Fs3%2Faws4_request"
    assert identified(request(f"GET /2015-03-31/functions?{presigned}"))[0] == "s3"


def test_the_host_decides_without_a_scope() -> None:
    assert identified(request("GET /2015-03-31/functions", host="lambda.us-east-1.localhost:4566"))[0] == "lambda"
    assert identified(request("GET /2015-03-31/functions", host="s3.localhost:4566"))[2] == "GetObject"
    assert identified(request("GET /k", host="2015-03-31.localhost:4566"))[2] == "GetObject"


def test_the_path_decides_without_a_host_and_s3_comes_last() -> None:
    assert identified(request("POST /2015-03-31/functions/f/invocations"))[2] == "Invoke"
    assert identified(request("GET /2015-03-32/functions/f"))[2] == "GetObject"


def test_a_form_must_be_complete_before_it_can_be_identified() -> None:
    assert CATALOGUE.needs_body(request("POST /", content_type=FORM))
    assert CATALOGUE.needs_body(request("POST /", content_type=FORM, scope="sqs"))
    assert not CATALOGUE.needs_body(request("POST /", content_type=FORM, x_amz_target="AmazonSQS.SendMessage"))
    assert not CATALOGUE.needs_body(request("PUT /b/k", content_type=FORM))
    assert not CATALOGUE.needs_body(request("POST /b/k?uploads", content_type=FORM, scope="s3"))


def test_a_form_that_came_compressed_may_not_be_much_larger_than_forms_are() -> None:
    body = b"Action=PutMetricData&Version=2010-08-01&Namespace="
    room = limits.UNPACKED_FORM_BYTES_MAX - len(body)
    fits = request("POST /", gzip.compress(body + b"x" * room), content_type=FORM, content_encoding="gzip")
    assert identified(fits) == ("cloudwatch", "query", "PutMetricData")
    large = request("POST /", gzip.compress(body + b"x" * room * 2), content_type=FORM, content_encoding="gzip")
    assert "unpacks to more than" in str(refused(large)[1])


def test_what_only_calls_itself_a_form_is_none() -> None:
    for body in ('{"ä": "Action=x"}'.encode(), b"\xff", b"", b"a=b"):
        http = request("POST /2015-03-31/functions/f/invocations", body, content_type=FORM)
        assert CATALOGUE.needs_body(http)
        assert identified(http)[2] == "Invoke"


def test_a_form_sent_to_s3_is_an_object() -> None:
    http = request("POST /b/k?uploads", b"Action=Publish", content_type=FORM, scope="s3")
    assert identified(http)[2] == "CreateMultipartUpload"


# --- S3's addresses ---


def labels(line: str, host: str = "127.0.0.1:4566") -> dict[str, str]:
    target = CATALOGUE.identify(request(line, host=host, scope="s3"))
    return {"": target.name, **target.labels}


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/b/a", "a"),
        ("/b/a/", "a/"),
        ("/b//a", "/a"),
        ("/b//", "/"),
        ("/b/a//b", "a//b"),
        ("/b/a/../b", "a/../b"),
        ("/b/./a", "./a"),
        ("/b/a%20b", "a b"),
        ("/b/a+b", "a+b"),
        ("/b/a%2Bb", "a+b"),
        ("/b/%E2%82%AC", "€"),
        ("/b/a%2Fb", "a/b"),
        ("/b/%2525", "%25"),
        ("/b/a%3Fb", "a?b"),
        ("/b/%00", "\x00"),
    ],
)
def test_a_key_is_what_stands_behind_the_bucket(path: str, key: str) -> None:
    assert labels(f"GET {path}") == {"": "GetObject", "Bucket": "b", "Key": key}
    assert labels(f"GET {path.removeprefix('/b')}", host="b.s3.us-east-1.amazonaws.com") == labels(f"GET {path}")


def test_an_empty_key_is_the_bucket() -> None:
    assert labels("GET /b") == labels("GET /b/") == {"": "ListObjects", "Bucket": "b"}
    assert labels("PUT /b/") == {"": "CreateBucket", "Bucket": "b"}
    assert labels("GET /") == {"": "ListBuckets"}


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("b.s3.amazonaws.com", "b"),
        ("my.dotted.bucket.s3.eu-west-1.amazonaws.com", "my.dotted.bucket"),
        ("b.localhost:4566", "b"),
        ("b.s3.localhost:4566", "b"),
        ("my.b.localhost", "my.b"),
        ("b.wakeful.test", "b"),
        ("B.localhost", "b"),
        ("lambda.localhost", "lambda"),
        ("b.s3-eu-west-1.amazonaws.com", "b"),
        ("b.s3.eu-west-1.localhost", "b"),
    ],
)
def test_a_host_may_name_the_bucket(host: str, bucket: str) -> None:
    assert labels("GET /k", host=host) == {"": "GetObject", "Bucket": bucket, "Key": "k"}
    assert labels("PUT /", host=host) == {"": "CreateBucket", "Bucket": bucket}
    assert CATALOGUE.path_style(request("GET /k", host=host)) == f"/{bucket}/k"


@pytest.mark.parametrize(
    "host",
    [
        "localhost:4566",
        "127.0.0.1",
        "s3.amazonaws.com",
        "s3.eu-west-1.amazonaws.com",
        "s3.localhost",
        "s3.eu-west-1.localhost",
        "s3-eu-west-1.amazonaws.com",
        "[::1]:4566",
        "node.example.com",
    ],
)
def test_other_hosts_name_none(host: str) -> None:
    assert labels("GET /b/k", host=host) == {"": "GetObject", "Bucket": "b", "Key": "k"}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("GET /b?list-type=2", "ListObjectsV2"),
        ("GET /b?list-type=3", "ListObjects"),
        ("GET /b?prefix=x&delimiter=%2F", "ListObjects"),
        ("GET /b?list-type=2&prefix=acl", "ListObjectsV2"),
        ("GET /b?acl", "GetBucketAcl"),
        ("GET /b?acl=", "GetBucketAcl"),
        ("GET /b?notification", "GetBucketNotificationConfiguration"),
        ("GET /b?lifecycle", "GetBucketLifecycleConfiguration"),
        ("GET /b?analytics", "ListBucketAnalyticsConfigurations"),
        ("GET /b?analytics&id=1", "GetBucketAnalyticsConfiguration"),
        ("DELETE /b?analytics", "DeleteBucketAnalyticsConfiguration"),
        ("GET /b?versions", "ListObjectVersions"),
        ("GET /b?uploads", "ListMultipartUploads"),
        ("GET /b?unheard-of", "ListObjects"),
        ("POST /b?delete", "DeleteObjects"),
        ("POST /b?delete=&x-id=DeleteObjects", "DeleteObjects"),
        ("GET /b/k?acl", "GetObjectAcl"),
        ("GET /b/k?uploadId=1", "ListParts"),
        ("GET /b/k?partNumber=1", "GetObject"),
        ("GET /b/k?attributes", "GetObjectAttributes"),
        ("HEAD /b", "HeadBucket"),
        ("HEAD /b/k", "HeadObject"),
        ("PUT /b/k", "PutObject"),
        ("PUT /b/k?x-id=PutObject", "PutObject"),
        ("PUT /b/k?partNumber=1&uploadId=2", "UploadPart"),
        ("PUT /b/k?tagging", "PutObjectTagging"),
        ("POST /b/k?uploads", "CreateMultipartUpload"),
        ("POST /b/k?uploadId=2", "CompleteMultipartUpload"),
        ("DELETE /b/k", "DeleteObject"),
        ("DELETE /b/k?uploadId=2", "AbortMultipartUpload"),
        ("DELETE /b/k?versionId=2", "DeleteObject"),
        ("POST /b/k?select&select-type=2", "SelectObjectContent"),
    ],
)
def test_the_query_string_tells_operations_of_one_path_apart(line: str, name: str) -> None:
    assert labels(line)[""] == name


def test_a_header_tells_a_copy_from_an_upload() -> None:
    assert identified(request("PUT /b/k", scope="s3", x_amz_copy_source="/b/x"))[2] == "CopyObject"
    http = request("PUT /b/k?partNumber=1&uploadId=2", scope="s3", x_amz_copy_source="/b/x")
    assert identified(http)[2] == "UploadPartCopy"


# --- Lambda's addresses ---


@pytest.mark.parametrize(
    ("line", "name", "function"),
    [
        ("GET /2015-03-31/functions/f", "GetFunction", "f"),
        ("GET /2015-03-31/functions/f/", "GetFunction", "f"),
        (
            "GET /2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A0%3Afunction%3Af",
            "GetFunction",
            "arn:aws:lambda:us-east-1:0:function:f",
        ),
        (
            "GET /2015-03-31/functions/arn:aws:lambda:us-east-1:0:function:f",
            "GetFunction",
            "arn:aws:lambda:us-east-1:0:function:f",
        ),
        ("POST /2015-03-31/functions/f/invocations?Qualifier=1", "Invoke", "f"),
        ("GET /2019-09-30/functions/f/provisioned-concurrency", "GetProvisionedConcurrencyConfig", "f"),
        ("GET /2019-09-30/functions/f/provisioned-concurrency?List=ALL", "ListProvisionedConcurrencyConfigs", "f"),
    ],
)
def test_a_function_stands_in_the_path(line: str, name: str, function: str) -> None:
    target = CATALOGUE.identify(request(line, scope="lambda"))
    assert (target.name, target.labels) == (name, {"FunctionName": function})


# --- what there is not ---


@pytest.mark.parametrize(
    ("http", "service", "protocol", "shape", "named"),
    [
        (
            request("POST /", x_amz_target="AmazonSQS.SendMassage"),
            "sqs",
            "json",
            "UnknownOperationException",
            "AmazonSQS.SendMassage",
        ),
        (
            request("POST /", x_amz_target="DynamoDB_20120810.GetItem"),
            "",
            "json",
            "UnknownOperationException",
            "DynamoDB_20120810.GetItem",
        ),
        (request("POST /", x_amz_target="nonsense"), "", "json", "UnknownOperationException", "nonsense"),
        (
            request("POST /", b"Action=Dance&Version=2010-05-08", content_type=FORM),
            "iam",
            "query",
            "InvalidAction",
            "Dance",
        ),
        (
            request("POST /", b"Action=CreateStack&Version=2010-05-15", content_type=FORM),
            "",
            "query",
            "InvalidAction",
            "CreateStack",
        ),
        (request("POST /", scope="iam"), "iam", "query", "InvalidAction", ""),
        (request("POST /", scope="events"), "events", "json", "UnknownOperationException", ""),
        (
            request("GET /2015-03-31/functions/f/nonsense", scope="lambda"),
            "lambda",
            "rest-json",
            "UnknownOperationException",
            "/nonsense",
        ),
        (
            request("GET /restapis", scope="apigateway"),
            "apigateway",
            "rest-json",
            "UnknownOperationException",
            "apigateway",
        ),
        (request("POST /b/k", scope="s3"), "s3", "rest-xml", "MethodNotAllowed", ""),
        (
            request("POST /b", content_type="multipart/form-data; boundary=x"),
            "s3",
            "rest-xml",
            "NotImplementedHere",
            "PostObject",
        ),
        (request("PATCH /b/k"), "s3", "rest-xml", "MethodNotAllowed", ""),
        (request("GET //k"), "s3", "rest-xml", "MethodNotAllowed", ""),
        (
            request("POST /service/X/operation/Y", smithy_protocol="rpc-v2-cbor"),
            "",
            "json",
            "UnknownOperationException",
            "Y",
        ),
        (request("POST /000000000000/q"), "sqs", "json", "UnknownOperationException", ""),
        (request("POST /", content_type="application/x-amz-json-1.1"), "", "json", "UnknownOperationException", ""),
    ],
)
def test_what_there_is_not_is_refused_in_its_protocol(
    http: HttpRequest, service: str, protocol: str, shape: str, named: str
) -> None:
    target, error = refused(http)
    assert (target.service, target.protocol, error.shape_name) == (service, protocol, shape)
    assert named in error.message


@pytest.mark.parametrize(
    ("http", "shape"),
    [
        (request("GET /b/%FF", scope="s3"), "InvalidURI"),
        (request("GET /b/k?a=%FF", scope="s3"), "InvalidURI"),
        (request("GET /2015-03-31/functions/%FF", scope="lambda"), "InvalidURI"),
        (request("POST /", b"Action=%FF", content_type=FORM), "MalformedInput"),
        (request("POST /", b"Action=\xff", content_type=FORM), "MalformedInput"),
        (request("POST /", b"&".join([b"Action=b"] * 20_000), content_type=FORM), "MalformedInput"),
        (request("GET /b?" + "&".join(["a=b"] * 20_000), scope="s3"), "InvalidURI"),
    ],
)
def test_what_cannot_be_read_is_refused(http: HttpRequest, shape: str) -> None:
    assert refused(http)[1].shape_name == shape


def test_a_catalogue_of_few_services_knows_no_others() -> None:
    few = Catalogue(("sqs",))
    assert few.identify(request("PUT /b/k")).operation is None
    assert few.identify(request("POST /", x_amz_target="AWSEvents.PutEvents")).operation is None
    assert few.operation("sqs", "SendMessage") is few.operation("sqs", "SendMessage")
    assert few.operation("sqs", "Dance") is None
