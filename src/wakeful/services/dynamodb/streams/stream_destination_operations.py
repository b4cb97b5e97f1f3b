"""Kinesis streaming destinations of tables. What is asked for has happened when it is answered, though the answer says
that it is about to, as AWS's does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wakeful.fabric.service import Call
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.streams import stream_destinations
from wakeful.services.dynamodb.streams.stream_destinations import ACTIVE, DISABLED, FAILED, MILLISECOND
from wakeful.services.dynamodb.table import Table
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes

_PRECISION = "ApproximateCreationDateTimePrecision"
_STATE = "Table is not in a valid state to enable Kinesis Streaming Destination: "


@api.writes
def enable_kinesis_streaming_destination(
    call: Call, tx: Tx, request: shapes.KinesisStreamingDestinationInput
) -> shapes.KinesisStreamingDestinationOutput:
    found = _locked(call, tx, request["TableName"])
    arn = request["StreamArn"]
    configuration = request.get("EnableKinesisStreamingConfiguration")
    if any(each["DestinationStatus"] == ACTIVE for each in _destinations(found)):
        raise ValidationException(
            f"{_STATE}EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE operation."
        )
    complaint = stream_destinations.complaint(tx, found, arn, call.effects)
    destination = {
        "StreamArn": arn,
        "DestinationStatus": ACTIVE if complaint is None else FAILED,
        **(configuration or {}),
    }
    if complaint is not None:
        destination["DestinationStatusDescription"] = complaint
    _save(tx, found, destination)
    answer: shapes.KinesisStreamingDestinationOutput = {
        "TableName": found.name,
        "StreamArn": arn,
        "DestinationStatus": "ENABLING",
    }
    if configuration:
        answer["EnableKinesisStreamingConfiguration"] = configuration
    return answer


@api.writes
def disable_kinesis_streaming_destination(
    call: Call, tx: Tx, request: shapes.KinesisStreamingDestinationInput
) -> shapes.KinesisStreamingDestinationOutput:
    """Changes go to the stream no more; those that it has, it keeps."""
    if request.get("EnableKinesisStreamingConfiguration"):
        raise ValidationException("Stream cannot be disabled using EnableKinesisStreamingConfiguration parameters")
    found = _locked(call, tx, request["TableName"])
    arn = request["StreamArn"]
    destination = _destination(found, arn)
    if destination is None or destination["DestinationStatus"] != ACTIVE:
        raise ValidationException(f"{_STATE}KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.")
    _save(tx, found, {"StreamArn": arn, "DestinationStatus": DISABLED})
    return {"TableName": found.name, "StreamArn": arn, "DestinationStatus": "DISABLING"}


@api.writes
def update_kinesis_streaming_destination(
    call: Call, tx: Tx, request: shapes.UpdateKinesisStreamingDestinationInput
) -> shapes.UpdateKinesisStreamingDestinationOutput:
    found = _locked(call, tx, request["TableName"])
    arn = request["StreamArn"]
    configuration = request.get("UpdateKinesisStreamingConfiguration")
    if not configuration:
        raise ValidationException(
            "Streaming destination cannot be updated with given parameters: UpdateKinesisStreamingConfiguration cannot"
            " be null or contain only null values"
        )
    destination = _destination(found, arn)
    if destination is None:
        raise ValidationException(
            f"{_STATE}No streaming destination with streamArn: {arn} found for table with tableName: {found.name}"
        )
    if destination["DestinationStatus"] != ACTIVE:
        raise ValidationException(
            f"{_STATE}Kinesis streaming is not in ACTIVE state. Updates are only allowed in ACTIVE state. TableName:"
            f" {found.name}, kdsArn: {arn}"
        )
    precision = configuration["ApproximateCreationDateTimePrecision"]
    if precision == destination.get(_PRECISION, MILLISECOND):
        raise ValidationException(
            f"Invalid Request: Precision is already set to the desired value of {precision} for tableId: {found.id},"
            f" kdsArn: {arn}"
        )
    _save(tx, found, {**destination, _PRECISION: precision})
    return {
        "TableName": found.name,
        "StreamArn": arn,
        "DestinationStatus": "UPDATING",
        "UpdateKinesisStreamingConfiguration": configuration,
    }


@api.reads
def describe_kinesis_streaming_destination(
    call: Call, tx: Tx, request: shapes.DescribeKinesisStreamingDestinationInput
) -> shapes.DescribeKinesisStreamingDestinationOutput:
    found = table.find_any(tx, table.arn_of(call, request["TableName"]))
    return {"TableName": found.name, "KinesisDataStreamDestinations": _destinations(found)}


def _locked(call: Call, tx: Tx, name: str) -> Table:
    arn = table.arn_of(call, name)
    table.lock(tx, arn)
    return table.find_any(tx, arn)


def _destinations(found: Table) -> list[Any]:
    """The newest first."""
    return list(found.definition.get("KinesisDestinations", ()))


def _destination(found: Table, arn: str) -> dict[str, Any] | None:
    return next((each for each in _destinations(found) if each["StreamArn"] == arn), None)


def _save(tx: Tx, found: Table, destination: dict[str, Any]) -> None:
    others = [each for each in _destinations(found) if each["StreamArn"] != destination["StreamArn"]]
    definition = {**found.definition, "KinesisDestinations": [destination, *others]}
    table.save(tx, found, definition=definition)
