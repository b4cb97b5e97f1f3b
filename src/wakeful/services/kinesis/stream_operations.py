"""Streams as a whole: made, deleted, described, listed. They are ACTIVE when they have been made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.fabric import journal as journals
from wakeful.fabric.service import Call
from wakeful.services.kinesis import accounts, consumers, policies, shards, sweep, tags
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.api import api
from wakeful.services.kinesis.errors import (
    InvalidArgumentException,
    LimitExceededException,
    ResourceInUseException,
)
from wakeful.services.kinesis.stream import ON_DEMAND, PROVISIONED, Definition, Stream
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import kinesis as shapes


@api.writes
def create_stream(call: Call, tx: Tx, request: shapes.CreateStreamInput) -> None:
    name, count = request["StreamName"], request.get("ShardCount")
    # Without a word about its capacity a stream is on-demand, as it is on AWS.
    mode = request.get("StreamModeDetails", {}).get("StreamMode", ON_DEMAND if count is None else PROVISIONED)
    if mode == PROVISIONED and count is None:
        raise InvalidArgumentException("ShardCount must be specified for a stream in PROVISIONED mode.")
    if mode == ON_DEMAND and count is not None:
        raise InvalidArgumentException("ShardCount must not be specified for a stream in ON_DEMAND mode.")
    tx.lock("kinesis", call.arn("kinesis", f"stream/{name}"))
    tx.lock("kinesis", call.account, call.region)
    arn = call.arn("kinesis", f"stream/{name}")
    if streams.get(tx, arn) is not None:
        raise ResourceInUseException(f"Stream {name} under account {call.account} already exists.")
    tags.check(request.get("Tags", {}))
    strategy, warm = request.get("RecordDistributionStrategy"), request.get("WarmThroughputMiBps")
    accounts.check_strategy(mode, strategy)
    if warm is not None:
        accounts.check_warm(tx, call, mode, warm)
    definition = Definition(
        mode=mode,
        record_kib=request.get("MaxRecordSizeInKiB", limits.KINESIS_RECORD_KIB),
        strategy=strategy,
        warm_mibps=warm,
    )
    count = count or max(limits.KINESIS_ON_DEMAND_SHARDS, warm or 0)
    accounts.check_room(tx, call, mode, count)
    shards.begin(tx, streams.make(tx, call, name, definition, request.get("Tags", {})), count)


@api.writes
def delete_stream(call: Call, tx: Tx, request: shapes.DeleteStreamInput) -> None:
    """The stream is gone, with its records and, where that was said, its consumers."""
    stream = streams.locked(tx, streams.arn_of(call, dict(request)))
    there = consumers.of(tx, stream)
    if there and not request.get("EnforceConsumerDeletion"):
        raise ResourceInUseException(
            f"Stream {stream.under} has {len(there)} registered consumers. Use EnforceConsumerDeletion to delete the"
            " stream and its consumers."
        )
    for consumer in there:
        consumers.forget(tx, consumer)
    policies.forget(tx, stream.arn)
    streams.forget(tx, stream)
    sweep.drop(tx, stream)


@api.reads
def describe_stream(call: Call, tx: Tx, request: shapes.DescribeStreamInput) -> shapes.DescribeStreamOutput:
    stream = streams.find(tx, streams.arn_of(call, dict(request)))
    after = request.get("ExclusiveStartShardId", "")
    count = min(request.get("Limit", limits.KINESIS_LISTED), limits.KINESIS_LISTED)
    there = [each for each in shards.every(tx, stream) if each.name > after]
    description: dict[str, Any] = {
        **_described(stream),
        "Shards": [shards.described(each) for each in there[:count]],
        "HasMoreShards": len(there) > count,
    }
    return {"StreamDescription": description}  # type: ignore[typeddict-item]


@api.reads
def describe_stream_summary(
    call: Call, tx: Tx, request: shapes.DescribeStreamSummaryInput
) -> shapes.DescribeStreamSummaryOutput:
    stream = streams.find(tx, streams.arn_of(call, dict(request)))
    definition = stream.definition
    summary: dict[str, Any] = {
        **_described(stream),
        "OpenShardCount": sum(each.is_open for each in journals.shards(tx, stream.journal)),
        "ConsumerCount": len(consumers.of(tx, stream)),
        "MaxRecordSizeInKiB": definition.record_kib,
    }
    if stream.is_on_demand:
        summary["RecordDistributionStrategy"] = definition.strategy or "USER_PARTITION_KEY"
    if definition.warm_mibps is not None:
        summary["WarmThroughput"] = accounts.warm(definition.warm_mibps)
    return {"StreamDescriptionSummary": summary}  # type: ignore[typeddict-item]


@api.reads
def list_streams(call: Call, tx: Tx, request: shapes.ListStreamsInput) -> shapes.ListStreamsOutput:
    """By name; a token is the name of the last one."""
    after = request.get("NextToken") or request.get("ExclusiveStartStreamName", "")
    if "\0" in after:
        raise InvalidArgumentException("NextToken is invalid.")
    count = min(request.get("Limit", limits.KINESIS_LISTED), limits.KINESIS_LISTED)
    found = streams.listed(tx, call, after, count + 1)
    has_more = len(found) > count
    found = found[:count]
    return {
        "StreamNames": [each.name for each in found],
        "HasMoreStreams": has_more,
        "NextToken": found[-1].name if has_more else None,
        "StreamSummaries": [
            {
                "StreamName": each.name,
                "StreamARN": each.arn,
                "StreamStatus": "ACTIVE",
                "StreamModeDetails": {"StreamMode": each.definition.mode},
                "StreamCreationTimestamp": each.created,
            }
            for each in found
        ],
    }


@api.reads
def describe_limits(call: Call, tx: Tx, request: shapes.DescribeLimitsInput) -> shapes.DescribeLimitsOutput:
    there = streams.of_account(tx, call)
    return {
        "ShardLimit": accounts.shards_max(call),
        "OpenShardCount": accounts.open_shards(tx, there),
        "OnDemandStreamCount": sum(each.is_on_demand for each in there),
        "OnDemandStreamCountLimit": limits.KINESIS_ON_DEMAND_STREAMS_MAX,
    }


@api.reads
def describe_account_settings(
    call: Call, tx: Tx, request: shapes.DescribeAccountSettingsInput
) -> shapes.DescribeAccountSettingsOutput:
    return {"MinimumThroughputBillingCommitment": accounts.commitment(tx, call)}  # type: ignore[typeddict-item]


@api.writes
def update_account_settings(
    call: Call, tx: Tx, request: shapes.UpdateAccountSettingsInput
) -> shapes.UpdateAccountSettingsOutput:
    wanted = request["MinimumThroughputBillingCommitment"]["Status"]
    if accounts.is_committed(tx, call) == (wanted == "ENABLED"):
        raise LimitExceededException(f"The minimum throughput billing commitment is {wanted} already.")
    return {"MinimumThroughputBillingCommitment": accounts.commit(tx, call, wanted)}  # type: ignore[typeddict-item]


def _described(stream: Stream) -> dict[str, Any]:
    """What StreamDescription and StreamDescriptionSummary have in common."""
    definition = stream.definition
    return {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": definition.mode},
        "RetentionPeriodHours": definition.retention_hours,
        "StreamCreationTimestamp": stream.created,
        "EnhancedMonitoring": [{"ShardLevelMetrics": list(definition.monitoring)}],
        "EncryptionType": "NONE" if definition.key is None else "KMS",
        "KeyId": definition.key,
    }
