"""Resource policies of logs: kept, shown, refused, and followed for services alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.errors import refusal
from tests.running_node import RunningNode, running_node

GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:g"


def document(principal: Any, resource: str = "*", *, sid: str = "s") -> str:
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    statement = {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": actions, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TRUSTS_EVENTS = document({"Service": "events.amazonaws.com"})


@pytest.fixture
def logs(node: RunningNode) -> Any:
    return node.client("logs")


def test_a_policy_is_shown_as_it_was_put_until_it_is_deleted(logs: Any) -> None:
    made = logs.put_resource_policy(policyName="p", policyDocument=TRUSTS_EVENTS)["resourcePolicy"]
    (shown,) = logs.describe_resource_policies()["resourcePolicies"]
    assert shown == made
    assert (shown["policyName"], shown["policyDocument"], shown["policyScope"]) == ("p", TRUSTS_EVENTS, "ACCOUNT")
    other = document({"Service": "events.amazonaws.com"}, sid="other")
    logs.put_resource_policy(policyName="p", policyDocument=other)
    (shown,) = logs.describe_resource_policies()["resourcePolicies"]
    assert shown["policyDocument"] == other
    logs.delete_resource_policy(policyName="p")
    assert logs.describe_resource_policies()["resourcePolicies"] == []


def test_policies_are_listed_by_name_and_page_by_page_up_to_ten(logs: Any) -> None:
    for number in range(10):
        logs.put_resource_policy(policyName=f"p{number}", policyDocument=TRUSTS_EVENTS)
    pages = logs.get_paginator("describe_resource_policies").paginate(PaginationConfig={"PageSize": 4})
    names = [[policy["policyName"] for policy in page["resourcePolicies"]] for page in pages]
    assert [len(page) for page in names] == [4, 4, 2]
    assert [name for page in names for name in page] == [f"p{number}" for number in range(10)]
    code, _ = refusal(logs.put_resource_policy, policyName="p10", policyDocument=TRUSTS_EVENTS)
    assert code == "LimitExceededException"
    logs.put_resource_policy(policyName="p9", policyDocument=TRUSTS_EVENTS)


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({"policyDocument": TRUSTS_EVENTS}, "InvalidParameterException", "policyName"),
        ({"policyName": "p", "policyDocument": '{"Statement": {}}'}, "InvalidParameterException", "Invalid policy"),
        ({"policyName": "p", "policyDocument": " " * 6000}, "InvalidParameterException", "5120"),
        ({"policyName": "p", "policyDocument": TRUSTS_EVENTS, "resourceArn": GROUP}, "NotImplemented", "resourceArn"),
        (
            {"policyName": "p", "policyDocument": TRUSTS_EVENTS, "expectedRevisionId": "1"},
            "InvalidParameterException",
            "expectedRevisionId",
        ),
    ],
)
def test_a_policy_that_cannot_be_is_refused(logs: Any, request_: dict[str, str], code: str, words: str) -> None:
    found = refusal(logs.put_resource_policy, **request_)
    assert found[0] == code
    assert words in found[1]
    assert logs.describe_resource_policies()["resourcePolicies"] == []


def test_a_policy_that_is_not_there_cannot_be_deleted(logs: Any) -> None:
    assert refusal(logs.delete_resource_policy, policyName="none") == (
        "ResourceNotFoundException",
        "Policy with name [none] does not exist.",
    )


def test_a_policy_lets_no_user_in(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        logs, iam = node.client("logs"), node.client("iam")
        logs.create_log_group(logGroupName="g")
        logs.put_resource_policy(policyName="p", policyDocument=document("*"))
        iam.create_user(UserName="u")
        key = iam.create_access_key(UserName="u")["AccessKey"]
        theirs = node.client("logs", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
        with pytest.raises(ClientError, match="AccessDenied"):
            theirs.create_log_stream(logGroupName="g", logStreamName="s")
