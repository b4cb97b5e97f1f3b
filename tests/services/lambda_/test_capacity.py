"""Capacity providers: made, shown, changed, listed, tagged, and gone when nothing runs on them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.errors import refusal, status_of
from tests.functions import ROLE, RUNTIME, package
from tests.running_node import RunningNode

ARN = "arn:aws:lambda:us-east-1:000000000000:capacity-provider:p"
OPERATOR = "arn:aws:iam::000000000000:role/operator"
VPC = {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}


@pytest.fixture
def node(lent_node: RunningNode) -> RunningNode:
    return lent_node


def request(name: str = "p", **more: Any) -> dict[str, Any]:
    permissions = {"CapacityProviderOperatorRoleArn": OPERATOR}
    return {"CapacityProviderName": name, "VpcConfig": VPC, "PermissionsConfig": permissions, **more}


def provider(client: Any, name: str = "p", **more: Any) -> str:
    """The ARN of one that is Active."""
    arn = str(client.create_capacity_provider(**request(name, **more))["CapacityProvider"]["CapacityProviderArn"])
    until(lambda: client.get_capacity_provider(CapacityProviderName=name)["CapacityProvider"]["State"] == "Active")
    return arn


def until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_gone(client: Any, name: str) -> bool:
    try:
        client.get_capacity_provider(CapacityProviderName=name)
    except client.exceptions.ResourceNotFoundException:
        return True
    return False


def test_a_capacity_provider_is_pending_and_then_active_and_shown_as_it_was_made(client: Any) -> None:
    requirements = {"Architectures": ["x86_64"], "AllowedInstanceTypes": ["c7i.*"]}
    scaling = {"MaxVCpuCount": 12, "ScalingMode": "Auto"}
    made = client.create_capacity_provider(
        **request(InstanceRequirements=requirements, CapacityProviderScalingConfig=scaling)
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert made["CapacityProvider"]["State"] == "Pending"
    until(lambda: client.get_capacity_provider(CapacityProviderName="p")["CapacityProvider"]["State"] == "Active")
    shown = client.get_capacity_provider(CapacityProviderName=ARN)["CapacityProvider"]
    assert shown.pop("LastModified")
    assert shown == {
        "CapacityProviderArn": ARN,
        "State": "Active",
        "VpcConfig": VPC,
        "PermissionsConfig": {"CapacityProviderOperatorRoleArn": OPERATOR},
        "InstanceRequirements": requirements,
        "CapacityProviderScalingConfig": scaling,
    }


def test_its_scaling_can_be_changed_and_its_defaults_are_awss(client: Any) -> None:
    provider(client)
    before = client.get_capacity_provider(CapacityProviderName="p")["CapacityProvider"]
    assert before["CapacityProviderScalingConfig"] == {"MaxVCpuCount": 400, "ScalingMode": "Auto"}
    assert before["InstanceRequirements"] == {"Architectures": ["x86_64"]}
    policies = [{"PredefinedMetricType": "LambdaCapacityProviderAverageCPUUtilization", "TargetValue": 50.0}]
    wanted = {"MaxVCpuCount": 8, "ScalingMode": "Manual", "ScalingPolicies": policies}
    client.update_capacity_provider(CapacityProviderName="p", CapacityProviderScalingConfig=wanted)
    after = client.get_capacity_provider(CapacityProviderName="p")["CapacityProvider"]
    assert after["CapacityProviderScalingConfig"] == wanted


def test_they_are_listed_by_pages_and_states(client: Any) -> None:
    for name in ("a", "b", "c"):
        provider(client, name)
    first = client.list_capacity_providers(MaxItems=2)
    second = client.list_capacity_providers(MaxItems=2, Marker=first["NextMarker"])
    names = [each["CapacityProviderArn"][-1] for page in (first, second) for each in page["CapacityProviders"]]
    assert names == ["a", "b", "c"]
    assert "NextMarker" not in second
    assert client.list_capacity_providers(State="Failed")["CapacityProviders"] == []
    assert len(client.list_capacity_providers(State="Active")["CapacityProviders"]) == 3


def test_one_that_nothing_runs_on_is_deleting_and_then_gone(client: Any) -> None:
    provider(client)
    answer = client.delete_capacity_provider(CapacityProviderName="p")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["CapacityProvider"]["State"] == "Deleting"
    until(lambda: is_gone(client, "p"))
    provider(client)


def test_tags_of_capacity_providers_and_functions(client: Any) -> None:
    arn = provider(client, Tags={"one": "1"})
    client.tag_resource(Resource=arn, Tags={"two": "2"})
    assert client.list_tags(Resource=arn)["Tags"] == {"one": "1", "two": "2"}
    client.untag_resource(Resource=arn, TagKeys=["one"])
    assert client.list_tags(Resource=arn)["Tags"] == {"two": "2"}
    function = client.create_function(
        FunctionName="f", Runtime=RUNTIME, Role=ROLE, Handler="index.handler", Code={"ZipFile": package(index__py="")}
    )["FunctionArn"]
    client.tag_resource(Resource=function, Tags={"a": "b"})
    assert client.get_function(FunctionName="f")["Tags"] == client.list_tags(Resource=function)["Tags"] == {"a": "b"}
    assert refusal(client.list_tags, Resource=function + "x")[0] == "ResourceNotFoundException"
    assert refusal(client.list_tags, Resource=function + ":1")[0] == "InvalidParameterValueException"


def test_what_cannot_be_is_refused_with_awss_errors(client: Any) -> None:
    provider(client)
    assert refusal(client.create_capacity_provider, **request())[0] == "ResourceConflictException"
    for call in (client.get_capacity_provider, client.delete_capacity_provider, client.update_capacity_provider):
        assert refusal(call, CapacityProviderName="nobody")[0] == "ResourceNotFoundException"
    assert refusal(client.list_capacity_providers, Marker="%%%")[0] == "InvalidParameterValueException"
    assert refusal(client.list_capacity_providers, State="Gone")[0] == "ValidationException"
    listed = client.list_function_versions_by_capacity_provider
    assert status_of(listed, CapacityProviderName="nobody") == 404
    policies = [{"PredefinedMetricType": "LambdaCapacityProviderAverageCPUUtilization", "TargetValue": 50.0}]
    for more, words in (
        ({"CapacityProviderScalingConfig": {"ScalingMode": "Auto", "ScalingPolicies": policies}}, "set to Auto"),
        ({"CapacityProviderScalingConfig": {"ScalingMode": "Manual"}}, "set to Manual"),
        ({"InstanceRequirements": {"AllowedInstanceTypes": ["a"], "ExcludedInstanceTypes": ["b"]}}, "together"),
        ({"KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"}, "KmsKeyArn"),
        ({"TelemetryConfig": {"LoggingConfig": {"LogGroup": "g"}}}, "TelemetryConfig"),
        ({"PropagateTags": {"Mode": "Explicit", "ExplicitTags": {"a": "b"}}}, "PropagateTags"),
    ):
        code, message = refusal(client.create_capacity_provider, **request("q", **more))
        assert (code, words in message) == ("InvalidParameterValueException", True), message


def test_whoever_makes_one_passes_its_operator_role(node: RunningNode) -> None:
    node.client("lambda").create_capacity_provider(**request())
    notes = node.run(node.node.telemetry.recent_notes(kind="denial", limit=10))
    assert notes == [] or all("Pass" in note.name for note in notes)
