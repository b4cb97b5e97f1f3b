"""Roles, through an unmodified client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode

READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def trust(principal: Any = None, **more: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": principal or {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
        **more,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


@pytest.fixture
def iam(node: RunningNode) -> Any:
    return node.client("iam")


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_role_is_shown_as_it_was_made(iam: Any) -> None:
    made = iam.create_role(
        RoleName="thumb",
        Path="/service-role/",
        AssumeRolePolicyDocument=trust(),
        Description="makes thumbnails",
        MaxSessionDuration=7200,
        PermissionsBoundary=READ_ONLY,
        Tags=[{"Key": "a", "Value": "b"}],
    )["Role"]
    assert made["Arn"] == "arn:aws:iam::000000000000:role/service-role/thumb"
    assert made["RoleId"].startswith("AROA")
    assert made["AssumeRolePolicyDocument"] == json.loads(trust()), "clients decode it"
    assert (made["Description"], made["MaxSessionDuration"]) == ("makes thumbnails", 7200)
    assert iam.get_role(RoleName="thumb")["Role"] == made
    (listed,) = iam.list_roles(PathPrefix="/service-role/")["Roles"]
    assert listed == {name: value for name, value in made.items() if name not in ("Tags", "PermissionsBoundary")}
    assert iam.list_roles(PathPrefix="/other/")["Roles"] == []


def test_a_role_can_be_changed(iam: Any) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust())
    role = iam.get_role(RoleName="r")["Role"]
    assert role["MaxSessionDuration"] == 3600
    assert "Description" not in role
    iam.update_role(RoleName="r", Description="d", MaxSessionDuration=43200)
    iam.update_role(RoleName="r", Description="e")
    role = iam.get_role(RoleName="r")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("e", 43200)
    assert iam.update_role_description(RoleName="r", Description="f")["Role"]["Description"] == "f"
    other = trust({"AWS": "111111111111"})
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=other)
    assert iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"] == json.loads(other)
    iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=READ_ONLY)
    assert iam.get_role(RoleName="r")["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == READ_ONLY
    iam.delete_role_permissions_boundary(RoleName="r")
    assert refusal(iam.delete_role_permissions_boundary, RoleName="r")[0] == "NoSuchEntity"
    iam.tag_role(RoleName="r", Tags=[{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}])
    iam.untag_role(RoleName="r", TagKeys=["A"])
    assert iam.list_role_tags(RoleName="r")["Tags"] == [{"Key": "c", "Value": "d"}]


def test_a_role_is_deleted_when_nothing_hangs_on_it(iam: Any) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust())
    iam.attach_role_policy(RoleName="r", PolicyArn=READ_ONLY)
    assert refusal(iam.delete_role, RoleName="r") == (
        "DeleteConflict",
        "Cannot delete entity, must detach all policies first.",
    )
    iam.detach_role_policy(RoleName="r", PolicyArn=READ_ONLY)
    assert iam.list_instance_profiles_for_role(RoleName="r")["InstanceProfiles"] == []
    iam.delete_role(RoleName="r")
    missing = ("NoSuchEntity", "The role with name r cannot be found.")
    for call in (iam.get_role, iam.delete_role, iam.list_role_tags, iam.list_instance_profiles_for_role):
        assert refusal(call, RoleName="r") == missing
    iam.create_role(RoleName="R", AssumeRolePolicyDocument=trust())
    assert refusal(iam.create_role, RoleName="r", AssumeRolePolicyDocument=trust()) == (
        "EntityAlreadyExists",
        "Role with name r already exists.",
    )


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{", "Syntax errors in policy."),
        ('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"☃"}]}', "Syntax errors in policy."),
        (trust(Resource="*"), "Has prohibited field Resource"),
        (trust(Action="s3:GetObject"), "AssumeRole policy may only specify STS AssumeRole actions."),
        (trust({"Service": "nobody"}), 'Invalid principal in policy: "SERVICE":"nobody"'),
    ],
)
def test_a_trust_policy_is_checked(iam: Any, document: str, reason: str) -> None:
    malformed = ("MalformedPolicyDocument", reason)
    assert refusal(iam.create_role, RoleName="r", AssumeRolePolicyDocument=document) == malformed
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust())
    assert refusal(iam.update_assume_role_policy, RoleName="r", PolicyDocument=document) == malformed


def test_a_trust_policy_has_a_limit_that_white_space_does_not_count_towards(iam: Any) -> None:
    many = trust({"AWS": [f"{number:012d}" for number in range(150)]})
    assert refusal(iam.create_role, RoleName="r", AssumeRolePolicyDocument=many) == (
        "LimitExceeded",
        "Cannot exceed quota for ACLSizePerRole: 2048",
    )
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust().replace(" ", " " * 300))
