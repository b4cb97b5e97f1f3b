"""Waits, from a second to a year, and waiting for a condition."""

from __future__ import annotations

import time
from typing import Any

import boto3
from aws_durable_execution_sdk_python import DurableContext, StepContext
from aws_durable_execution_sdk_python.config import Duration, JitterStrategy
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitStrategyConfig, create_wait_strategy


def wait(event: Any, context: DurableContext) -> str:
    context.wait(Duration.from_seconds(event["seconds"]))
    return "waited"


def held(_: Any, context: DurableContext) -> list[str]:
    """A step that goes on until somebody wants it to end."""
    arn = context.execution_context.durable_execution_arn

    def hold(_: StepContext) -> str:
        client = boto3.client("lambda")
        while client.get_durable_execution(DurableExecutionArn=arn)["Status"] == "RUNNING":
            time.sleep(0.02)
        return "held"

    return [context.step(hold, name="hold"), context.step(lambda _: "after", name="after")]


def multiple_wait(_: Any, context: DurableContext) -> str:
    context.wait(Duration.from_seconds(5), name="wait-1")
    context.wait(Duration.from_minutes(5), name="wait-2")
    return "waited twice"


def long_wait(_: Any, context: DurableContext) -> list[str]:
    """Almost as long as an execution may take."""
    before = context.step(lambda _: "before", name="before")
    context.wait(Duration.from_days(365), name="a-year")
    return [before, context.step(lambda _: "after", name="after")]


def wait_for_condition(event: Any, context: DurableContext) -> int:
    """Counts to a number, one poll at a time."""
    strategy = create_wait_strategy(
        WaitStrategyConfig(
            should_continue_polling=lambda state: state < event["threshold"],
            max_attempts=event.get("attempts", 60),
            initial_delay=Duration.from_seconds(10),
            backoff_rate=2,
            jitter_strategy=JitterStrategy.NONE,
        )
    )
    config = WaitForConditionConfig(wait_strategy=strategy, initial_state=0)
    return context.wait_for_condition(lambda state, _: state + 1, config, name="count")


def logger_example(event: Any, context: DurableContext) -> str:
    """Each line once, however often the function is replayed."""
    context.logger.info("begins for %s", event["to"])

    def work(step: Any) -> str:
        step.logger.info("works for %s", event["to"])
        return "done"

    result = context.step(work, name="work")
    context.wait(Duration.from_seconds(1), name="replay")
    context.logger.info("ends for %s", event["to"])
    return result
