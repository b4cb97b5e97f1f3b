"""Tags of functions: added, replaced, taken away, and what no tag may be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.errors import refusal, status_of
from tests.functions import ROLE, deploy
from tests.running_node import RunningNode

pytestmark = pytest.mark.slow


@pytest.fixture
def node(tidied_node: RunningNode) -> RunningNode:
    return tidied_node


def test_tags_are_added_replaced_and_taken_away(client: Any) -> None:
    arn = deploy(client, Tags={"a": "1"})
    client.tag_resource(Resource=arn, Tags={"b": "2", "a": "3"})
    assert client.list_tags(Resource=arn)["Tags"] == {"a": "3", "b": "2"}
    client.untag_resource(Resource=arn, TagKeys=["a", "never there"])
    assert client.list_tags(Resource=arn)["Tags"] == client.get_function(FunctionName="f")["Tags"] == {"b": "2"}
    client.untag_resource(Resource=arn, TagKeys=["b"])
    assert client.list_tags(Resource=arn)["Tags"] == {}
    assert "Tags" not in client.get_function(FunctionName="f")


def test_a_resource_has_fifty_tags_and_none_of_awss_own(client: Any) -> None:
    arn = deploy(client, Tags={str(each): "" for each in range(50)})
    assert refusal(client.tag_resource, Resource=arn, Tags={"one more": ""}) == (
        "InvalidParameterValueException",
        "Number of tags exceeds resource tag limit.",
    )
    client.tag_resource(Resource=arn, Tags={"0": "another value"})
    code, message = refusal(client.tag_resource, Resource=arn, Tags={"AWS:x": "", "aws:y": ""})
    assert (code, "AWS:x, aws:y" in message) == ("InvalidParameterValueException", True)
    assert refusal(client.tag_resource, Resource=arn, Tags={}) == (
        "InvalidParameterValueException",
        "An error occurred and the request cannot be processed.",
    )
    assert refusal(client.tag_resource, Resource=arn, Tags={"k" * 129: ""})[0] == "ValidationException"
    assert refusal(client.tag_resource, Resource=arn, Tags={"k": "v" * 257})[0] == "ValidationException"
    assert len(client.list_tags(Resource=arn)["Tags"]) == 50


def test_tags_are_looked_at_wherever_something_is_made_with_them(client: Any) -> None:
    publishers = {"SigningProfileVersionArns": ["arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/abcdefghij"]}
    network = {"SubnetIds": ["subnet-12345678"], "SecurityGroupIds": ["sg-12345678"]}
    permissions = {"CapacityProviderOperatorRoleArn": ROLE}
    for make, request in (
        (client.create_code_signing_config, {"AllowedPublishers": publishers}),
        (
            client.create_capacity_provider,
            {"CapacityProviderName": "p", "VpcConfig": network, "PermissionsConfig": permissions},
        ),
    ):
        assert "are reserved for internal use" in refusal(make, **request, Tags={"aws:x": ""})[1]
        many = {str(each): "" for each in range(51)}
        assert refusal(make, **request, Tags=many)[1] == "Number of tags exceeds resource tag limit."


def test_tags_are_of_functions_and_not_of_their_versions(client: Any) -> None:
    arn = deploy(client)
    for operation, more in (
        (client.tag_resource, {"Tags": {"a": "b"}}),
        (client.untag_resource, {"TagKeys": ["a"]}),
        (client.list_tags, {}),
    ):
        assert refusal(operation, Resource=f"{arn}:1", **more) == (
            "InvalidParameterValueException",
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        )
        assert refusal(operation, Resource=f"{arn}x", **more) == (
            "ResourceNotFoundException",
            f"Function not found: {arn}x",
        )
        assert status_of(operation, Resource="nonsense", **more) == 400
