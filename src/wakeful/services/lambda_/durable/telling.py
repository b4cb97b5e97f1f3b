"""What the world hears of durable executions: status changes on the default event bus, and metrics.

"Monitoring durable functions" lists both.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.deliver import Delivery, deliver
from wakeful.services.lambda_.durable.executions import Execution, qualified
from wakeful.services.lambda_.measuring import NAMESPACE
from wakeful.store.metric_points import Dimensions
from wakeful.store.metrics import Family, Sample, family, measures
from wakeful.store.tx import Tx

SERVICE = "lambda.amazonaws.com"
DETAIL_TYPE = "Durable Execution Status Change"

_STARTED = measures(("DurableExecutionStarted", "Count"))
_ENDED = {
    "SUCCEEDED": measures(("DurableExecutionSucceeded", "Count")),
    "FAILED": measures(("DurableExecutionFailed", "Count")),
    "TIMED_OUT": measures(("DurableExecutionTimedOut", "Count")),
    "STOPPED": measures(("DurableExecutionStopped", "Count")),
}
_SPENT = measures(
    ("DurableExecutionDuration", "Milliseconds"),
    ("DurableExecutionOperations", "Count"),
    ("DurableExecutionStorageWrittenBytes", "Bytes"),
)
_RUNNING = measures(
    ("ApproximateRunningDurableExecutions", "Count"), ("ApproximateRunningDurableExecutionsUtilization", "Percent")
)


def started(tx: Tx, execution: Execution) -> None:
    """One more runs."""
    tx.note(Sample(_of(execution), _STARTED, tx.now, (1,)))
    _count(tx, execution, 1)
    _announce(tx, execution)


def ended(tx: Tx, execution: Execution) -> None:
    """One is over; with how long it took, and what it has used."""
    tx.note(Sample(_of(execution), _ENDED[execution.status], tx.now, (1,)))
    took_ms = (tx.now - execution.started) * 1000
    tx.note(Sample(_of(execution), _SPENT, tx.now, (took_ms, execution.operations, execution.written)))
    _count(tx, execution, -1)
    _announce(tx, execution)


def running(tx: Tx, account: str, region: str) -> int:
    """How many of the account's executions are not over."""
    row = tx.one("SELECT running FROM lambda_durable_running WHERE account = ? AND region = ?", account, region)
    return 0 if row is None else int(row["running"])


def _count(tx: Tx, execution: Execution, change: int) -> None:
    place = execution.reference
    tx.lock("lambda", f"durable {place.account} {place.region}")
    tx.run(
        "INSERT INTO lambda_durable_running(account, region, running) VALUES (?, ?, ?) ON CONFLICT(account, region)"
        " DO UPDATE SET running = lambda_durable_running.running + excluded.running",
        *(place.account, place.region, change),
    )
    count = running(tx, place.account, place.region)
    whole = family(place.account, place.region, NAMESPACE, ())
    tx.note(Sample(whole, _RUNNING, tx.now, (count, 100 * count / limits.LAMBDA_DURABLE_RUNNING_MAX)))


def _of(execution: Execution) -> Family:
    place = execution.reference
    named: Dimensions = (("FunctionName", place.name),)
    called = (*named, ("Resource", f"{place.name}:{execution.version}"))
    return family(place.account, place.region, NAMESPACE, (), named, called)


def _announce(tx: Tx, execution: Execution) -> None:
    place = execution.reference
    detail: dict[str, Any] = {
        "durableExecutionArn": execution.arn,
        "durableExecutionName": execution.name,
        "functionArn": qualified(place),
        "status": execution.status,
        "startTimestamp": _written(execution.started),
    }
    if execution.ended is not None:
        detail["endTimestamp"] = _written(execution.ended)
    event = {
        "version": "0",
        "id": names.new_uuid(),
        "detail-type": DETAIL_TYPE,
        "source": "aws.lambda",
        "account": place.account,
        "time": datetime.fromtimestamp(tx.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": place.region,
        "resources": [],
        "detail": detail,
    }
    deliver(
        tx,
        Delivery(
            target_arn=f"arn:aws:events:{place.region}:{place.account}:event-bus/default",
            body=orjson.dumps(event).decode(),
            source_arn=execution.function,
            principal=SERVICE,
            account=place.account,
            trace=execution.trace,
            label=f"durable execution {execution.status}",
        ),
    )


def _written(epoch_s: float) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%S}.{int(epoch_s % 1 * 1000):03}Z"
