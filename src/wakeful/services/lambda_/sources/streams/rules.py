"""What mappings on streams can say: "Lambda parameters for Amazon DynamoDB event source mappings", and for Kinesis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeful import limits, names
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.services.lambda_.sources.kinds import Config, Kind

TRIM_HORIZON, LATEST, AT_TIMESTAMP = "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"
FOREVER = -1
"""What MaximumRetryAttempts and MaximumRecordAgeInSeconds say where there is no such bound."""

_NO_POSITION = (
    "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be"
    " null."
)


def failure_destination(config: Mapping[str, Any]) -> str:
    """The ARN of where a record of every batch that is given up goes; "" is nowhere."""
    return str(((config.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination") or "")


def _check(source: str, config: Config) -> None:
    _check_position(source, config)
    age_s = config["MaximumRecordAgeInSeconds"]
    if FOREVER < age_s < limits.LAMBDA_RECORD_AGE_MIN_S:
        raise InvalidParameterValueException(
            f"MaximumRecordAgeInSeconds must be -1, or between {limits.LAMBDA_RECORD_AGE_MIN_S} and"
            f" {limits.LAMBDA_RECORD_AGE_MAX_S}."
        )
    if config["TumblingWindowInSeconds"] and config["ParallelizationFactor"] > 1:
        raise InvalidParameterValueException(
            "ParallelizationFactor must be 1 when TumblingWindowInSeconds is set for an event source mapping."
        )
    config["DestinationConfig"] = _destination(config)


def _check_position(source: str, config: Config) -> None:
    position, at = config.get("StartingPosition"), config.get("StartingPositionTimestamp")
    if position is None:
        raise InvalidParameterValueException(_NO_POSITION)
    if position == AT_TIMESTAMP and names.parse_arn(source).service == "dynamodb":
        raise InvalidParameterValueException(f"Unsupported starting position for arn type: {source}")
    if position == AT_TIMESTAMP and at is None:
        raise InvalidParameterValueException("Need to specify a timestamp")
    if position != AT_TIMESTAMP and at is not None:
        raise InvalidParameterValueException("StartingPositionTimestamp is only valid with AT_TIMESTAMP.")


def _destination(config: Config) -> Config:
    """As it is shown. Raises where it is none for batches of streams ("Retain discarded records …")."""
    said = config["DestinationConfig"] or {}
    if (said.get("OnSuccess") or {}).get("Destination"):
        raise InvalidParameterValueException(
            "Unsupported DestinationConfig parameter for given event source mapping type."
        )
    arn = failure_destination(config)
    if not arn:
        return {"OnFailure": {}}
    parts = names.parse_arn(arn)
    if parts.service not in ("sqs", "sns", "s3") or any(mark in parts.resource for mark in ":/*?"):
        raise InvalidParameterValueException(
            f"The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination={arn}))"
            " is invalid."
        )
    if arn.endswith(".fifo"):
        kind = {"sqs": "SQS queues", "sns": "SNS topics"}[parts.service]
        raise InvalidParameterValueException(f"FIFO-type Amazon {kind} aren't supported as a destination.")
    return {"OnFailure": {"Destination": arn}}


_MEMBERS = (
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "FilterCriteria",
    "FunctionResponseTypes",
    "KMSKeyArn",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "MetricsConfig",
    "ParallelizationFactor",
    "StartingPosition",
    "StartingPositionTimestamp",
    "TumblingWindowInSeconds",
)
_DEFAULTS: Mapping[str, Any] = {
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "FunctionResponseTypes": [],
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": FOREVER,
    "MaximumRetryAttempts": FOREVER,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
}
_RIGHTS = ("GetRecords", "GetShardIterator", "DescribeStream")

DYNAMODB = Kind(
    name="dynamodb",
    members=_MEMBERS,
    defaults=_DEFAULTS,
    check=_check,
    rights=(*_RIGHTS, "ListStreams"),
    json_only="dynamodb",
    is_stream=True,
    changed_by_user="User action",
)
KINESIS = Kind(
    name="kinesis",
    members=_MEMBERS,
    defaults=_DEFAULTS,
    check=_check,
    rights=(*_RIGHTS, "ListShards", "ListStreams"),
    json_only="data",
    is_stream=True,
    changed_by_user="User action",
)
