"""What the role of a function must be allowed to do with the source that is drawn from in its name."""

from __future__ import annotations

from wakeful import names
from wakeful.fabric.service import Call, Need, Node, Principal
from wakeful.fabric.trace import new_trace
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.services.lambda_.references import Reference
from wakeful.services.lambda_.sources import rules
from wakeful.wire.errors import AccessDenied

_CALLED = {"sqs": "SQS"}


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
    for action in rules.KINDS[service].rights:
        try:
            await node.authorizer.check_call(asking, [Need(f"{service}:{action}", source)])
        except AccessDenied:
            raise InvalidParameterValueException(
                f"The provided execution role does not have permissions to call {action} on {_CALLED[service]}"
            ) from None
