"""VpcConfig: the network a function shall be in. It is kept and shown, and means nothing here.

No function reaches any address beyond this machine, in a VPC or not, and every one reaches the node's endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeful import names
from wakeful.services.lambda_.errors import InvalidParameterValueException

MEMBER = "VpcConfig"


def check(config: dict[str, Any]) -> None:
    """There are subnets and security groups, or neither. Raises what Lambda answers to one without the other.

    Two empty lists take the network away ("Attaching Lambda functions to a VPC").
    """
    given = config.get(MEMBER)
    if not given:
        return
    subnets, groups = list(given.get("SubnetIds") or ()), list(given.get("SecurityGroupIds") or ())
    if bool(subnets) != bool(groups):
        raise InvalidParameterValueException("SubnetIds and SecurityIds must coexist or be both empty list.")
    config[MEMBER] = {
        "SubnetIds": subnets,
        "SecurityGroupIds": groups,
        "Ipv6AllowedForDualStack": bool(given.get("Ipv6AllowedForDualStack")),
    }


def described(config: Mapping[str, Any], function: str) -> dict[str, Any]:
    """VpcConfigResponse. Every subnet of an account and region is taken to be in the same VPC."""
    place = ":".join(function.split(":")[3:5])
    vpc = f"vpc-{names.uuid_of(f'vpc of {place}').replace('-', '')[:17]}"
    return {**config[MEMBER], "VpcId": vpc if config[MEMBER]["SubnetIds"] else ""}
