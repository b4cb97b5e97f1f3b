"""Versions and aliases: published once, pointed to, divided by weight."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.errors import refusal
from tests.functions import call, deploy, package, wait_until_updated

pytestmark = pytest.mark.slow


def code(answer: int) -> str:
    return (
        f"def handler(event, context):\n    return [{answer}, context.function_version, context.invoked_function_arn]\n"
    )


def publish(client: Any, answer: int) -> str:
    client.update_function_code(FunctionName="f", ZipFile=package(index__py=code(answer)))
    wait_until_updated(client, "f")
    version = str(client.publish_version(FunctionName="f")["Version"])
    client.get_waiter("published_version_active").wait(
        FunctionName="f", Qualifier=version, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}
    )
    return version


def test_a_published_version_keeps_its_code_while_latest_goes_on(client: Any) -> None:
    arn = deploy(client, code=code(1))
    first = client.publish_version(FunctionName="f", Description="the first")
    assert (first["Version"], first["FunctionArn"], first["Description"]) == ("1", f"{arn}:1", "the first")
    assert publish(client, 2) == "2"
    assert call(client, Qualifier="1").payload == [1, "1", f"{arn}:1"]
    assert call(client, Qualifier="2").payload == [2, "2", f"{arn}:2"]
    assert call(client).payload == [2, "$LATEST", arn]
    assert call(client, Qualifier="1").version == "1"


def test_publishing_again_without_a_change_answers_the_same_version(client: Any) -> None:
    deploy(client)
    assert client.publish_version(FunctionName="f")["Version"] == "1"
    assert client.publish_version(FunctionName="f")["Version"] == "1"
    client.update_function_configuration(FunctionName="f", Timeout=9)
    wait_until_updated(client, "f")
    assert client.publish_version(FunctionName="f")["Version"] == "2"
    versions = client.list_versions_by_function(FunctionName="f")["Versions"]
    assert [each["Version"] for each in versions] == ["$LATEST", "1", "2"]


def test_publishing_code_that_is_not_the_expected_one_is_refused(client: Any) -> None:
    deploy(client)
    answered, message = refusal(client.publish_version, FunctionName="f", CodeSha256="another")
    assert answered == "InvalidParameterValueException"
    assert "is different from current CodeSHA256 in $LATEST" in message


def test_create_and_update_can_publish_at_once(client: Any) -> None:
    made = client.create_function(
        FunctionName="g",
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/r",
        Handler="index.handler",
        Code={"ZipFile": package(index__py=code(1))},
        Publish=True,
    )
    assert (made["Version"], made["FunctionArn"].rsplit(":", 1)[1]) == ("1", "1")
    assert call(client, "g", Qualifier="1").payload[0] == 1
    changed = client.update_function_code(FunctionName="g", ZipFile=package(index__py=code(2)), Publish=True)
    assert changed["Version"] == "2"
    assert call(client, "g", Qualifier="2").payload[0] == 2


def test_an_alias_points_where_it_is_told(client: Any) -> None:
    arn = deploy(client, code=code(0))
    publish(client, 1)
    publish(client, 2)
    alias = client.create_alias(FunctionName="f", Name="live", FunctionVersion="1", Description="d")
    assert (alias["AliasArn"], alias["FunctionVersion"], alias["Description"]) == (f"{arn}:live", "1", "d")
    answer = call(client, Qualifier="live")
    assert answer.payload == [1, "1", f"{arn}:live"]
    assert answer.version == "1"
    client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert call(client, f"{arn}:live").payload[0] == 2
    assert [each["Name"] for each in client.list_aliases(FunctionName="f", FunctionVersion="2")["Aliases"]] == ["live"]
    assert client.list_aliases(FunctionName="f", FunctionVersion="1")["Aliases"] == []
    client.delete_alias(FunctionName="f", Name="live")
    assert refusal(client.get_alias, FunctionName="f", Name="live")[0] == "ResourceNotFoundException"
    assert refusal(client.invoke, FunctionName="f", Qualifier="live")[0] == "ResourceNotFoundException"


def test_a_function_found_by_an_alias_is_named_by_it(client: Any) -> None:
    deploy(client)
    client.publish_version(FunctionName="f")
    alias = client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    found = client.get_function_configuration(FunctionName="f", Qualifier="live")
    assert (found["FunctionArn"], found["Version"]) == (alias["AliasArn"], "1")
    assert client.get_function(FunctionName="f:live")["Configuration"]["FunctionArn"] == alias["AliasArn"]
    with pytest.raises(ClientError, match=r"Deletion of aliases is not currently supported\."):
        client.delete_function(FunctionName="f", Qualifier="live")
    with pytest.raises(ClientError, match=r"Function not found: .*:function:f:9"):
        client.create_alias(FunctionName="f", Name="other", FunctionVersion="9")


def test_an_alias_divides_invocations_by_weight(client: Any) -> None:
    deploy(client, code=code(0))
    publish(client, 1)
    publish(client, 2)
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    client.create_alias(FunctionName="f", Name="split", FunctionVersion="1", RoutingConfig=weights)
    seen = [call(client, Qualifier="split").payload[0] for _ in range(60)]
    assert 10 < seen.count(1) < 50
    assert client.get_alias(FunctionName="f", Name="split")["RoutingConfig"] == weights


def test_aliases_that_cannot_be_are_refused(client: Any) -> None:
    deploy(client)
    publish(client, 1)
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    assert refusal(client.create_alias, FunctionName="f", Name="live", FunctionVersion="1")[0] == (
        "ResourceConflictException"
    )
    assert refusal(client.create_alias, FunctionName="f", Name="x", FunctionVersion="9")[0] == (
        "ResourceNotFoundException"
    )
    for routing in ({"1": 0.5}, {"9": 0.5}):
        request = {"FunctionName": "f", "Name": "x", "FunctionVersion": "1"}
        code_, _ = refusal(client.create_alias, **request, RoutingConfig={"AdditionalVersionWeights": routing})
        assert code_ in ("InvalidParameterValueException", "ResourceNotFoundException")
    assert refusal(client.update_alias, FunctionName="f", Name="live", RevisionId="x")[0] == (
        "PreconditionFailedException"
    )


def test_a_version_that_an_alias_points_to_cannot_be_deleted(client: Any) -> None:
    deploy(client)
    publish(client, 1)
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    answered, message = refusal(client.delete_function, FunctionName="f", Qualifier="1")
    assert answered == "ResourceConflictException"
    assert "referenced by alias live" in message
    client.delete_alias(FunctionName="f", Name="live")
    client.delete_function(FunctionName="f", Qualifier="1")
    assert refusal(client.get_function, FunctionName="f", Qualifier="1")[0] == "ResourceNotFoundException"
    assert client.get_function(FunctionName="f")["Configuration"]["Version"] == "$LATEST"
    assert refusal(client.delete_function, FunctionName="f", Qualifier="$LATEST")[0] == "InvalidParameterValueException"
