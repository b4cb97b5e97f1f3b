"""Versions and aliases: published once, pointed to, divided by weight."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.errors import refusal
from tests.functions import ROLE, RUNTIME, call, deploy, package, wait_until_active, wait_until_updated
from tests.running_node import RunningNode

pytestmark = pytest.mark.slow


@pytest.fixture
def node(tidied_node: RunningNode) -> RunningNode:
    return tidied_node


def code(answer: int) -> str:
    return (
        f"def handler(event, context):\n    return [{answer}, context.function_version, context.invoked_function_arn]\n"
    )


def publish(client: Any, answer: int) -> str:
    client.update_function_code(FunctionName="f", ZipFile=package(index__py=code(answer)))
    wait_until_updated(client, "f")
    version = str(client.publish_version(FunctionName="f")["Version"])
    client.get_waiter("published_version_active").wait(
        FunctionName="f", Qualifier=version, WaiterConfig={"Delay": 0.02, "MaxAttempts": 3000}
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
    assert (made["Version"], made["FunctionArn"].rsplit(":", 1)[1]) == ("1", "g")  # as Lambda answers it
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
    client.delete_alias(FunctionName="f", Name="live")  # there is no error for one that has gone
    for operation in (client.get_alias, client.update_alias):
        assert refusal(operation, FunctionName="f", Name="live") == (
            "ResourceNotFoundException",
            f"Cannot find alias arn: {arn}:live",
        )
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
    place = "arn:aws:lambda:us-east-1:000000000000:function"
    weights = "'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map"
    for version, routing, code_, words in (
        ("1", {"2": 0.1, "3": 0.1}, "InvalidParameterValueException", "cannot be greater than 1"),
        ("1", {"1": 0.5}, "InvalidParameterValueException", "Function version 1 is already included in routing"),
        ("1", {"9": 0.5}, "ResourceNotFoundException", f"Function not found: {place}:f:9"),
        ("9", {"1": 0.5}, "ResourceNotFoundException", f"Function not found: {place}:f:9"),
        ("$LATEST", {"1": 0.5}, "InvalidParameterValueException", "$LATEST is not supported for an alias pointing to"),
        ("1", {"$LATEST": 0.5}, "ValidationException", f"Value '{{$LATEST=0.5}}' at {weights} keys must satisfy"),
        ("1", {"2": 2.0}, "ValidationException", f"Value '{{2=2.0}}' at {weights} value must satisfy"),
    ):
        request = {"FunctionName": "f", "Name": "x", "FunctionVersion": version}
        answered, message = refusal(client.create_alias, **request, RoutingConfig={"AdditionalVersionWeights": routing})
        assert (answered, words in message) == (code_, True), message
    assert refusal(client.create_alias, FunctionName="nobody", Name="x", FunctionVersion="1")[1] == (
        f"Function not found: {place}:nobody:1"
    )
    for operation, more in ((client.create_alias, {"FunctionVersion": "1"}), (client.delete_alias, {})):
        answered, message = refusal(operation, FunctionName="f", Name="12", **more)
        assert (answered, "Value '12' at 'name'" in message) == ("ValidationException", True)
    assert refusal(client.list_aliases, FunctionName="nobody")[0] == "ResourceNotFoundException"
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
    client.delete_function(FunctionName="f", Qualifier="1")  # there is no error for one that has gone
    assert refusal(client.delete_function, FunctionName="nobody", Qualifier="1")[0] == "ResourceNotFoundException"


def test_a_version_that_an_alias_sends_a_part_to_cannot_be_deleted(client: Any) -> None:
    deploy(client)
    publish(client, 1)
    publish(client, 2)
    routing = {"AdditionalVersionWeights": {"2": 0.1}}
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig=routing)
    assert refusal(client.delete_function, FunctionName="f", Qualifier="2")[0] == "ResourceConflictException"
    shown = client.update_alias(FunctionName="f", Name="live", RoutingConfig={})
    assert "RoutingConfig" not in shown
    client.delete_function(FunctionName="f", Qualifier="2")


def test_a_version_of_what_runs_already_is_active_at_once(client: Any) -> None:
    deploy(client, code=code(1))
    before = client.get_function_configuration(FunctionName="f")["RevisionId"]
    made = client.publish_version(FunctionName="f")
    assert (made["State"], made["LastUpdateStatus"]) == ("Active", "Successful")
    assert call(client, Qualifier="1").payload[:2] == [1, "1"]
    latest = client.get_function_configuration(FunctionName="f")["RevisionId"]
    assert len({before, latest, made["RevisionId"]}) == 3
    assert client.publish_version(FunctionName="f", RevisionId=latest)["RevisionId"] == made["RevisionId"]
    assert client.get_function_configuration(FunctionName="f")["RevisionId"] == latest


def test_another_description_of_latest_is_a_change_and_one_of_the_version_is_none(client: Any) -> None:
    deploy(client)
    assert client.publish_version(FunctionName="f", Description="one")["Version"] == "1"
    assert client.publish_version(FunctionName="f", Description="another")["Description"] == "one"
    client.update_function_configuration(FunctionName="f", Description="two")
    wait_until_updated(client, "f")
    made = client.publish_version(FunctionName="f")
    assert (made["Version"], made["Description"]) == ("2", "two")


def test_a_revision_ends_with_each_change_of_state(client: Any) -> None:
    made = client.create_function(
        FunctionName="f", Runtime=RUNTIME, Role=ROLE, Handler="index.handler", Code={"ZipFile": package(index__py="")}
    )
    assert "LastUpdateStatus" not in made
    wait_until_active(client, "f")
    revisions = [made["RevisionId"], client.get_function_configuration(FunctionName="f")["RevisionId"]]
    revisions.append(client.update_function_configuration(FunctionName="f", Timeout=9)["RevisionId"])
    wait_until_updated(client, "f")
    revisions.append(client.get_function_configuration(FunctionName="f")["RevisionId"])
    assert len(set(revisions)) == 4


def test_lists_do_not_speak_of_states(client: Any) -> None:
    deploy(client)
    client.publish_version(FunctionName="f")
    listed = client.list_versions_by_function(FunctionName="f")["Versions"] + client.list_functions()["Functions"]
    assert len(listed) == 3
    assert {name for each in listed for name in each if "Stat" in name} == set()


def test_pages_are_stable_while_versions_and_aliases_are_added(client: Any) -> None:
    deploy(client)
    publish(client, 1)
    publish(client, 2)
    first = client.list_versions_by_function(FunctionName="f", MaxItems=2)
    publish(client, 3)
    rest = client.list_versions_by_function(FunctionName="f", Marker=first["NextMarker"])
    assert [each["Version"] for each in first["Versions"] + rest["Versions"]] == ["$LATEST", "1", "2", "3"]
    for name in ("b", "d"):
        client.create_alias(FunctionName="f", Name=name, FunctionVersion="1")
    first = client.list_aliases(FunctionName="f", MaxItems=1)
    for name in ("a", "c"):
        client.create_alias(FunctionName="f", Name=name, FunctionVersion="1")
    rest = client.list_aliases(FunctionName="f", Marker=first["NextMarker"])
    assert [each["Name"] for each in first["Aliases"] + rest["Aliases"]] == ["b", "c", "d"]


def test_nothing_else_is_changed_while_a_change_is_made(
    client: Any, node: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = deploy(client)
    gate = node.run(_gate())
    prepare = node.node.environments.prepare

    async def held(*args: Any) -> str | None:
        await gate.wait()
        return await prepare(*args)

    monkeypatch.setattr(node.node.environments, "prepare", held)
    changed = client.update_function_configuration(FunctionName="f", Timeout=9)
    assert (changed["State"], changed["LastUpdateStatus"], changed["LastUpdateStatusReasonCode"]) == (
        *("Active", "InProgress", "Creating"),
    )
    for operation, more in (
        (client.update_function_configuration, {"Timeout": 8}),
        (client.update_function_code, {"ZipFile": package(index__py=code(2))}),
        (client.publish_version, {}),
    ):
        assert refusal(operation, FunctionName="f", **more) == (
            "ResourceConflictException",
            f"The operation cannot be performed at this time. An update is in progress for resource: {arn}",
        )
    node.run(_open(gate))
    wait_until_updated(client, "f")
    assert client.get_function_configuration(FunctionName="f")["Timeout"] == 9


async def _gate() -> asyncio.Event:
    return asyncio.Event()


async def _open(gate: asyncio.Event) -> None:
    gate.set()
