"""Users, groups and access keys, through an unmodified client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode, running_node
from wakeful import limits

ACCOUNT = "000000000000"
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
DOCUMENT = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'


@pytest.fixture
def iam(node: RunningNode) -> Any:
    return node.client("iam")


def refusal(call: Any, **request: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_user_is_shown_as_it_was_made(iam: Any) -> None:
    made = iam.create_user(UserName="ann", Path="/team/", Tags=[{"Key": "Color", "Value": "blue"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/team/ann"
    assert made["UserId"].startswith("AIDA")
    assert len(made["UserId"]) == 21
    assert made["Tags"] == [{"Key": "Color", "Value": "blue"}]
    found = iam.get_user(UserName="Ann")["User"]
    assert found == made, "names are not told apart by case"
    (listed,) = iam.list_users()["Users"]
    assert "Tags" not in listed
    assert listed["UserName"] == "ann"


def test_a_name_is_taken_once_whatever_its_case(iam: Any) -> None:
    iam.create_user(UserName="ann")
    taken = ("EntityAlreadyExists", "User with name ANN already exists.", 409)
    assert refusal(iam.create_user, UserName="ANN") == taken
    iam.create_user(UserName="bob")
    assert refusal(iam.update_user, UserName="bob", NewUserName="ANN") == taken
    missing = ("NoSuchEntity", "The user with name eve cannot be found.", 404)
    for call in (iam.get_user, iam.delete_user, iam.list_access_keys, iam.list_groups_for_user, iam.list_user_policies):
        assert refusal(call, UserName="eve") == missing


def test_a_renamed_user_keeps_its_id_and_what_hangs_on_it(iam: Any) -> None:
    before = iam.create_user(UserName="ann")["User"]
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=DOCUMENT)
    iam.update_user(UserName="ann", NewUserName="Anna", NewPath="/new/")
    after = iam.get_user(UserName="anna")["User"]
    assert after["UserId"] == before["UserId"]
    assert after["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/new/Anna"
    assert iam.list_user_policies(UserName="Anna")["PolicyNames"] == ["p"]
    iam.update_user(UserName="Anna", NewUserName="ANNA")
    assert iam.get_user(UserName="anna")["User"]["UserName"] == "ANNA"


def test_users_are_listed_page_by_page_by_path(iam: Any) -> None:
    for number in range(5):
        iam.create_user(UserName=f"u{number}", Path="/a/")
    iam.create_user(UserName="other", Path="/b/")
    pages = list(iam.get_paginator("list_users").paginate(PathPrefix="/a/", PaginationConfig={"PageSize": 2}))
    assert [[user["UserName"] for user in page["Users"]] for page in pages] == [["u0", "u1"], ["u2", "u3"], ["u4"]]
    assert [page["IsTruncated"] for page in pages] == [True, True, False]
    assert refusal(iam.list_users, Marker="%")[0] == "ValidationError"


def test_who_asks_is_shown_where_no_name_is_given(node: RunningNode, iam: Any) -> None:
    assert iam.get_user()["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    ann = node.client("iam", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert ann.get_user()["User"]["UserName"] == "ann"
    assert ann.list_access_keys()["AccessKeyMetadata"][0]["AccessKeyId"] == key["AccessKeyId"]


def test_a_user_is_only_deleted_when_nothing_hangs_on_it(iam: Any) -> None:
    iam.create_user(UserName="ann")
    iam.create_group(GroupName="g")
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    iam.add_user_to_group(GroupName="g", UserName="ann")
    iam.attach_user_policy(UserName="ann", PolicyArn=READ_ONLY)
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=DOCUMENT)
    steps: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("remove users from group", lambda: iam.remove_user_from_group(GroupName="g", UserName="ann")),
        ("detach all policies", lambda: iam.detach_user_policy(UserName="ann", PolicyArn=READ_ONLY)),
        ("delete policies", lambda: iam.delete_user_policy(UserName="ann", PolicyName="p")),
        ("delete access keys", lambda: iam.delete_access_key(UserName="ann", AccessKeyId=key)),
    )
    for reason, undo in steps:
        conflict = ("DeleteConflict", f"Cannot delete entity, must {reason} first.", 409)
        assert refusal(iam.delete_user, UserName="ann") == conflict
        undo()
    iam.delete_user(UserName="ann")
    assert iam.list_users()["Users"] == []


def test_tags_keep_their_case_and_are_not_told_apart_by_it(iam: Any) -> None:
    iam.create_user(UserName="ann")
    iam.tag_user(UserName="ann", Tags=[{"Key": "Team", "Value": "a"}, {"Key": "Age", "Value": "1"}])
    iam.tag_user(UserName="ann", Tags=[{"Key": "TEAM", "Value": "b"}])
    assert iam.list_user_tags(UserName="ann")["Tags"] == [
        {"Key": "Age", "Value": "1"},
        {"Key": "TEAM", "Value": "b"},
    ]
    iam.untag_user(UserName="ann", TagKeys=["team", "none"])
    assert [tag["Key"] for tag in iam.list_user_tags(UserName="ann")["Tags"]] == ["Age"]
    twice = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    assert refusal(iam.tag_user, UserName="ann", Tags=twice)[:2] == (
        "InvalidInput",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )
    assert refusal(iam.tag_user, UserName="ann", Tags=[{"Key": "aws:x", "Value": ""}])[0] == "InvalidInput"
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    assert refusal(iam.tag_user, UserName="ann", Tags=many)[0] == "LimitExceeded"


def test_a_permissions_boundary_is_a_policy_that_is_there(iam: Any) -> None:
    iam.create_user(UserName="ann", PermissionsBoundary=READ_ONLY)
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": READ_ONLY}
    assert iam.get_user(UserName="ann")["User"]["PermissionsBoundary"] == boundary
    iam.delete_user_permissions_boundary(UserName="ann")
    assert "PermissionsBoundary" not in iam.get_user(UserName="ann")["User"]
    assert refusal(iam.delete_user_permissions_boundary, UserName="ann")[0] == "NoSuchEntity"
    gone = "arn:aws:iam::aws:policy/Gone"
    assert refusal(iam.put_user_permissions_boundary, UserName="ann", PermissionsBoundary=gone)[:2] == (
        "NoSuchEntity",
        f"Policy {gone} does not exist or is not attachable.",
    )


def test_groups_have_members(iam: Any) -> None:
    group = iam.create_group(GroupName="Writers", Path="/x/")["Group"]
    assert group["GroupId"].startswith("AGPA")
    for name in ("bob", "ann"):
        iam.create_user(UserName=name)
        iam.add_user_to_group(GroupName="writers", UserName=name)
    iam.add_user_to_group(GroupName="writers", UserName="ann")
    found = iam.get_group(GroupName="Writers")
    assert found["Group"] == group
    assert [user["UserName"] for user in found["Users"]] == ["ann", "bob"]
    assert [each["GroupName"] for each in iam.list_groups_for_user(UserName="ann")["Groups"]] == ["Writers"]
    iam.update_group(GroupName="Writers", NewGroupName="Authors", NewPath="/")
    assert [each["GroupName"] for each in iam.list_groups()["Groups"]] == ["Authors"]
    assert refusal(iam.delete_group, GroupName="Authors")[0] == "DeleteConflict"
    for name in ("ann", "bob"):
        iam.remove_user_from_group(GroupName="Authors", UserName=name)
    assert refusal(iam.remove_user_from_group, GroupName="Authors", UserName="ann")[0] == "NoSuchEntity"
    iam.delete_group(GroupName="Authors")
    assert refusal(iam.get_group, GroupName="Authors")[:2] == (
        "NoSuchEntity",
        "The group with name Authors cannot be found.",
    )


def test_a_user_is_in_no_more_than_ten_groups(iam: Any) -> None:
    iam.create_user(UserName="ann")
    for number in range(limits.IAM_GROUPS_PER_USER_MAX + 1):
        iam.create_group(GroupName=f"g{number}")
    for number in range(limits.IAM_GROUPS_PER_USER_MAX):
        iam.add_user_to_group(GroupName=f"g{number}", UserName="ann")
    iam.add_user_to_group(GroupName="g0", UserName="ann")
    assert refusal(iam.add_user_to_group, GroupName="g10", UserName="ann") == (
        "LimitExceeded",
        "Cannot exceed quota for GroupsPerUser: 10",
        409,
    )


def test_a_user_has_two_keys_that_can_be_switched_and_deleted(iam: Any) -> None:
    iam.create_user(UserName="ann")
    first, second = (iam.create_access_key(UserName="ann")["AccessKey"] for _ in range(2))
    assert first["AccessKeyId"].startswith("AKIA")
    assert len(first["SecretAccessKey"]) == 40
    assert refusal(iam.create_access_key, UserName="ann") == (
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
        409,
    )
    iam.update_access_key(UserName="ann", AccessKeyId=first["AccessKeyId"], Status="Inactive")
    listed = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]
    assert {each["AccessKeyId"]: each["Status"] for each in listed} == {
        first["AccessKeyId"]: "Inactive",
        second["AccessKeyId"]: "Active",
    }
    assert "SecretAccessKey" not in listed[0]
    iam.delete_access_key(UserName="ann", AccessKeyId=first["AccessKeyId"])
    gone = f"The Access Key with id {first['AccessKeyId']} cannot be found."
    for call, more in ((iam.delete_access_key, {}), (iam.update_access_key, {"Status": "Active"})):
        assert refusal(call, UserName="ann", AccessKeyId=first["AccessKeyId"], **more)[:2] == ("NoSuchEntity", gone)
    iam.create_user(UserName="bob")
    assert refusal(iam.delete_access_key, UserName="bob", AccessKeyId=second["AccessKeyId"])[0] == "NoSuchEntity"


def test_the_last_use_of_a_key_is_known_to_about_a_quarter_of_an_hour(node: RunningNode, iam: Any) -> None:
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]

    def last_used() -> Any:
        return iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])

    assert last_used()["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    ann = node.client("sqs", region="eu-west-1", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    ann.list_queues()
    first = last_used()
    assert first["UserName"] == "ann"
    assert (first["AccessKeyLastUsed"]["ServiceName"], first["AccessKeyLastUsed"]["Region"]) == ("sqs", "eu-west-1")
    ann.list_queues()
    assert last_used()["AccessKeyLastUsed"] == first["AccessKeyLastUsed"]
    node.advance(limits.IAM_KEY_USE_NOTED_S + 1)
    ann.list_queues()
    assert last_used()["AccessKeyLastUsed"]["LastUsedDate"] > first["AccessKeyLastUsed"]["LastUsedDate"]
    assert refusal(iam.get_access_key_last_used, AccessKeyId="AKIAAAAAAAAAAAAAAAAA")[0] == "NoSuchEntity"


def test_accounts_do_not_see_each_other(node: RunningNode, iam: Any) -> None:
    iam.create_user(UserName="ann")
    other = node.client("iam", key="111111111111")
    assert other.list_users()["Users"] == []
    assert other.create_user(UserName="ann")["User"]["Arn"] == "arn:aws:iam::111111111111:user/ann"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"UserName": "a b"}, "The specified value for userName is invalid."),
        ({"UserName": "a" * 65}, "Member must have length less than or equal to 64"),
        ({"UserName": "a", "Path": "no"}, "It must begin and end with /"),
    ],
)
def test_names_and_paths_are_checked(iam: Any, request_: dict[str, str], message: str) -> None:
    code, text, status = refusal(iam.create_user, **request_)
    assert (code, status) == ("ValidationError", 400)
    assert message in text


def test_everything_outlives_the_node(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        iam = node.client("iam")
        iam.create_user(UserName="ann")
        key = iam.create_access_key(UserName="ann")["AccessKey"]
    with running_node(tmp_path) as node:
        ann = node.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
        assert ann.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ann"
