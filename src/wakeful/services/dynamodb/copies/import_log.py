"""What could not be imported, told in a log group, as far as whoever asked for the import may write there."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import orjson

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.wire.errors import AwsError

log = logging.getLogger(__name__)

GROUP = "/aws-dynamodb/imports"


async def tell(node: Node, call: Call, arn: str, pointer: Mapping[str, str], wrong: Iterable[tuple[int, str]]) -> None:
    """Each is a line of the import's stream: where it lies, and what is wrong with it."""
    stream = arn.rpartition("/")[2]
    at = int(node.clock.now() * 1000)
    events = [{"timestamp": at, "message": _line(arn, pointer, number, fault)} for number, fault in wrong]
    try:
        await _make(node, call, "CreateLogGroup", {"logGroupName": GROUP})
        await _make(node, call, "CreateLogStream", {"logGroupName": GROUP, "logStreamName": stream})
        told = {"logGroupName": GROUP, "logStreamName": stream, "logEvents": events}
        await node.call(call, "logs", "PutLogEvents", told)
    except AwsError as error:
        log.warning("%s: what is wrong with %d of its items could not be logged: %s", arn, len(events), error.message)


async def _make(node: Node, call: Call, operation: str, wanted: dict[str, str]) -> None:
    try:
        await node.call(call, "logs", operation, dict(wanted))
    except AwsError as error:
        if error.shape_name != "ResourceAlreadyExistsException":
            raise


def _line(arn: str, pointer: Mapping[str, str], number: int, fault: str) -> str:
    told = {"itemS3Pointer": {**pointer, "itemIndex": number}, "importArn": arn, "errorMessages": [fault]}
    return orjson.dumps(told).decode()[: limits.DYNAMODB_IMPORT_LOG_BYTES_MAX]
