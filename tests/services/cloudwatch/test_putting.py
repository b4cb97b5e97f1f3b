"""What PutMetricData tells becomes points."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.cloudwatch import putting


class Caller:
    account = "000000000000"
    region = "us-east-1"


async def test_others_have_their_turn_while_very_many_values_are_read() -> None:
    data: Any = [{"MetricName": "x", "Values": [1.0, 2.0]}] * limits.METRICS_PER_PUT_MAX
    reading = asyncio.ensure_future(putting.points_of(cast(Call, Caller()), "Shop", data, 120.0))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    (point,) = (await reading).values()
    assert (point.count, point.sum) == (2000, 3000)
    assert turns >= limits.METRICS_PER_PUT_MAX / limits.METRICS_PUT_AT_ONCE
