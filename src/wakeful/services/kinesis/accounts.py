"""What an account may have in a region: shards, on-demand streams, and throughput that is warm before it is needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from wakeful import limits
from wakeful.fabric import journal as journals
from wakeful.fabric.service import Call
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.errors import InvalidArgumentException, LimitExceededException
from wakeful.services.kinesis.stream import ON_DEMAND, Stream
from wakeful.store.tx import Tx

_LASTS = "ENABLED_UNTIL_EARLIEST_ALLOWED_END"


def shards_max(call: Call) -> int:
    if call.region in limits.KINESIS_LARGE_REGIONS:
        return limits.KINESIS_SHARDS_MAX
    return limits.KINESIS_SHARDS_ELSEWHERE_MAX


def open_shards(tx: Tx, there: Iterable[Stream]) -> int:
    """Of provisioned streams, which alone count."""
    return sum(
        each.is_open for stream in there if not stream.is_on_demand for each in journals.shards(tx, stream.journal)
    )


def check_room(tx: Tx, call: Call, mode: str, more: int) -> None:
    """Raises where the account may not have so many more open shards, or another on-demand stream."""
    there = streams.of_account(tx, call)
    if mode == ON_DEMAND:
        if sum(each.is_on_demand for each in there) >= limits.KINESIS_ON_DEMAND_STREAMS_MAX:
            raise LimitExceededException(
                f"The account {call.account} has {limits.KINESIS_ON_DEMAND_STREAMS_MAX} streams in on-demand mode,"
                " which is the most there may be."
            )
        return
    now, most = open_shards(tx, there), shards_max(call)
    if now + more > most:
        raise LimitExceededException(
            f"This request would exceed the shard limit for the account {call.account} in {call.region}. Current shard"
            f" count for the account: {now}. Limit: {most}. Number of additional shards that would have resulted from"
            f" this request: {more}. Refer to the AWS Service Limits page"
            " (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to"
            " request higher limits."
        )


def check_strategy(mode: str, strategy: str | None) -> None:
    if strategy is not None and mode != ON_DEMAND:
        raise InvalidArgumentException("RecordDistributionStrategy is only supported for streams in ON_DEMAND mode.")


def check_warm(tx: Tx, call: Call, mode: str, mibps: int) -> None:
    """Raises where a stream cannot be warm for so much."""
    if mode != ON_DEMAND:
        raise InvalidArgumentException("WarmThroughputMiBps is only supported for streams in ON_DEMAND mode.")
    if mibps > limits.KINESIS_WARM_MIBPS_MAX:
        raise LimitExceededException(f"WarmThroughputMiBps cannot be greater than {limits.KINESIS_WARM_MIBPS_MAX}.")
    if not is_committed(tx, call):
        raise InvalidArgumentException(
            "WarmThroughputMiBps needs MinimumThroughputBillingCommitment to be enabled for the account"
            f" {call.account}."
        )


def warm(mibps: int) -> dict[str, int]:
    """The model's WarmThroughputObject: a stream is warm at once."""
    return {"TargetMiBps": mibps, "CurrentMiBps": mibps}


def commitment(tx: Tx, call: Call) -> dict[str, Any]:
    """The account's MinimumThroughputBillingCommitment."""
    row = tx.one("SELECT commitment FROM kinesis_accounts WHERE account = ? AND region = ?", call.account, call.region)
    found: dict[str, Any] = {"Status": "DISABLED"} if row is None else orjson.loads(row["commitment"])
    if found["Status"] == _LASTS and found["EarliestAllowedEndAt"] <= tx.now:
        return {"Status": "DISABLED", "StartedAt": found["StartedAt"], "EndedAt": found["EarliestAllowedEndAt"]}
    return found


def is_committed(tx: Tx, call: Call) -> bool:
    return bool(commitment(tx, call)["Status"] == "ENABLED")


def commit(tx: Tx, call: Call, status: str) -> dict[str, Any]:
    """It is so from now on; what was begun less than a day ago lasts that day."""
    tx.lock("kinesis", call.account, call.region)
    before = commitment(tx, call)
    if status == "ENABLED":
        started = before["StartedAt"] if before["Status"] == _LASTS else tx.now
        now = {"Status": status, "StartedAt": started, "EarliestAllowedEndAt": started + limits.KINESIS_COMMITMENT_S}
    elif before["EarliestAllowedEndAt"] > tx.now:
        now = {**before, "Status": _LASTS}
    else:
        now = {"Status": status, "StartedAt": before["StartedAt"], "EndedAt": tx.now}
    tx.run(
        "INSERT INTO kinesis_accounts(account, region, commitment) VALUES (?, ?, ?)"
        " ON CONFLICT(account, region) DO UPDATE SET commitment = excluded.commitment",
        *(call.account, call.region, orjson.dumps(now)),
    )
    return now
