"""Resource policies by the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful.fabric.service import Call, Request
from wakeful.services.kinesis import consumers, policies
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.api import api
from wakeful.services.kinesis.errors import ResourceNotFoundException
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import kinesis as shapes


@api.writes
def put_resource_policy(call: Call, tx: Tx, request: shapes.PutResourcePolicyInput) -> None:
    policies.put(tx, _resource(tx, dict(request)), request["Policy"])


@api.reads
def get_resource_policy(call: Call, tx: Tx, request: shapes.GetResourcePolicyInput) -> shapes.GetResourcePolicyOutput:
    found = policies.policy(tx, _resource(tx, dict(request)))
    if found is None:
        raise ResourceNotFoundException(f"No resource policy found for resource ARN {request['ResourceARN']}.")
    return {"Policy": found}


@api.writes
def delete_resource_policy(call: Call, tx: Tx, request: shapes.DeleteResourcePolicyInput) -> None:
    if not policies.forget(tx, _resource(tx, dict(request))):
        raise ResourceNotFoundException(f"No resource policy found for resource ARN {request['ResourceARN']}.")


def _resource(tx: Tx, request: Request) -> str:
    """The ARN of what is there."""
    if "StreamId" in request:
        raise NotImplementedHere("Kinesis reserves StreamId for later, and so does Wakeful.")
    arn = str(request["ResourceARN"])
    if consumers.is_arn(arn):
        return consumers.find(tx, arn).arn
    return streams.find(tx, arn).arn
