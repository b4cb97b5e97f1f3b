"""Steps: their names and results, their retries, and what becomes of one that was interrupted."""

from __future__ import annotations

import os
import signal
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext, StepError, durable_step
from aws_durable_execution_sdk_python.config import Duration, JitterStrategy, StepConfig, StepSemantics
from aws_durable_execution_sdk_python.retries import RetryPresets, RetryStrategyConfig, create_retry_strategy

from . import effects


@durable_step
def add(_: StepContext, one: int, two: int) -> int:
    return one + two


def retries(attempts: int, delay_s: int = 1, rate: float = 1.0) -> Any:
    """A strategy without chance in it."""
    return create_retry_strategy(
        RetryStrategyConfig(
            max_attempts=attempts,
            initial_delay=Duration.from_seconds(delay_s),
            backoff_rate=rate,
            jitter_strategy=JitterStrategy.NONE,
        )
    )


def hello_world(event: Any, _: DurableContext) -> str:
    return f"Hello, {event['to']}!"


def step(_: Any, context: DurableContext) -> int:
    return context.step(add(5, 3))


def step_with_name(_: Any, context: DurableContext) -> str:
    return context.step(lambda _: "a name of its own", name="custom_step")


def step_with_retry(event: Any, context: DurableContext) -> str:
    """Fails until its last attempt."""

    def unreliable(step: StepContext) -> str:
        if step.attempt < event["succeeds_at"]:
            raise ConnectionError(f"attempt {step.attempt}")
        return f"succeeded at {step.attempt}"

    strategy = retries(event["attempts"], event.get("delay_s", 1), event.get("rate", 1.0))
    return context.step(unreliable, config=StepConfig(retry_strategy=strategy))


def steps_with_retry(_: Any, context: DurableContext) -> list[int]:
    """Polls with a step that fails, between waits, until it succeeds."""
    found: list[int] = []
    for poll in range(3):

        def look(step: StepContext, poll: int = poll) -> int:
            if step.attempt == 1 and poll == 1:
                raise LookupError("not yet")
            return poll

        found.append(context.step(look, name=f"look-{poll}", config=StepConfig(retry_strategy=retries(2))))
        context.wait(Duration.from_seconds(5), name=f"pause-{poll}")
    return found


def step_interrupted(event: Any, context: DurableContext) -> str:
    """Its process dies in the first try of the step."""

    def flaky(step: StepContext) -> str:
        effects.did(event["run"], f"flaky-{step.attempt}")
        if effects.count(event["run"]) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return f"attempt {step.attempt}"

    strategy = retries(event["attempts"]) if event["attempts"] > 1 else RetryPresets.none()
    config = StepConfig(retry_strategy=strategy, step_semantics=StepSemantics[event["semantics"]])
    return context.step(flaky, name="flaky", config=config)


def none_results(_: Any, context: DurableContext) -> list[None]:
    first = context.step(lambda _: None, name="nothing")
    second = context.run_in_child_context(lambda _: None, name="nothing-inside")
    context.wait(Duration.from_seconds(1), name="wait")
    return [first, second]


def no_replay_execution(_: Any, context: DurableContext) -> list[str]:
    return [context.step(lambda _, n=n: f"user {n}", name=f"fetch-user-{n}") for n in (1, 2)]


def many_operations(event: Any, context: DurableContext) -> int:
    """More operations than one page of its state has, then a replay of them all."""
    total = sum(context.step(lambda _, n=n: n, name=f"count-{n}") for n in range(event["steps"]))
    context.wait(Duration.from_seconds(1), name="replay")
    return total


def handler_error(_: Any, __: DurableContext) -> None:
    raise RuntimeError("Intentional handler failure")


def catch_typed_step_error(_: Any, context: DurableContext) -> dict[str, Any]:
    """What a step failed with is told, and told again in the replay."""

    def refuse(_: StepContext) -> None:
        raise ValueError("no such order")

    try:
        context.step(refuse, config=StepConfig(retry_strategy=RetryPresets.none()))
    except StepError as error:
        told = {"type": error.error_type, "message": error.message}
    context.wait(Duration.from_seconds(1), name="replay")
    return told


def not_deterministic(_: Any, context: DurableContext) -> str:
    """A wait at first, and a step in its place when it is replayed."""
    if not context.is_replaying():
        context.wait(Duration.from_seconds(1), name="identity-slot")
    return context.step(lambda _: "never", name="identity-slot")
