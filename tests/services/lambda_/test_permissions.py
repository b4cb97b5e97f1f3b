"""Resource policies: statements come and go, by function, version and alias."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.errors import refusal
from tests.functions import ROLE, RUNTIME, call, deploy, package, wait_until_active, wait_until_updated
from tests.running_node import RunningNode

ALLOW = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}


@pytest.fixture
def node(tidied_node: RunningNode) -> RunningNode:
    return tidied_node


def test_a_permission_is_a_statement_of_the_policy_as_aws_writes_it(client: Any) -> None:
    arn = deploy(client)
    answered = client.add_permission(
        FunctionName="f", **ALLOW, SourceArn="arn:aws:s3:::bucket", SourceAccount="000000000000"
    )
    statement = {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": arn,
        "Condition": {
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
            "StringEquals": {"AWS:SourceAccount": "000000000000"},
        },
    }
    assert json.loads(answered["Statement"]) == statement
    policy = json.loads(client.get_policy(FunctionName="f")["Policy"])
    assert policy == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}


def test_principals_are_written_as_what_they_are(client: Any) -> None:
    deploy(client)
    for sid, principal, written in (
        ("a", "111111111111", {"AWS": "arn:aws:iam::111111111111:root"}),
        ("b", "arn:aws:iam::111111111111:user/u", {"AWS": "arn:aws:iam::111111111111:user/u"}),
        ("c", "*", "*"),
    ):
        request = {**ALLOW, "StatementId": sid, "Principal": principal}
        assert json.loads(client.add_permission(FunctionName="f", **request)["Statement"])["Principal"] == written


def test_who_and_what_no_permission_is_for_is_refused(client: Any) -> None:
    deploy(client)
    request = {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction"}
    for principal in ("nobody", "1234"):
        with pytest.raises(ClientError, match=r"The provided principal was invalid\."):
            client.add_permission(**request, Principal=principal)
    with pytest.raises(ClientError, match=r"do not support adding policies for \$LATEST\."):
        client.add_permission(**request, Principal="s3.amazonaws.com", Qualifier="$LATEST")


def test_a_statement_is_named_once_and_removed_by_name(client: Any) -> None:
    deploy(client)
    client.add_permission(FunctionName="f", **ALLOW)
    code, message = refusal(client.add_permission, FunctionName="f", **ALLOW)
    assert code == "ResourceConflictException"
    assert "statement id (s3) provided already exists" in message
    client.remove_permission(FunctionName="f", StatementId="s3")
    assert refusal(client.remove_permission, FunctionName="f", StatementId="s3")[0] == "ResourceNotFoundException"
    assert refusal(client.get_policy, FunctionName="f")[0] == "ResourceNotFoundException"


def test_versions_and_aliases_have_policies_of_their_own(client: Any) -> None:
    arn = deploy(client)
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    statement = json.loads(client.add_permission(FunctionName="f", Qualifier="live", **ALLOW)["Statement"])
    assert statement["Resource"] == f"{arn}:live"
    assert refusal(client.get_policy, FunctionName="f")[0] == "ResourceNotFoundException"
    assert "live" in client.get_policy(FunctionName="f", Qualifier="live")["Policy"]


def test_a_policys_revision_is_that_of_what_it_is_put_on(client: Any) -> None:
    deploy(client)
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")

    def revision(qualifier: str) -> str:
        if qualifier == "live":
            return str(client.get_alias(FunctionName="f", Name="live")["RevisionId"])
        return str(client.get_function_configuration(FunctionName="f", Qualifier=qualifier)["RevisionId"])

    for qualifier in ("$LATEST", "1", "live"):
        on = {"FunctionName": "f", **({} if qualifier == "$LATEST" else {"Qualifier": qualifier})}
        seen = [revision(qualifier)]
        client.add_permission(**on, **ALLOW, RevisionId=seen[-1])
        seen.append(client.get_policy(**on)["RevisionId"])
        assert seen[-1] == revision(qualifier)
        client.remove_permission(**on, StatementId="s3", RevisionId=seen[-1])
        seen.append(revision(qualifier))
        assert len(set(seen)) == 3


def test_a_function_that_is_being_made_becomes_active_whoever_is_permitted_meanwhile(client: Any) -> None:
    client.create_function(
        FunctionName="f",
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": package(index__py="def handler(event, context):\n    return 1\n")},
    )
    client.add_permission(FunctionName="f", **ALLOW)
    wait_until_active(client, "f")
    client.update_function_configuration(FunctionName="f", Description="other")
    client.remove_permission(FunctionName="f", StatementId="s3")
    wait_until_updated(client, "f")
    assert call(client).payload == 1


def test_nothing_is_removed_where_there_is_no_policy(client: Any) -> None:
    deploy(client)
    assert refusal(client.remove_permission, FunctionName="f", StatementId="s3") == (
        "ResourceNotFoundException",
        "No policy is associated with the given resource.",
    )


def test_an_outdated_revision_of_the_policy_changes_nothing(client: Any) -> None:
    deploy(client)
    client.add_permission(FunctionName="f", **ALLOW)
    revision = client.get_policy(FunctionName="f")["RevisionId"]
    other = {**ALLOW, "StatementId": "other"}
    assert refusal(client.add_permission, FunctionName="f", RevisionId="x", **other)[0] == (
        "PreconditionFailedException"
    )
    client.add_permission(FunctionName="f", RevisionId=revision, **other)
    assert client.get_policy(FunctionName="f")["RevisionId"] != revision


def test_a_policy_has_a_largest_size(client: Any) -> None:
    deploy(client)
    code = ""
    for number in range(40):
        request = {**ALLOW, "StatementId": f"{number}", "SourceArn": "arn:aws:s3:::" + "b" * 600}
        try:
            client.add_permission(FunctionName="f", **request)
        except client.exceptions.PolicyLengthExceededException as error:
            code = error.response["Error"]["Code"]
            break
    assert code == "PolicyLengthExceededException"


def test_permissions_are_for_functions_that_are_there(client: Any) -> None:
    for ask in (client.get_policy, client.remove_permission):
        more = {} if ask == client.get_policy else {"StatementId": "s"}
        assert refusal(ask, FunctionName="none", **more)[0] == "ResourceNotFoundException"
    assert refusal(client.add_permission, FunctionName="none", **ALLOW)[0] == "ResourceNotFoundException"
