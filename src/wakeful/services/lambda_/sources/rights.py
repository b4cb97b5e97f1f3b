"""What the role of a function must be allowed to do with the source that is drawn from in its name."""

from __future__ import annotations

from wakeful import names
from wakeful.fabric.service import Call, Need, Node, Principal
from wakeful.fabric.trace import new_trace
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.services.lambda_.references import Reference
from wakeful.services.lambda_.sources import rules
from wakeful.wire.errors import AccessDenied

_ON_ALL = "ListStreams"
"""A right that is on everything, not on one stream."""


async def check(node: Node, function: Reference, role_arn: str, source: str) -> None:
    """Raises what Lambda answers where rights are enforced and the role lacks one. Else it is only told."""
    service = names.parse_arn(source).service
    role = names.parse_arn(role_arn)
    session = f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{function.name}"
    asking = Call(
        account=function.account,
        region=function.region,
        principal=Principal("role", session, role.account, role_arn=role_arn),
        request_id=names.new_uuid(),
        trace=new_trace(node.clock.now()),
        endpoint=node.endpoint,
    )
    for action in _actions(service, source):
        try:
            await node.authorizer.check_call(asking, [_need(service, action, source)])
        except AccessDenied:
            raise _refusal(service, action, source) from None


def _actions(service: str, source: str) -> tuple[str, ...]:
    """Who reads through a consumer subscribes to its shards."""
    return (*rules.KINDS[service].rights, *(("SubscribeToShard",) if "/consumer/" in source else ()))


def _need(service: str, action: str, source: str) -> Need:
    """On a stream whose consumer is mapped, most rights are on the stream itself."""
    if action == _ON_ALL:
        return Need(f"{service}:{action}", "*")
    if action == "SubscribeToShard":
        return Need(f"{service}:{action}", source)
    return Need(f"{service}:{action}", source.partition("/consumer/")[0])


def _refusal(service: str, action: str, source: str) -> InvalidParameterValueException:
    if service == "sqs":
        return InvalidParameterValueException(
            f"The provided execution role does not have permissions to call {action} on SQS"
        )
    *most, last = _actions(service, source)
    return InvalidParameterValueException(
        f"Cannot access stream {source}. Please ensure the role can perform the {', '.join(most)}, and {last} Actions"
        " on your stream in IAM."
    )
