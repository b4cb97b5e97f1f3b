"""EstimatedCharges, as CloudWatch tells it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.functions import call, deploy
from tests.running_node import RunningNode
from wakeful import limits
from wakeful.services.lambda_.billing import bill, price
from wakeful.store.usage import Consumer

CURRENCY = {"Name": "Currency", "Value": "USD"}
SERVICE = {"Name": "ServiceName", "Value": "AWSLambda"}


def charges(node: RunningNode, *dimensions: dict[str, str], account: str = "test") -> list[float]:
    """What CloudWatch has of the last days, oldest first."""
    now = datetime.fromtimestamp(node.node.clock.now(), UTC)
    metric = {"Namespace": "AWS/Billing", "MetricName": "EstimatedCharges", "Dimensions": list(dimensions)}
    found = node.client("cloudwatch", key=account).get_metric_data(
        MetricDataQueries=[{"Id": "q", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Maximum"}}],
        StartTime=now - timedelta(days=2),
        EndTime=now + timedelta(hours=1),
        ScanBy="TimestampAscending",
    )
    values: list[float] = found["MetricDataResults"][0]["Values"]
    return values


async def use(node: RunningNode, account: str, units: dict[str, int]) -> None:
    consumer = Consumer(account, "eu-west-1", "f", "1", "{}")
    node.node.telemetry.usage.add(consumer, node.node.clock.now(), units)


def test_each_account_is_told_what_it_owes_for_the_month_so_far(node: RunningNode) -> None:
    node.run(use(node, "000000000000", {price.REQUEST.name: 3_000_000}))
    node.run(use(node, "111111111111", {price.PROVISIONED.name: 10**6 * price.MB_MS_PER_GB_S}))
    node.advance(limits.BILL_SWEEP_S)
    assert charges(node, CURRENCY) == charges(node, CURRENCY, SERVICE) == [pytest.approx(0.4)]
    assert charges(node, CURRENCY, SERVICE, account="111111111111") == [pytest.approx(4.1667)]
    node.run(use(node, "000000000000", {price.REQUEST.name: 1_000_000}))
    node.advance(limits.BILL_SWEEP_S)
    month = bill.month_of(node.node.clock.now())
    assert month.first_day <= month.last_day
    assert charges(node, CURRENCY) == [pytest.approx(0.4), pytest.approx(0.6)]


@pytest.mark.slow
def test_each_run_tells_its_billed_time_and_list_price(client: Any, node: RunningNode) -> None:
    deploy(client)
    for _ in range(3):
        call(client)
    runs = node.run(node.node.telemetry.recent_notes(kind="run", limit=10))
    now = datetime.fromtimestamp(node.node.clock.now(), UTC)
    for dimensions in ([], [{"Name": "FunctionName", "Value": "f"}]):
        for name, member in (("BilledDuration", "billed_ms"), ("ListPrice", "usd")):
            (point,) = node.client("cloudwatch").get_metric_statistics(
                Namespace="Wakeful/Lambda",
                MetricName=name,
                Dimensions=dimensions,
                StartTime=now - timedelta(hours=1),
                EndTime=now + timedelta(hours=1),
                Period=7200,
                Statistics=["Sum", "SampleCount"],
            )["Datapoints"]
            assert point["Sum"] == pytest.approx(sum(run.detail[member] for run in runs))
            assert point["SampleCount"] == 3
