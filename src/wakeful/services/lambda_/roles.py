"""Execution roles: whether Lambda may be what a function's role is."""

from __future__ import annotations

from dataclasses import replace

from wakeful.fabric.service import Call, Need, Node, Principal
from wakeful.services.lambda_.attendant import SERVICE
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.wire.errors import AccessDenied


async def check(node: Node, call: Call, role_arn: str) -> None:
    """Raises what Lambda answers where rights are enforced and the role does not trust Lambda, or is not there.

    Where they are only watched, that is told when the function first runs.
    """
    if node.config.iam_mode != "enforce":
        return
    ourselves = replace(call, principal=Principal("service", SERVICE, call.account))
    try:
        await node.authorizer.check_call(ourselves, [Need("sts:AssumeRole", role_arn)])
    except AccessDenied:
        raise InvalidParameterValueException("The role defined for the function cannot be assumed by Lambda.") from None
