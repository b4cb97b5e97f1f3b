"""Errors as clients look into them."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import fromstring

import boto3
import orjson
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.wire.test_round_trip import CATALOGUE, MODELS, REQUEST_ID, parse
from tests.wire.theirs import their_service
from tests.wire.values import Values
from wakeful.wire import codec, errors
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest, HttpResponse
from wakeful.wire.model import members_of
from wakeful.wire.target import Protocol, Target


def target_of(service: str, name: str, protocol: Protocol | None = None) -> Target:
    operation = CATALOGUE.operation(service, name, protocol)
    assert operation is not None
    return Target(service, operation.protocol, name, operation.model.service_model, operation)


def answer(target: Target, error: AwsError, method: str = "POST", **headers: str) -> HttpResponse:
    return codec.error(target, error, REQUEST_ID, HttpRequest(method, "/", "", dict(headers)))


def made(shape: str, message: str | None = None, **members: Any) -> AwsError:
    kind: type[AwsError] = type(shape, (AwsError,), {"__doc__": "What AWS says."})
    return kind(message, **members)


class QueueDoesNotExist(AwsError):
    """The specified queue does not exist."""


class NoSuchKey(AwsError):
    """The specified key does not exist."""


class NoSuchEntityException(AwsError):
    """The role with name r cannot be found."""


class ResourceNotFoundException(AwsError):
    """Function not found: f"""


# --- each envelope, to the byte ---


def test_json_1_0_has_a_namespace_and_the_older_code() -> None:
    response = answer(target_of("sqs", "SendMessage"), QueueDoesNotExist())
    assert response.status == 400
    assert orjson.loads(response.body) == {
        "__type": "com.amazonaws.sqs#QueueDoesNotExist",
        "message": "The specified queue does not exist.",
    }
    assert response.headers == {
        "x-amzn-requestid": REQUEST_ID,
        "content-type": "application/x-amz-json-1.0",
        "x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender",
    }


def test_json_1_1_has_a_bare_name() -> None:
    response = answer(
        target_of("logs", "PutLogEvents"), ResourceNotFoundException("The specified log group does not exist.")
    )
    assert orjson.loads(response.body) == {
        "__type": "ResourceNotFoundException",
        "message": "The specified log group does not exist.",
    }
    assert response.headers["content-type"] == "application/x-amz-json-1.1"


def test_rest_json_has_the_name_in_a_header_and_the_fault_in_the_body() -> None:
    response = answer(target_of("lambda", "GetFunction"), ResourceNotFoundException())
    assert response.status == 404
    assert response.headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert orjson.loads(response.body) == {"Type": "User", "Message": "Function not found: f"}
    response = answer(target_of("lambda", "GetFunction"), errors.ValidationException("1 validation error detected: x"))
    assert (response.status, orjson.loads(response.body)) == (400, {"message": "1 validation error detected: x"})


def test_rest_json_puts_members_where_the_model_says() -> None:
    error = made("TooManyRequestsException", "Rate Exceeded.", Reason="CallerRateLimitExceeded", retryAfterSeconds="1")
    response = answer(target_of("lambda", "Invoke"), error)
    assert (response.status, response.headers["retry-after"]) == (429, "1")
    assert orjson.loads(response.body) == {
        "Type": "User",
        "Reason": "CallerRateLimitExceeded",
        "message": "Rate Exceeded.",
    }


def test_query_has_an_error_response() -> None:
    response = answer(target_of("iam", "GetRole"), NoSuchEntityException())
    assert (response.status, response.headers["content-type"]) == (404, "text/xml")
    assert response.body.decode() == (
        '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>'
        "<Code>NoSuchEntity</Code><Message>The role with name r cannot be found.</Message></Error>"
        f"<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    )


def test_the_older_protocol_of_sqs_has_the_older_code_in_its_namespace() -> None:
    response = answer(target_of("sqs", "SendMessage", "query"), QueueDoesNotExist())
    assert '<ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">' in response.body.decode()
    assert "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in response.body.decode()
    response = answer(target_of("sqs", "SendMessage", "query"), errors.MissingRequiredParameterException("x"))
    assert "<Code>MissingParameter</Code>" in response.body.decode()


def test_s3_has_a_bare_error_with_members_and_both_ids() -> None:
    response = answer(target_of("s3", "GetObject"), NoSuchKey(Key="a<b"))
    root = fromstring(response.body)
    assert (root.tag, response.status) == ("Error", 404)
    assert [child.tag for child in root] == ["Code", "Message", "Key", "RequestId", "HostId"]
    assert root.findtext("Key") == "a<b"
    assert root.findtext("HostId") == response.headers["x-amz-id-2"]
    assert root.findtext("RequestId") == response.headers["x-amz-request-id"] == REQUEST_ID


def test_an_answer_to_head_has_no_body() -> None:
    response = answer(target_of("s3", "HeadObject"), NoSuchKey(), method="HEAD")
    assert (response.status, response.body) == (404, b"")
    assert response.headers["x-amz-request-id"] == REQUEST_ID
    assert "content-type" not in response.headers


def test_not_modified_has_no_body() -> None:
    class NotModified(AwsError):
        """Not Modified"""

        status = 304

    response = answer(target_of("s3", "GetObject"), NotModified(), method="GET")
    assert (response.status, response.body) == (304, b"")


# --- names that differ from service to service ---


@pytest.mark.parametrize(
    ("error", "service", "operation", "code", "status"),
    [
        (errors.SignatureDoesNotMatch(), "sqs", "SendMessage", "InvalidSignatureException", 400),
        (errors.SignatureDoesNotMatch(), "lambda", "Invoke", "InvalidSignatureException", 403),
        (errors.SignatureDoesNotMatch(), "iam", "GetRole", "SignatureDoesNotMatch", 403),
        (errors.SignatureDoesNotMatch(), "s3", "GetObject", "SignatureDoesNotMatch", 403),
        (errors.UnknownAccessKey(), "events", "PutEvents", "UnrecognizedClientException", 400),
        (errors.UnknownAccessKey(), "sts", "GetCallerIdentity", "InvalidClientTokenId", 403),
        (errors.UnknownAccessKey(), "s3", "GetObject", "InvalidAccessKeyId", 403),
        (errors.MissingAuthenticationToken(), "logs", "PutLogEvents", "MissingAuthenticationTokenException", 400),
        (errors.MissingAuthenticationToken(), "s3", "GetObject", "AccessDenied", 403),
        (errors.AccessDenied(), "lambda", "Invoke", "AccessDeniedException", 403),
        (errors.AccessDenied(), "sns", "Publish", "AuthorizationError", 403),
        (errors.AccessDenied(), "iam", "GetRole", "AccessDenied", 403),
        (errors.ExpiredToken(), "s3", "GetObject", "ExpiredToken", 400),
        (errors.InternalFailure(), "sqs", "SendMessage", "InternalFailure", 500),
        (errors.InternalFailure(), "lambda", "Invoke", "ServiceException", 500),
        (errors.InternalFailure(), "s3", "GetObject", "InternalError", 500),
        (errors.NotImplementedHere("x is not implemented."), "events", "PutEvents", "NotImplemented", 400),
    ],
)
def test_a_common_error_has_each_services_name(
    error: AwsError, service: str, operation: str, code: str, status: int
) -> None:
    target = target_of(service, operation)
    response = answer(target, error)
    assert response.status == status
    assert target.operation is not None
    told = parse(target.operation.model, response)["Error"]
    assert told.get("QueryErrorCode", told["Code"]) == code
    assert told["Message"] == error.message


def test_frameworks_errors_have_the_frameworks_namespace() -> None:
    response = answer(target_of("sqs", "SendMessage"), errors.SerializationException("x"))
    assert orjson.loads(response.body) == {"__type": "com.amazon.coral.service#SerializationException", "Message": "x"}


def test_a_code_of_the_older_protocol_has_a_newer_name_beside_it() -> None:
    class InvalidParameterValue(AwsError):
        """Value x for parameter DelaySeconds is invalid."""

        code = "InvalidParameterValue"
        status = 400

    response = answer(target_of("sqs", "SendMessage"), InvalidParameterValue())
    assert orjson.loads(response.body)["__type"] == "com.amazon.coral.service#InvalidParameterValueException"
    assert response.headers["x-amzn-query-error"] == "InvalidParameterValue;Sender"
    response = answer(target_of("sqs", "SendMessage", "query"), InvalidParameterValue())
    assert "<Code>InvalidParameterValue</Code>" in response.body.decode()


def test_what_no_service_wants_is_answered_in_the_protocol_that_was_spoken() -> None:
    http = HttpRequest(
        "POST", "/", "", {"x-amz-target": "Kinesis_20131202.PutRecord", "content-type": "application/x-amz-json-1.1"}
    )
    target = CATALOGUE.identify(http)
    assert target.error is not None
    response = codec.error(target, target.error, REQUEST_ID, http)
    assert (response.status, response.headers["content-type"]) == (400, "application/x-amz-json-1.1")
    assert orjson.loads(response.body)["__type"] == "UnknownOperationException"
    http = HttpRequest(
        "POST", "/", "", {"content-type": "application/x-www-form-urlencoded"}, b"Action=A&Version=2000-01-01"
    )
    target = CATALOGUE.identify(http)
    assert target.error is not None
    response = codec.error(target, target.error, REQUEST_ID, http)
    assert response.status == 400
    assert response.body.startswith(b"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>")


# --- all of them, read by botocore ---


@pytest.mark.parametrize("model", MODELS)
def test_every_error_of_the_models_is_read_by_botocore(model: Any) -> None:
    name = next(name for name in model.operation_names if not model.operation_model(name).has_event_stream_output)
    target = target_of(model.service_name, name, model.protocol)
    assert target.operation is not None
    for shape in map(model.shape_for, model.shape_names):
        if not shape.metadata.get("exception"):
            continue
        members = Values(f"error {shape.name}").structure(shape)
        message = members.pop("message", members.pop("Message", "said"))
        fault = members.pop("Type", None)
        response = answer(target, made(shape.name, message, **members))
        told = parse(target.operation.model, response)
        trait = shape.metadata.get("error", {})
        # Where a service has left the query protocol, one is the code of then and the other today's name.
        codes = (told["Error"]["Code"], told["Error"].get("QueryErrorCode"))
        assert trait.get("code", shape.name) in codes
        assert told["Error"]["Message"] == message
        assert told["ResponseMetadata"]["RequestId"] == REQUEST_ID
        assert response.status == trait.get("httpStatusCode", 400)
        read = parse_shape(model.protocol, response, their_service(model).shape_for(shape.name))
        assert {key: value for key, value in read.items() if key in members} == members
        assert fault is None or read["Type"] in ("User", "Service")
        assert set(members_of(shape)) >= set(members)


def parse_shape(protocol: str, response: HttpResponse, shape: Any) -> dict[str, Any]:
    from botocore.awsrequest import HeadersDict
    from botocore.parsers import create_parser

    headers = HeadersDict(response.headers)
    given = {"status_code": response.status, "headers": headers, "body": response.body, "context": {}}
    read: dict[str, Any] = create_parser(protocol).parse(given, shape)
    return read


@pytest.mark.parametrize(
    ("service", "operation", "asked", "shape", "code"),
    [
        ("sqs", "GetQueueUrl", {"QueueName": "q"}, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
        ("s3", "GetObject", {"Bucket": "b", "Key": "k"}, "NoSuchKey", "NoSuchKey"),
        ("iam", "GetRole", {"RoleName": "r"}, "NoSuchEntityException", "NoSuchEntity"),
        ("lambda", "GetFunction", {"FunctionName": "f"}, "ResourceNotFoundException", "ResourceNotFoundException"),
        ("events", "DescribeRule", {"Name": "r"}, "ResourceNotFoundException", "ResourceNotFoundException"),
        ("sns", "GetTopicAttributes", {"TopicArn": "t"}, "NotFoundException", "NotFound"),
        (
            "sts",
            "AssumeRole",
            {"RoleArn": "x" * 20, "RoleSessionName": "xx"},
            "RegionDisabledException",
            "RegionDisabledException",
        ),
        ("logs", "DeleteLogGroup", {"logGroupName": "g"}, "ResourceNotFoundException", "ResourceNotFoundException"),
    ],
)
def test_a_client_raises_the_exception_of_the_shape(
    service: str, operation: str, asked: dict[str, Any], shape: str, code: str
) -> None:
    config = Config(retries={"max_attempts": 1})
    client: Any = boto3.session.Session().client(
        service, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b", config=config
    )
    response = answer(target_of(service, operation), made(shape))

    class Raw:
        def stream(self, **_: Any) -> list[bytes]:
            return [response.body]

    def send(**_: Any) -> AWSResponse:
        return AWSResponse("http://x", response.status, HTTPHeaders.from_dict(response.headers), Raw())

    client.meta.events.register("before-send.*.*", send)
    with pytest.raises(ClientError) as caught:
        client._make_api_call(operation, asked)
    assert type(caught.value).__name__ == shape
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["Error"]["Message"] == "What AWS says."
    assert caught.value.response["ResponseMetadata"]["RequestId"] == REQUEST_ID
