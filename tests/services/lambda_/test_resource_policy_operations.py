"""Whole resource policies: put, read and deleted, and the same policies that AddPermission adds to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.errors import refusal, status_of
from tests.functions import ECHO, deploy
from tests.running_node import RunningNode, running_node
from wakeful.services.lambda_.resource_policy_operations import is_public

ALLOW = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
OTHER = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def node(tidied_node: RunningNode) -> RunningNode:
    return tidied_node


def statement(arn: str, **more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "lambda:InvokeFunction",
        "Resource": arn,
        **more,
    }


def policy(*statements: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", **more, "Statement": list(statements)})


@pytest.fixture
def arn(client: Any) -> str:
    return deploy(client)


def test_a_policy_is_put_as_a_whole_and_replaces_what_was_added(client: Any, arn: str) -> None:
    client.add_permission(FunctionName="f", **ALLOW)
    put = client.put_resource_policy(ResourceArn=arn, Policy=policy(statement(arn, Sid="mine"), Id="own"))
    got = client.get_resource_policy(ResourceArn=arn)
    assert (put["Policy"], put["RevisionId"]) == (got["Policy"], got["RevisionId"])
    assert json.loads(got["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "own",
        "Statement": [statement(arn, Sid="mine")],
    }
    both = client.get_policy(FunctionName="f")
    assert (both["Policy"], both["RevisionId"]) == (got["Policy"], got["RevisionId"])


def test_permissions_come_and_go_in_a_policy_that_was_put(client: Any, arn: str) -> None:
    deny = statement(arn, Effect="Deny", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}})
    client.put_resource_policy(ResourceArn=arn, Policy=policy(statement(arn, Sid="mine"), deny, Id="own"))
    assert refusal(client.add_permission, FunctionName="f", **{**ALLOW, "StatementId": "mine"})[0] == (
        "ResourceConflictException"
    )
    client.add_permission(FunctionName="f", **ALLOW)
    client.remove_permission(FunctionName="f", StatementId="mine")
    found = json.loads(client.get_resource_policy(ResourceArn=arn)["Policy"])
    assert found["Id"] == "own"
    assert [each.get("Sid") for each in found["Statement"]] == [None, "s3"]


def test_a_policy_is_deleted_once(client: Any, arn: str) -> None:
    assert refusal(client.delete_resource_policy, ResourceArn=arn)[0] == "ResourceNotFoundException"
    client.put_resource_policy(ResourceArn=arn, Policy=policy(statement(arn), Id="own"))
    client.delete_resource_policy(ResourceArn=arn)
    assert refusal(client.get_resource_policy, ResourceArn=arn)[0] == "ResourceNotFoundException"
    assert refusal(client.get_policy, FunctionName="f")[0] == "ResourceNotFoundException"
    client.add_permission(FunctionName="f", **ALLOW)
    assert json.loads(client.get_policy(FunctionName="f")["Policy"])["Id"] == "default"


def test_an_outdated_revision_changes_nothing(client: Any, arn: str) -> None:
    put = client.put_resource_policy(ResourceArn=arn, Policy=policy(statement(arn)))
    again = {"ResourceArn": arn, "Policy": policy(statement(arn, Sid="new"))}
    assert refusal(client.put_resource_policy, RevisionId=OTHER, **again)[0] == "PreconditionFailedException"
    assert refusal(client.delete_resource_policy, ResourceArn=arn, RevisionId=OTHER)[0] == (
        "PreconditionFailedException"
    )
    changed = client.put_resource_policy(RevisionId=put["RevisionId"], **again)
    assert changed["RevisionId"] != put["RevisionId"]
    client.delete_resource_policy(ResourceArn=arn, RevisionId=changed["RevisionId"])


def test_versions_and_aliases_have_policies_of_their_own(client: Any, arn: str) -> None:
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    for qualified in (f"{arn}:live", f"{arn}:1"):
        client.put_resource_policy(ResourceArn=qualified, Policy=policy(statement(qualified)))
    assert refusal(client.get_resource_policy, ResourceArn=arn)[0] == "ResourceNotFoundException"
    client.delete_alias(FunctionName="f", Name="live")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    assert refusal(client.get_resource_policy, ResourceArn=f"{arn}:live")[0] == "ResourceNotFoundException"
    latest = f"{arn}:$LATEST"
    assert refusal(client.put_resource_policy, ResourceArn=latest, Policy=policy(statement(latest))) == (
        "InvalidParameterValueException",
        "We currently do not support adding policies for $LATEST.",
    )


def test_what_is_no_policy_of_this_function_is_refused(client: Any, arn: str) -> None:
    for text, words in (
        ("{", "Syntax errors in policy."),
        (policy(), "Syntax errors in policy."),
        (policy({**statement(arn), "Effect": "Perhaps"}), "Syntax errors in policy."),
        (policy(statement(arn, Sid="a"), statement(arn, Sid="a")), "must be unique"),
        (policy(statement(f"{arn}:1")), f"must be {arn}"),
        (policy(statement(arn, Action="s3:GetObject")), "Lambda's actions"),
    ):
        code, message = refusal(client.put_resource_policy, ResourceArn=arn, Policy=text)
        assert (code, words in message) == ("InvalidParameterValueException", True), message


def test_resources_that_are_not_there_have_no_policy(client: Any, arn: str) -> None:
    other = f"{arn}-other"
    put = client.put_resource_policy
    assert refusal(put, ResourceArn=other, Policy=policy(statement(other)))[0] == "ResourceNotFoundException"
    assert refusal(client.get_resource_policy, ResourceArn=other)[0] == "ResourceNotFoundException"
    runtime = arn.replace("function:f", "runtime/own")
    assert "runtimes of one's own" in refusal(client.get_resource_policy, ResourceArn=runtime)[1]
    assert status_of(client.get_resource_policy, ResourceArn="f") == 400


def test_a_policy_has_a_largest_size(client: Any, arn: str) -> None:
    wide = policy(statement(arn, Condition={"StringEquals": {"aws:SourceArn": "ü" * 11_000}})).replace("\\u00fc", "ü")
    assert len(wide) < 20_480 < len(wide.encode())
    code, message = refusal(client.put_resource_policy, ResourceArn=arn, Policy=wide)
    assert code == "PolicyLengthExceededException"
    assert "20480" in message


def test_a_policy_for_everybody_is_refused_and_one_for_a_function_url_is_not(client: Any, arn: str) -> None:
    everybody = statement(arn, Principal="*")
    assert refusal(client.put_resource_policy, ResourceArn=arn, Policy=policy(everybody))[0] == "PublicPolicyException"
    url = {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}
    narrowed = {**everybody, "Action": "lambda:InvokeFunctionUrl", "Condition": url}
    client.put_resource_policy(ResourceArn=arn, Policy=policy(narrowed))


def test_what_the_policy_says_is_what_happens(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        client = node.client("lambda", key="111111111111")
        owner = node.client("lambda", key="000000000000")
        arn = deploy_for(owner, node)
        assert status_of(client.get_function_configuration, FunctionName=arn) == 403
        allowed = statement(arn, Action="lambda:GetFunctionConfiguration")
        owner.put_resource_policy(ResourceArn=arn, Policy=policy(allowed))
        assert client.get_function_configuration(FunctionName=arn)["FunctionArn"] == arn
        denied = {**allowed, "Effect": "Deny"}
        owner.put_resource_policy(ResourceArn=arn, Policy=policy(allowed, denied))
        assert status_of(client.get_function_configuration, FunctionName=arn) == 403


def deploy_for(client: Any, node: RunningNode) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    node.client("iam", key="000000000000").create_role(
        RoleName="function", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    return deploy(client, code=ECHO)


@given(st.sampled_from(["Allow", "Deny"]), st.sampled_from(["*", {"AWS": "*"}, {"AWS": "111111111111"}]), st.booleans())
def test_public_is_what_is_allowed_to_nobody_in_particular(effect: str, principal: Any, is_narrow: bool) -> None:
    condition = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}} if is_narrow else {}
    found = is_public(statement("arn", Effect=effect, Principal=principal, **condition))
    assert found == (effect == "Allow" and "*" in str(principal) and not is_narrow)


def test_a_condition_that_names_everybody_names_nobody() -> None:
    for condition in (
        {"StringLike": {"aws:PrincipalArn": "*"}},
        {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}},
        {"StringNotEquals": {"aws:PrincipalAccount": "111111111111"}},
    ):
        assert is_public(statement("arn", Principal="*", Condition=condition))
    assert is_public({"Effect": "Allow", "NotPrincipal": {"AWS": "111111111111"}, "Action": "*", "Resource": "*"})
