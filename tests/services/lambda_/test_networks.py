"""Functions in a VPC: what is kept and shown of it, what is refused, and how it goes away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.errors import refusal
from tests.functions import call, deploy, wait_until_updated

pytestmark = pytest.mark.slow

SUBNETS = ["subnet-0123456789abcdef0", "subnet-12345678"]
GROUPS = ["sg-0123456789abcdef0"]
WANTED = {"SubnetIds": SUBNETS, "SecurityGroupIds": GROUPS}


def test_a_function_in_a_vpc_runs_and_shows_where_it_is(client: Any) -> None:
    deploy(client, VpcConfig=WANTED)
    shown = client.get_function_configuration(FunctionName="f")["VpcConfig"]
    assert shown.pop("VpcId").startswith("vpc-")
    assert shown == {**WANTED, "Ipv6AllowedForDualStack": False}
    assert call(client, event=1).payload == 1
    listed = client.list_functions()["Functions"][0]["VpcConfig"]
    assert listed == client.get_function(FunctionName="f")["Configuration"]["VpcConfig"]


def test_it_stays_where_an_update_does_not_speak_of_it_and_goes_with_two_empty_lists(client: Any) -> None:
    deploy(client, VpcConfig={**WANTED, "Ipv6AllowedForDualStack": True})
    updates: tuple[dict[str, Any], ...] = ({"Timeout": 9}, {"VpcConfig": {}})
    for more in updates:
        client.update_function_configuration(FunctionName="f", **more)
        wait_until_updated(client, "f")
    shown = client.get_function_configuration(FunctionName="f")["VpcConfig"]
    assert (shown["SubnetIds"], shown["Ipv6AllowedForDualStack"]) == (SUBNETS, True)
    gone = client.update_function_configuration(FunctionName="f", VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
    assert gone["VpcConfig"] == {
        "SubnetIds": [],
        "SecurityGroupIds": [],
        "VpcId": "",
        "Ipv6AllowedForDualStack": False,
    }


@pytest.mark.parametrize(
    ("config", "code", "words"),
    [
        ({"SubnetIds": SUBNETS}, "InvalidParameterValueException", "must coexist or be both empty list."),
        ({"SubnetIds": [], "SecurityGroupIds": GROUPS}, "InvalidParameterValueException", "must coexist"),
        (
            {"SubnetIds": ["net-1"], "SecurityGroupIds": GROUPS},
            "ValidationException",
            "Value '[net-1]' at 'vpcConfig.subnetIds' failed to satisfy constraint: Member must satisfy constraint:",
        ),
        ({"SubnetIds": SUBNETS * 9, "SecurityGroupIds": GROUPS}, "ValidationException", "less than or equal to 16"),
        ({"SubnetIds": SUBNETS, "SecurityGroupIds": GROUPS * 6}, "ValidationException", "less than or equal to 5"),
    ],
)
def test_a_network_that_cannot_be_is_refused(client: Any, config: dict[str, Any], code: str, words: str) -> None:
    deploy(client)
    answered, message = refusal(client.update_function_configuration, FunctionName="f", VpcConfig=config)
    assert answered == code
    assert words in message
    assert "VpcConfig" not in client.get_function_configuration(FunctionName="f")
