"""The policy simulator, through an unmodified client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode
from tests.services.iam.test_policy_operations import allowing
from tests.services.iam.test_role_operations import trust


@pytest.fixture
def iam(node: RunningNode) -> Any:
    return node.client("iam")


def decisions(answer: Any) -> dict[tuple[str, str], str]:
    return {
        (each["EvalActionName"], each["EvalResourceName"]): each["EvalDecision"] for each in answer["EvaluationResults"]
    }


def test_a_user_is_simulated_with_its_groups_and_boundary(iam: Any) -> None:
    user = iam.create_user(UserName="ann")["User"]
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="ann")
    iam.put_group_policy(GroupName="g", PolicyName="sending", PolicyDocument=allowing("sqs:SendMessage"))
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    queue = "arn:aws:sqs:us-east-1:000000000000:q"
    actions = ["sqs:SendMessage", "s3:GetObject", "s3:PutObject"]
    answer = iam.simulate_principal_policy(PolicySourceArn=user["Arn"], ActionNames=actions, ResourceArns=[queue])
    assert decisions(answer) == {
        ("sqs:SendMessage", queue): "allowed",
        ("s3:GetObject", queue): "allowed",
        ("s3:PutObject", queue): "implicitDeny",
    }
    assert [each["MatchedStatements"] for each in answer["EvaluationResults"]] == [
        [{"SourcePolicyId": "group_g_sending", "SourcePolicyType": "group"}],
        [{"SourcePolicyId": "AmazonS3ReadOnlyAccess", "SourcePolicyType": "aws-managed"}],
        [],
    ]
    bounded = iam.simulate_principal_policy(
        PolicySourceArn=user["Arn"], ActionNames=actions, PermissionsBoundaryPolicyInputList=[allowing("sqs:*")]
    )
    assert [each["EvalDecision"] for each in bounded["EvaluationResults"]] == [
        "allowed",
        "implicitDeny",
        "implicitDeny",
    ]
    assert bounded["EvaluationResults"][1]["PermissionsBoundaryDecisionDetail"] == {
        "AllowedByPermissionsBoundary": False
    }


def test_a_role_is_simulated_page_by_page(iam: Any) -> None:
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust())["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=allowing("s3:*"))
    pages = list(
        iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=arn, ActionNames=["s3:a", "s3:b", "sqs:c"], PaginationConfig={"PageSize": 2}
        )
    )
    assert [list(decisions(page).values()) for page in pages] == [["allowed", "allowed"], ["implicitDeny"]]


def test_a_custom_policy_tells_what_it_wants_to_know(iam: Any) -> None:
    condition = {"StringEquals": {"aws:RequestTag/x": "1"}}
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    asked: dict[str, Any] = {"PolicyInputList": [document], "ActionNames": ["s3:PutObject"]}
    (result,) = iam.simulate_custom_policy(**asked)["EvaluationResults"]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["aws:requesttag/x"])
    entry = {"ContextKeyName": "aws:RequestTag/x", "ContextKeyValues": ["1"], "ContextKeyType": "string"}
    (result,) = iam.simulate_custom_policy(**asked, ContextEntries=[entry])["EvaluationResults"]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("allowed", [])
    assert result["MatchedStatements"] == [{"SourcePolicyId": "PolicyInputList.1", "SourcePolicyType": "none"}]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    resource = json.dumps({"Version": "2012-10-17", "Statement": deny})
    (result,) = iam.simulate_custom_policy(**asked, ContextEntries=[entry], ResourcePolicy=resource)[
        "EvaluationResults"
    ]
    assert result["EvalDecision"] == "explicitDeny"


def test_what_cannot_be_simulated_is_refused(iam: Any) -> None:
    for request, code in (
        ({"PolicyInputList": ["{"], "ActionNames": ["s3:a"]}, "InvalidInput"),
        (
            {"PolicyInputList": [allowing()], "ActionNames": ["s3:a"], "ResourceHandlingOption": "EC2-VPC-EBS"},
            "NotImplemented",
        ),
    ):
        with pytest.raises(ClientError) as refused:
            iam.simulate_custom_policy(**request)
        assert refused.value.response["Error"]["Code"] == code
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.simulate_principal_policy(PolicySourceArn="arn:aws:iam::000000000000:user/nobody", ActionNames=["s3:a"])
