"""What durable executions cost: operations and bytes as AWS's table has them, on the bill of their function."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.lambda_.durable_functions import Puppet, callback, chained, context, step, wait
from tests.services.lambda_.test_bill import page
from wakeful.services.lambda_.durable import spending
from wakeful.services.lambda_.durable.rules import Operation

THERE = Operation(id="1", type="CONTEXT", status="STARTED", started=1.0)


@pytest.mark.parametrize(
    ("before", "update", "spent"),
    [
        (None, step("1", "START"), (0, 0)),
        (None, step("1", "RETRY", Error={"ErrorMessage": "no"}), (1, 21)),
        (None, step("1", "SUCCEED", Payload="äb"), (1, 3)),
        (None, step("1", "FAIL", Error={"ErrorMessage": "no"}), (1, 21)),
        (None, wait("1", 5), (1, 0)),
        (None, {"Id": "1", "Type": "WAIT", "Action": "CANCEL"}, (0, 0)),
        (None, callback("1"), (1, 0)),
        (None, chained("1", "g", "given"), (1, 0)),
        (None, context("1", "START"), (1, 0)),
        (THERE, context("1", "SUCCEED", Payload="12"), (0, 2)),
        (None, context("1", "SUCCEED", Payload="12"), (1, 2)),
    ],
)
def test_an_update_counts_as_awss_table_says(
    before: Operation | None, update: dict[str, Any], spent: tuple[int, int]
) -> None:
    assert spending.of_update(before, update) == spent


@pytest.mark.slow
def test_the_bill_has_what_an_execution_did_and_nothing_twice(node: RunningNode, tmp_path: Path) -> None:
    puppet = Puppet(node, tmp_path / "puppet")
    puppet.begins("abc")  # one, and five bytes
    token = puppet.token
    first = {"DurableExecutionArn": puppet.arn, "CheckpointToken": token, "ClientToken": "c"}
    puppet.checkpoint(step("1", "SUCCEED", Payload="1234"), ClientToken="c")  # one, four
    puppet.client.checkpoint_durable_execution(**first, Updates=[step("1", "SUCCEED", Payload="1234")])  # nothing new
    (waits,) = puppet.checkpoint(callback("2"))  # one
    puppet.says("crash")
    puppet.after(6)  # one, and what it crashed with
    crashed = next(
        each["InvocationCompletedDetails"]["Error"]["Payload"]
        for each in puppet.client.get_durable_execution_history(DurableExecutionArn=puppet.arn)["Events"]
        if each["EventType"] == "InvocationCompleted"
    )
    id = waits["CallbackDetails"]["CallbackId"]
    puppet.client.send_durable_execution_callback_success(CallbackId=id, Result=b"ok")  # two
    puppet.answers("SUCCEEDED", Result="123456")  # six
    node.run(node.node.telemetry.flush())
    (account,) = page(node, month=f"{datetime.fromtimestamp(node.node.clock.now(), UTC):%Y-%m}", by="version")[
        "accounts"
    ]
    (group,) = account["groups"]
    error_bytes = len(json.dumps(crashed, separators=(",", ":")))
    assert group["name"] == "f:$LATEST"
    assert {meter: units for meter, units in group["units"].items() if "Durable" in meter} == {
        "Lambda-Durable-Operations": 4,
        "Lambda-Durable-Written-Bytes": 5 + 4 + 2 + 6 + error_bytes,
    }
