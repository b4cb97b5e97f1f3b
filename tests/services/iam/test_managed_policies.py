"""AWS's managed policies are data: each one is a policy, is named like itself, and allows what AWS says it does."""

from __future__ import annotations

import json
from datetime import datetime
from importlib import resources
from typing import Any

import pytest

from wakeful.fabric.policy import Principal, Request, evaluate, parse_policy

ENTRIES: list[dict[str, Any]] = json.loads(
    resources.files("wakeful.services").joinpath("iam/managed_policies.json").read_text("utf-8")
)
POLICIES = {entry["PolicyName"]: parse_policy(entry["Document"], "managed") for entry in ENTRIES}
ROLE = Principal(
    "AssumedRole",
    "arn:aws:sts::111111111111:assumed-role/thumb/s1",
    "111111111111",
    role_arn="arn:aws:iam::111111111111:role/thumb",
)
PASSED_TO_LAMBDA = {"iam:PassedToService": ["lambda.amazonaws.com"]}
LOG_STREAM = "arn:aws:logs:us-east-1:111111111111:log-group:/aws/lambda/f:log-stream:s"
SOME_ROLE = "arn:aws:iam::111111111111:role/r"


def is_allowed(name: str, action: str, resource: str = "*", context: dict[str, list[str]] | None = None) -> bool:
    return evaluate(Request(ROLE, action, resource, context or {}), [POLICIES[name]]).is_allowed


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry["PolicyName"]))
def test_a_managed_policy_is_described_completely(entry: dict[str, Any]) -> None:
    assert set(entry) == {"PolicyName", "Arn", "Path", "DefaultVersionId", "VersionCreateDate", "Document"}
    assert entry["Arn"] == f"arn:aws:iam::aws:policy{entry['Path']}{entry['PolicyName']}"
    assert entry["Path"] in ("/", "/service-role/")
    version = entry["DefaultVersionId"]
    assert version[0] == "v" and int(version[1:]) >= 1
    assert datetime.fromisoformat(entry["VersionCreateDate"]).tzinfo is not None


def test_managed_policies_are_sorted_and_occur_once() -> None:
    names = [entry["PolicyName"] for entry in ENTRIES]
    assert names == sorted(set(names))


@pytest.mark.parametrize(
    ("name", "action", "resource"),
    [
        ("AdministratorAccess", "s3:PutObject", "arn:aws:s3:::photos/a.jpg"),
        ("PowerUserAccess", "s3:PutObject", "arn:aws:s3:::photos/a.jpg"),
        ("PowerUserAccess", "iam:ListRoles", "*"),
        ("AWSLambdaBasicExecutionRole", "logs:PutLogEvents", LOG_STREAM),
        ("AWSLambdaSQSQueueExecutionRole", "sqs:ReceiveMessage", "arn:aws:sqs:us-east-1:111111111111:q"),
        ("AmazonS3ReadOnlyAccess", "s3:GetObject", "arn:aws:s3:::photos/a.jpg"),
        ("AWSLambdaExecute", "s3:PutObject", "arn:aws:s3:::photos/a.jpg"),
        ("AWSLambda_ReadOnlyAccess", "logs:GetLogEvents", LOG_STREAM),
        ("AmazonAPIGatewayAdministrator", "apigateway:GET", "arn:aws:apigateway:us-east-1::/restapis/a"),
    ],
)
def test_what_a_managed_policy_allows(name: str, action: str, resource: str) -> None:
    assert is_allowed(name, action, resource)


@pytest.mark.parametrize(
    ("name", "action", "resource"),
    [
        ("PowerUserAccess", "iam:CreateRole", SOME_ROLE),
        ("AWSLambdaBasicExecutionRole", "logs:GetLogEvents", LOG_STREAM),
        ("AWSLambdaSQSQueueExecutionRole", "sqs:SendMessage", "arn:aws:sqs:us-east-1:111111111111:q"),
        ("AmazonS3ReadOnlyAccess", "s3:PutObject", "arn:aws:s3:::photos/a.jpg"),
        ("AWSLambda_ReadOnlyAccess", "lambda:InvokeFunction", "arn:aws:lambda:us-east-1:111111111111:function:f"),
        ("AWSLambda_FullAccess", "logs:GetLogEvents", LOG_STREAM.replace("/aws/lambda/f", "other")),
        ("AmazonAPIGatewayAdministrator", "apigateway:GET", "arn:aws:s3:::photos"),
    ],
)
def test_what_a_managed_policy_does_not_allow(name: str, action: str, resource: str) -> None:
    assert not is_allowed(name, action, resource)


def test_roles_are_passed_only_to_the_service_that_a_managed_policy_names() -> None:
    assert is_allowed("AWSLambda_FullAccess", "iam:PassRole", SOME_ROLE, PASSED_TO_LAMBDA)
    assert not is_allowed("AWSLambda_FullAccess", "iam:PassRole", SOME_ROLE)
    assert not is_allowed("AmazonEventBridgeFullAccess", "iam:PassRole", SOME_ROLE, PASSED_TO_LAMBDA)
    passed_to_pipes = {"iam:PassedToService": ["pipes.amazonaws.com"]}
    assert is_allowed("AmazonEventBridgeFullAccess", "iam:PassRole", SOME_ROLE, passed_to_pipes)
