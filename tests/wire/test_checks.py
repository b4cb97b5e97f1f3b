"""Validation from the model, in each service's words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.values import Values
from wakeful import limits
from wakeful.wire import checks
from wakeful.wire.detect import Catalogue
from wakeful.wire.errors import AwsError
from wakeful.wire.model import service_model
from wakeful.wire.target import Target

CATALOGUE = Catalogue(("lambda", "s3", "sqs", "sns", "events", "logs", "iam", "sts", "cloudwatch"))


def check(service: str, name: str, request: dict[str, Any]) -> None:
    operation = CATALOGUE.operation(service, name)
    assert operation is not None
    checks.check(Target(service, operation.protocol, name, None, operation), request)


def complaint(service: str, name: str, request: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(AwsError) as caught:
        check(service, name, request)
    return caught.value.shape_name, caught.value.message


def test_a_value_that_breaks_a_pattern_is_shown_with_the_pattern() -> None:
    assert complaint("events", "ListTargetsByRule", {"Rule": "rule/x"}) == (
        "ValidationException",
        "1 validation error detected: Value 'rule/x' at 'rule' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+",
    )


def test_several_violations_are_counted_and_joined() -> None:
    assert complaint("logs", "DescribeLogGroups", {"logGroupNamePrefix": "", "limit": 51}) == (
        "InvalidParameterException",
        "3 validation errors detected: Value '' at 'logGroupNamePrefix' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+; "
        "Value '' at 'logGroupNamePrefix' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1; "
        "Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50",
    )


def test_a_missing_member_of_a_list_is_found_with_its_path() -> None:
    request = {
        "logGroupName": "g",
        "logStreamName": "s",
        "logEvents": [{"message": "m", "timestamp": 1}, {"message": "m"}],
    }
    assert complaint("logs", "PutLogEvents", request)[1] == (
        "1 validation error detected: Value null at 'logEvents.2.member.timestamp' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_an_empty_list_is_shown_as_java_shows_it() -> None:
    request = {"logGroupName": "g", "logStreamName": "s", "logEvents": []}
    assert complaint("logs", "PutLogEvents", request)[1] == (
        "1 validation error detected: Value '[]' at 'logEvents' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


def test_a_value_outside_an_enum_is_told_the_enum() -> None:
    request = {"Name": "r", "State": "ON"}
    assert complaint("events", "PutRule", request)[1] == (
        "1 validation error detected: Value 'ON' at 'state' failed to satisfy constraint: Member must satisfy enum "
        "value set: [ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]"
    )


def test_a_number_out_of_range_is_a_validation_exception_in_lambda() -> None:
    request = {"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "Code": {}, "Timeout": 0}
    assert complaint("lambda", "CreateFunction", request) == (
        "ValidationException",
        "1 validation error detected: Value '0' at 'timeout' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1",
    )


def test_elements_of_a_list_are_judged_together() -> None:
    shown = complaint("lambda", "UpdateFunctionConfiguration", {"FunctionName": "f", "Layers": ["nonsense"]})[1]
    assert shown.startswith(
        "1 validation error detected: Value '[nonsense]' at 'layers' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must have length less than or equal to 2048, "
        "Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: "
    )
    assert shown.endswith(", Member must not be null]")


def test_keys_and_values_of_a_map_are_judged_each_together() -> None:
    assert complaint("logs", "CreateLogGroup", {"logGroupName": "g", "tags": {"": "x"}})[1].startswith(
        "1 validation error detected: Value '{=x}' at 'tags' failed to satisfy constraint: "
        "Map keys must satisfy constraint: [Member must have length less than or equal to 128, "
    )
    assert complaint("logs", "CreateLogGroup", {"logGroupName": "g", "tags": {"a": "x" * 257}})[1].endswith(
        r"Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$, Member must not be null]"
    )


def test_a_null_in_a_list_is_found() -> None:
    assert "Value null at 'entries.1.member'" in complaint("events", "PutEvents", {"Entries": [None]})[1]
    assert complaint("sqs", "SendMessageBatch", {"QueueUrl": "u", "Entries": [None]})[1] == (
        "The request must contain the parameter SendMessageBatchRequestEntry.1."
    )


def test_iam_keeps_to_itself_what_it_was_given() -> None:
    request = {"RoleName": "r" * 65, "AssumeRolePolicyDocument": "{}"}
    assert complaint("iam", "CreateRole", request) == (
        "ValidationError",
        "1 validation error detected: Value at 'roleName' failed to satisfy constraint: "
        "Member must have length less than or equal to 64",
    )


def test_iam_explains_its_commonest_patterns() -> None:
    request = {"RoleName": "a b", "AssumeRolePolicyDocument": "{}"}
    assert complaint("iam", "CreateRole", request)[1] == (
        "The specified value for roleName is invalid. "
        "It must contain only alphanumeric characters and/or the following: +=,.@_-"
    )
    request = {"RoleName": "a", "AssumeRolePolicyDocument": "{}", "Path": "x/"}
    assert complaint("iam", "CreateRole", request)[1] == (
        "The specified value for path is invalid. "
        "It must begin and end with / and contain only alphanumeric characters and/or / characters."
    )


def test_sts_shows_what_it_was_given() -> None:
    request = {"RoleArn": "arn:aws:iam::000000000000:role/r", "RoleSessionName": "x"}
    assert complaint("sts", "AssumeRole", request) == (
        "ValidationError",
        "1 validation error detected: Value 'x' at 'roleSessionName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 2",
    )


def test_secrets_are_not_repeated() -> None:
    request = {"FunctionName": "f", "Environment": {"Variables": {"1": "secret"}}}
    said = complaint("lambda", "UpdateFunctionConfiguration", request)[1]
    assert "secret" not in said
    assert said.startswith("1 validation error detected: Value at 'environment.variables' failed to satisfy")


def test_sns_speaks_of_null() -> None:
    assert complaint("sns", "CreateTopic", {}) == (
        "ValidationError",
        "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null",
    )


@pytest.mark.parametrize(
    ("name", "request_", "missing"),
    [
        ("CreateQueue", {}, "QueueName"),
        ("SendMessage", {"QueueUrl": "u", "MessageBody": ""}, "MessageBody"),
        ("SendMessageBatch", {"QueueUrl": "u", "Entries": [{"Id": "1"}]}, "SendMessageBatchRequestEntry.1.MessageBody"),
        (
            "DeleteMessageBatch",
            {"QueueUrl": "u", "Entries": [{"Id": "1"}]},
            "DeleteMessageBatchRequestEntry.1.ReceiptHandle",
        ),
    ],
)
def test_sqs_names_the_missing_parameter(name: str, request_: dict[str, Any], missing: str) -> None:
    assert complaint("sqs", name, request_) == (
        "MissingRequiredParameterException",
        f"The request must contain the parameter {missing}.",
    )


def test_s3_calls_incomplete_xml_malformed() -> None:
    request = {"Bucket": "b", "Tagging": {"TagSet": [{"Key": "k"}]}}
    assert complaint("s3", "PutBucketTagging", request)[0] == "MalformedXML"
    assert complaint("s3", "PutBucketTagging", {"Bucket": "b", "Tagging": {}})[0] == "MalformedXML"
    assert complaint("s3", "PutBucketTagging", {"Bucket": "b"}) == ("MissingRequestBodyError", "Request Body is empty")


def test_s3_leaves_lengths_and_enums_to_the_operations() -> None:
    check("s3", "CreateBucket", {"Bucket": "b", "ACL": "nonsense"})


@pytest.mark.parametrize("service", ["lambda", "sqs", "events", "logs", "iam", "sts", "sns"])
def test_nothing_is_said_against_what_the_model_allows(service: str) -> None:
    model = service_model(service)
    for name in model.operation_names:
        operation = model.operation_model(name)
        if operation.input_shape is None:
            continue
        request = Values(f"checked {name}").structure(operation.input_shape)
        try:
            check(service, name, request)
        except AwsError as error:
            # Random text cannot be expected to match patterns; everything else the values keep to.
            complaints = error.message.rpartition("detected: ")[2].split("; ")
            assert all("pattern" in each or "is invalid. It must" in each for each in complaints), error.message


def test_a_long_value_is_shortened_and_many_violations_are_counted() -> None:
    entries = [{"Source": "", "DetailType": "x" * 4000, "Detail": "{}", "Resources": [None]} for _ in range(10)]
    said = complaint("events", "PutEvents", {"Entries": entries, "EndpointId": "y" * 100_000})[1]
    assert len(said) < 20_000
    assert len(said.split("; ")) == min(limits.VALIDATION_ERRORS_MAX, int(said.split()[0]))


def test_exactly_one_member_of_a_union_may_be_set() -> None:
    request: dict[str, Any] = {"integrationName": "i", "integrationType": "OPENSEARCH", "resourceConfig": {}}
    assert "exactly one" in complaint("logs", "PutIntegration", request)[1]


def test_all_that_is_not_enforced_exists() -> None:
    for service, shape in checks.NOT_ENFORCED:
        assert shape in service_model(service).shape_names
