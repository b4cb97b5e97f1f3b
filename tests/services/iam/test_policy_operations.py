"""Managed and inline policies, through an unmodified client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode
from tests.services.iam.test_role_operations import trust

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
ARN = "arn:aws:iam::000000000000:policy"


def allowing(action: str = "s3:*", resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def iam(node: RunningNode) -> Any:
    client = node.client("iam")
    client.create_user(UserName="ann")
    client.create_group(GroupName="g")
    client.create_role(RoleName="r", AssumeRolePolicyDocument=trust())
    return client


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_policy_is_shown_as_it_was_made(iam: Any) -> None:
    made = iam.create_policy(
        PolicyName="p",
        Path="/x/",
        PolicyDocument=allowing(),
        Description="d",
        Tags=[{"Key": "a", "Value": "b"}],
    )["Policy"]
    assert made["Arn"] == f"{ARN}/x/p"
    assert made["PolicyId"].startswith("ANPA")
    assert (made["DefaultVersionId"], made["AttachmentCount"], made["IsAttachable"]) == ("v1", 0, True)
    found = iam.get_policy(PolicyArn=made["Arn"])["Policy"]
    assert found == made | {"Description": "d"}
    version = iam.get_policy_version(PolicyArn=made["Arn"], VersionId="v1")["PolicyVersion"]
    assert (version["Document"], version["IsDefaultVersion"]) == (json.loads(allowing()), True)
    assert refusal(iam.create_policy, PolicyName="P", PolicyDocument=allowing()) == (
        "EntityAlreadyExists",
        "A policy called P already exists. Duplicate names are not allowed.",
    )
    iam.tag_policy(PolicyArn=made["Arn"], Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_policy(PolicyArn=made["Arn"], TagKeys=["a"])
    assert iam.list_policy_tags(PolicyArn=made["Arn"])["Tags"] == [{"Key": "c", "Value": "d"}]


def test_a_policy_has_up_to_five_versions_one_of_which_counts(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="p", PolicyDocument=allowing("s3:v1"))["Policy"]["Arn"]
    for number in range(2, 6):
        version = iam.create_policy_version(
            PolicyArn=arn, PolicyDocument=allowing(f"s3:v{number}"), SetAsDefault=number == 3
        )["PolicyVersion"]
        assert (version["VersionId"], version["IsDefaultVersion"]) == (f"v{number}", number == 3)
    assert refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=allowing())[0] == "LimitExceeded"
    pages = iam.get_paginator("list_policy_versions").paginate(PolicyArn=arn, PaginationConfig={"PageSize": 2})
    assert [[each["VersionId"] for each in page["Versions"]] for page in pages] == [["v5", "v4"], ["v3", "v2"], ["v1"]]
    assert refusal(iam.delete_policy_version, PolicyArn=arn, VersionId="v3") == (
        "DeleteConflict",
        "Cannot delete the default version of a policy.",
    )
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v5")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v5"
    assert refusal(iam.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    assert refusal(iam.get_policy_version, PolicyArn=arn, VersionId="v1") == (
        "NoSuchEntity",
        f"Policy {arn} version v1 does not exist or is not attachable.",
    )
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=allowing())["PolicyVersion"]["VersionId"] == "v6"


def test_a_policy_is_attached_to_users_groups_and_roles(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="p", Path="/x/", PolicyDocument=allowing())["Policy"]["Arn"]
    holders = (("user", {"UserName": "ann"}), ("group", {"GroupName": "g"}), ("role", {"RoleName": "r"}))
    for kind, name in holders:
        for _ in range(2):
            getattr(iam, f"attach_{kind}_policy")(**name, PolicyArn=arn)
        getattr(iam, f"attach_{kind}_policy")(**name, PolicyArn=BASIC)
        listed = getattr(iam, f"list_attached_{kind}_policies")
        assert [each["PolicyName"] for each in listed(**name)["AttachedPolicies"]] == [
            "p",
            "AWSLambdaBasicExecutionRole",
        ]
        assert [each["PolicyArn"] for each in listed(**name, PathPrefix="/x/")["AttachedPolicies"]] == [arn]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 3
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert [each["UserName"] for each in entities["PolicyUsers"]] == ["ann"]
    assert [each["GroupName"] for each in entities["PolicyGroups"]] == ["g"]
    assert [each["RoleName"] for each in entities["PolicyRoles"]] == ["r"]
    only_roles = iam.list_entities_for_policy(PolicyArn=arn, EntityFilter="Role")
    assert (only_roles["PolicyUsers"], len(only_roles["PolicyRoles"])) == ([], 1)
    assert refusal(iam.delete_policy, PolicyArn=arn) == (
        "DeleteConflict",
        "Cannot delete a policy attached to entities.",
    )
    for kind, name in holders:
        getattr(iam, f"detach_{kind}_policy")(**name, PolicyArn=arn)
        assert refusal(getattr(iam, f"detach_{kind}_policy"), **name, PolicyArn=arn) == (
            "NoSuchEntity",
            f"Policy {arn} was not found.",
        )
    iam.delete_policy(PolicyArn=arn)
    assert refusal(iam.get_policy, PolicyArn=arn) == ("NoSuchEntity", f"Policy {arn} was not found.")
    assert refusal(iam.attach_role_policy, RoleName="r", PolicyArn=arn) == (
        "NoSuchEntity",
        f"Policy {arn} does not exist or is not attachable.",
    )
    assert refusal(iam.attach_role_policy, RoleName="r", PolicyArn="arn:aws:s3:::not-a-policy")[0] == "InvalidInput"


def test_a_boundary_keeps_its_policy(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="p", PolicyDocument=allowing())["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=arn)
    assert refusal(iam.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"
    found = iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter="PermissionsBoundary")
    assert [each["UserName"] for each in found["PolicyUsers"]] == ["ann"]
    bounds = iam.list_policies(Scope="Local", PolicyUsageFilter="PermissionsBoundary")["Policies"]
    assert [(each["Arn"], each["PermissionsBoundaryUsageCount"]) for each in bounds] == [(arn, 1)]


def test_an_entity_has_up_to_ten_managed_policies(iam: Any) -> None:
    arns = [
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=allowing())["Policy"]["Arn"] for number in range(11)
    ]
    for arn in arns[:10]:
        iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    iam.attach_role_policy(RoleName="r", PolicyArn=arns[0])
    assert refusal(iam.attach_role_policy, RoleName="r", PolicyArn=arns[10]) == (
        "LimitExceeded",
        "Cannot exceed quota for PoliciesPerRole: 10",
    )


def test_policies_of_the_account_and_of_aws_are_listed(iam: Any) -> None:
    own = [iam.create_policy(PolicyName=f"p{number}", PolicyDocument=allowing())["Policy"]["Arn"] for number in (1, 2)]
    iam.attach_role_policy(RoleName="r", PolicyArn=own[1])
    iam.attach_role_policy(RoleName="r", PolicyArn=BASIC)

    def arns(**request: Any) -> list[str]:
        pages = iam.get_paginator("list_policies").paginate(**request, PaginationConfig={"PageSize": 7})
        return [policy["Arn"] for page in pages for policy in page["Policies"]]

    assert arns(Scope="Local") == own
    assert BASIC in arns(Scope="AWS")
    assert set(arns(Scope="AWS")).isdisjoint(own)
    assert arns() == own + arns(Scope="AWS")
    assert arns(OnlyAttached=True) == [own[1], BASIC]
    assert all(":policy/service-role/" in arn for arn in arns(PathPrefix="/service-role/"))


def test_aws_own_policies_can_be_read_and_not_changed(iam: Any) -> None:
    policy = iam.get_policy(PolicyArn=BASIC)["Policy"]
    assert (policy["PolicyName"], policy["Path"]) == ("AWSLambdaBasicExecutionRole", "/service-role/")
    version = iam.get_policy_version(PolicyArn=BASIC, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    assert "logs:PutLogEvents" in version["Document"]["Statement"][0]["Action"]
    assert refusal(iam.delete_policy, PolicyArn=BASIC)[0] == "AccessDenied"
    assert refusal(iam.create_policy_version, PolicyArn=BASIC, PolicyDocument=allowing())[0] == "AccessDenied"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("no json", "Syntax errors in policy."),
        ('{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}', "must be version 2012-10-17 or greater"),
        (allowing("GetObject"), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        (allowing(resource="bucket"), 'Resource bucket must be in ARN format or "*".'),
    ],
)
def test_a_document_is_checked(iam: Any, document: str, reason: str) -> None:
    code, message = refusal(iam.create_policy, PolicyName="p", PolicyDocument=document)
    assert code == "MalformedPolicyDocument"
    assert reason in message
    arn = iam.create_policy(PolicyName="p", PolicyDocument=allowing())["Policy"]["Arn"]
    assert refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=document)[0] == "MalformedPolicyDocument"


def test_a_document_has_a_limit(iam: Any) -> None:
    many = allowing(resource=f"arn:aws:s3:::{'x' * 6100}")
    assert refusal(iam.create_policy, PolicyName="p", PolicyDocument=many) == (
        "LimitExceeded",
        "Cannot exceed quota for PolicySize: 6144",
    )


@pytest.mark.parametrize(
    ("kind", "name", "chars_max"),
    [("user", {"UserName": "ann"}, 2048), ("group", {"GroupName": "g"}, 5120), ("role", {"RoleName": "r"}, 10_240)],
)
def test_inline_policies_belong_to_one_user_group_or_role(
    iam: Any, kind: str, name: dict[str, str], chars_max: int
) -> None:
    put, get, delete, listed = (
        getattr(iam, operation.format(kind))
        for operation in ("put_{}_policy", "get_{}_policy", "delete_{}_policy", "list_{}_policies")
    )
    put(**name, PolicyName="b", PolicyDocument=allowing("s3:Get*"))
    put(**name, PolicyName="b", PolicyDocument=allowing())
    put(**name, PolicyName="a", PolicyDocument=allowing())
    found = get(**name, PolicyName="b")
    assert found["PolicyDocument"] == json.loads(allowing())
    assert {key: found[key] for key in name} == name
    assert listed(**name)["PolicyNames"] == ["a", "b"]
    first = listed(**name, MaxItems=1)
    assert (first["PolicyNames"], listed(**name, Marker=first["Marker"])["PolicyNames"]) == (["a"], ["b"])
    delete(**name, PolicyName="b")
    missing = ("NoSuchEntity", f"The {kind} policy with name b cannot be found.")
    assert refusal(get, **name, PolicyName="b") == missing
    assert refusal(delete, **name, PolicyName="b") == missing
    assert refusal(put, **name, PolicyName="b", PolicyDocument="{}")[0] == "MalformedPolicyDocument"
    large = allowing(resource=f"arn:aws:s3:::{'x' * (chars_max - 150)}")
    holder = next(iter(name.values()))
    assert refusal(put, **name, PolicyName="b", PolicyDocument=large) == (
        "LimitExceeded",
        f"Maximum policy size of {chars_max} bytes exceeded for {kind} {holder}",
    )
    put(**name, PolicyName="a", PolicyDocument=large)


def test_the_account_is_summed_up(iam: Any) -> None:
    iam.create_policy(PolicyName="p", PolicyDocument=allowing())
    summary = iam.get_account_summary()["SummaryMap"]
    assert [summary[name] for name in ("Users", "Groups", "Roles", "Policies")] == [1, 1, 1, 1]
    assert summary["AttachedPoliciesPerRoleQuota"] == 10
