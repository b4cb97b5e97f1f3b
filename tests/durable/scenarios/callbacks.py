"""Callbacks: answered, failed, timed out, kept alive; created, and waited for with a submitter."""

from __future__ import annotations

import json
from typing import Any

from aws_durable_execution_sdk_python import CallbackError, CallbackSubmitterError, DurableContext
from aws_durable_execution_sdk_python.config import CallbackConfig, Duration, StepConfig, WaitForCallbackConfig
from aws_durable_execution_sdk_python.retries import RetryPresets
from aws_durable_execution_sdk_python.serdes import SerDes, SerDesContext

from . import effects
from .steps import retries


def _seconds(event: Any, key: str) -> Duration:
    return Duration.from_seconds(event.get(key, 0))


def callback(event: Any, context: DurableContext) -> Any:
    """The callback's answer, or what is said of it when it fails."""
    config = CallbackConfig(timeout=_seconds(event, "timeout_s"), heartbeat_timeout=_seconds(event, "heartbeat_s"))
    made = context.create_callback(name="example-callback", config=config)
    try:
        return made.result()
    except CallbackError as error:
        if event.get("caught", True):
            return {"kind": type(error).__name__, "type": error.error_type, "message": error.message}
        raise


def callback_mixed_ops(_: Any, context: DurableContext) -> list[Any]:
    """Made before other things are done, asked for after them."""
    data = context.step(lambda _: {"user": 123}, name="fetch-data")
    made = context.create_callback(name="process-user", config=CallbackConfig(timeout=Duration.from_hours(5)))
    context.wait(Duration.from_seconds(1), name="initial-wait")
    return [data, made.result()]


def callback_concurrency(_: Any, context: DurableContext) -> list[Any]:
    """Three at once, each with its own answer."""

    def branch(name: str) -> Any:
        return lambda child: child.create_callback(name=name).result()

    batch = context.parallel([branch(f"api-{n}") for n in (1, 2, 3)], name="calls")
    return batch.get_results()


class Upper(SerDes[str]):
    """Says what comes aloud."""

    def serialize(self, value: str, _: SerDesContext) -> str:
        return json.dumps(value)

    def deserialize(self, data: str, _: SerDesContext) -> str:
        return data.upper()


def callback_serdes(_: Any, context: DurableContext) -> Any:
    return context.create_callback(name="custom", config=CallbackConfig(serdes=Upper())).result()


def wait_for_callback(event: Any, context: DurableContext) -> Any:
    """The submitter is a step of its own: it hands the callback's id to somebody."""
    config = WaitForCallbackConfig(
        timeout=_seconds(event, "timeout_s"), heartbeat_timeout=_seconds(event, "heartbeat_s")
    )

    def submit(callback_id: str, _: Any) -> None:
        effects.did(event["run"], "submitted", callback_id)

    return context.wait_for_callback(submit, name="approval", config=config)


def wait_for_callback_submitter_failure_catchable(_: Any, context: DurableContext) -> dict[str, Any]:
    def submit(_: str, __: Any) -> None:
        raise ConnectionError("nobody takes it")

    config = WaitForCallbackConfig(retry_strategy=retries(2))
    try:
        context.wait_for_callback(submit, name="failing-submitter", config=config)
    except CallbackSubmitterError as error:
        return {"message": error.message}
    raise AssertionError("the submitter did not fail")


def wait_for_callback_child(event: Any, context: DurableContext) -> list[Any]:
    def inside(child: DurableContext) -> Any:
        child.wait(Duration.from_seconds(1), name="child-wait")
        return child.wait_for_callback(lambda _, __: None, name="child-callback")

    outside = context.wait_for_callback(lambda _, __: None, name="parent-callback")
    return [outside, context.run_in_child_context(inside, name="child")]


def wait_for_callback_multiple_invocations(_: Any, context: DurableContext) -> list[Any]:
    context.wait(Duration.from_seconds(1), name="wait-invocation-1")
    first = context.wait_for_callback(lambda _, __: None, name="first-callback")
    middle = context.step(lambda _: "processed", name="process")
    context.wait(Duration.from_seconds(1), name="wait-invocation-2")
    second = context.wait_for_callback(lambda _, __: None, name="second-callback")
    return [first, middle, second]


def wait_for_callback_mixed_ops(_: Any, context: DurableContext) -> list[Any]:
    context.wait(Duration.from_seconds(1), name="initial-wait")
    user = context.step(lambda _: {"user": 1}, name="fetch-user")
    answer = context.wait_for_callback(lambda _, __: None, name="wait-for-callback")
    context.wait(Duration.from_seconds(2), name="final-wait")
    done = context.step(lambda _: "finalized", name="finalize", config=StepConfig(retry_strategy=RetryPresets.none()))
    return [user, answer, done]
