"""SIGKILL: acknowledged metrics are there, and of what was measured at most the last tenth of a second is lost."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.functions import call, deploy
from tests.node_process import NodeProcess
from wakeful import limits

pytestmark = pytest.mark.slow


def total(client: Any, namespace: str, name: str) -> float:
    now = datetime.now(UTC)
    found = client.get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=60,
        Statistics=["Sum"],
    )
    return sum(float(point["Sum"]) for point in found["Datapoints"])


def test_a_killed_node_has_lost_no_more_than_the_last_tenth_of_a_second(node: NodeProcess) -> None:
    node.start()
    deploy(node.client("lambda"))
    for _ in range(5):
        call(node.client("lambda"))
    time.sleep(5 * limits.TELEMETRY_FLUSH_S)  # the moment of the crash is what this test is about
    for value in (1, 2, 3):
        put = [{"MetricName": "Sold", "Value": value}]
        node.client("cloudwatch").put_metric_data(Namespace="Shop", MetricData=put)
    node.kill()
    node.start()
    client = node.client("cloudwatch")
    assert total(client, "Shop", "Sold") == 6
    assert total(client, "AWS/Lambda", "Invocations") == 5
    assert node.stop() == 0
