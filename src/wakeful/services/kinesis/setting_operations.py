"""How streams are set up: retention, mode, encryption, monitoring, sizes. All of it holds when it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.fabric.service import Call, Request
from wakeful.services.kinesis import accounts, shards
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.api import api
from wakeful.services.kinesis.errors import InvalidArgumentException, LimitExceededException, ValidationException
from wakeful.services.kinesis.stream import ON_DEMAND, Stream
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import kinesis as shapes

_METRICS = tuple(each for each in api.enum("MetricsName") if each != "ALL")


@api.writes
def increase_stream_retention_period(call: Call, tx: Tx, request: shapes.IncreaseStreamRetentionPeriodInput) -> None:
    stream, hours, now = _retained(call, tx, dict(request))
    if hours < now:
        raise InvalidArgumentException(
            f"Requested retention period ({hours} hours) for stream {stream.name} can not be shorter than existing"
            f" retention period ({now} hours). Use DecreaseRetentionPeriod API."
        )
    streams.change(tx, stream, retention_hours=hours, floor=stream.oldest(tx.now))


@api.writes
def decrease_stream_retention_period(call: Call, tx: Tx, request: shapes.DecreaseStreamRetentionPeriodInput) -> None:
    stream, hours, now = _retained(call, tx, dict(request))
    if hours > now:
        raise InvalidArgumentException(
            f"Requested retention period ({hours} hours) for stream {stream.name} can not be longer than existing"
            f" retention period ({now} hours). Use IncreaseRetentionPeriod API."
        )
    streams.change(tx, stream, retention_hours=hours)


@api.writes
def update_stream_mode(call: Call, tx: Tx, request: shapes.UpdateStreamModeInput) -> None:
    """The stream keeps the shards it has."""
    stream, mode = _locked(call, tx, dict(request)), request["StreamModeDetails"]["StreamMode"]
    warm = request.get("WarmThroughputMiBps")
    if warm is not None:
        accounts.check_warm(tx, call, mode, warm)
    if mode == stream.definition.mode:
        raise InvalidArgumentException(f"Request is invalid. Stream {stream.under} is already in {mode} mode.")
    changes = [each for each in stream.definition.mode_changes if each > tx.now - limits.KINESIS_DAY_S]
    if len(changes) >= limits.KINESIS_MODE_CHANGES_MAX:
        raise LimitExceededException(
            f"The mode of stream {stream.under} was changed {limits.KINESIS_MODE_CHANGES_MAX} times within 24 hours."
        )
    tx.lock("kinesis", call.account, call.region)
    open_count = 0 if mode == ON_DEMAND else len(shards.layout(tx, stream).shards)
    accounts.check_room(tx, call, mode, open_count)
    settings: dict[str, Any] = {"mode": mode, "mode_changes": (*changes, tx.now), "warm_mibps": warm}
    if mode != ON_DEMAND:
        settings["strategy"] = None
    stream = streams.change(tx, stream, **settings)
    if warm is not None:
        _warm(tx, stream, warm)


@api.writes
def update_stream_warm_throughput(
    call: Call, tx: Tx, request: shapes.UpdateStreamWarmThroughputInput
) -> shapes.UpdateStreamWarmThroughputOutput:
    stream, warm = _locked(call, tx, dict(request)), request["WarmThroughputMiBps"]
    accounts.check_warm(tx, call, stream.definition.mode, warm)
    _warm(tx, streams.change(tx, stream, warm_mibps=warm), warm)
    told = accounts.warm(warm)
    return {"StreamARN": stream.arn, "StreamName": stream.name, "WarmThroughput": told}  # type: ignore[typeddict-item]


@api.writes
def update_stream_record_distribution_strategy(
    call: Call, tx: Tx, request: shapes.UpdateStreamRecordDistributionStrategyInput
) -> None:
    stream = _locked(call, tx, dict(request))
    accounts.check_strategy(stream.definition.mode, request["RecordDistributionStrategy"])
    streams.change(tx, stream, strategy=request["RecordDistributionStrategy"])


@api.writes
def update_max_record_size(call: Call, tx: Tx, request: shapes.UpdateMaxRecordSizeInput) -> None:
    streams.change(tx, _locked(call, tx, dict(request)), record_kib=request["MaxRecordSizeInKiB"])


@api.writes
def start_stream_encryption(call: Call, tx: Tx, request: shapes.StartStreamEncryptionInput) -> None:
    """Records that come from now on are said to be encrypted."""
    stream = _locked(call, tx, dict(request))
    if request["EncryptionType"] != "KMS":
        raise ValidationException("EncryptionType must be KMS.")
    streams.change(tx, stream, key=request["KeyId"])


@api.writes
def stop_stream_encryption(call: Call, tx: Tx, request: shapes.StopStreamEncryptionInput) -> None:
    stream = _locked(call, tx, dict(request))
    if request["EncryptionType"] != "KMS":
        raise ValidationException("EncryptionType must be KMS.")
    streams.change(tx, stream, key=None)


@api.writes
def enable_enhanced_monitoring(
    call: Call, tx: Tx, request: shapes.EnableEnhancedMonitoringInput
) -> shapes.EnhancedMonitoringOutput:
    return _monitor(tx, _locked(call, tx, dict(request)), _metrics(request["ShardLevelMetrics"]), are_on=True)


@api.writes
def disable_enhanced_monitoring(
    call: Call, tx: Tx, request: shapes.DisableEnhancedMonitoringInput
) -> shapes.EnhancedMonitoringOutput:
    return _monitor(tx, _locked(call, tx, dict(request)), _metrics(request["ShardLevelMetrics"]), are_on=False)


def _monitor(tx: Tx, stream: Stream, asked: set[str], *, are_on: bool) -> shapes.EnhancedMonitoringOutput:
    before = stream.definition.monitoring
    wanted = set(before) | asked if are_on else set(before) - asked
    after = tuple(each for each in _METRICS if each in wanted)
    streams.change(tx, stream, monitoring=after)
    return {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "CurrentShardLevelMetrics": list(before),
        "DesiredShardLevelMetrics": list(after),
    }


def _metrics(asked: list[str]) -> set[str]:
    return set(_METRICS) if "ALL" in asked else set(asked)


def _warm(tx: Tx, stream: Stream, mibps: int) -> None:
    """A shard for each MiB a second, as far as there are not more already."""
    if mibps > len(shards.layout(tx, stream).shards):
        shards.resize(tx, stream, mibps)


def _retained(call: Call, tx: Tx, request: Request) -> tuple[Stream, int, int]:
    """The stream, for how many hours it shall keep records, and for how many it does."""
    stream, hours = _locked(call, tx, request), request["RetentionPeriodHours"]
    low, high = limits.KINESIS_RETENTION_HOURS_MIN, limits.KINESIS_RETENTION_HOURS_MAX
    if hours < low:
        raise InvalidArgumentException(
            f"Minimum allowed retention period is {low} hours. Requested retention period ({hours} hours) is too short."
        )
    if hours > high:
        raise InvalidArgumentException(
            f"Maximum allowed retention period is {high} hours. Requested retention period ({hours} hours) is too long."
        )
    return stream, hours, stream.definition.retention_hours


def _locked(call: Call, tx: Tx, request: Request) -> Stream:
    return streams.locked(tx, streams.arn_of(call, request))
