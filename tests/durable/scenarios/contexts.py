"""Child contexts and chained invokes."""

from __future__ import annotations

import os
from typing import Any

from aws_durable_execution_sdk_python import ChildContextError, DurableContext, InvokeError, StepContext
from aws_durable_execution_sdk_python.config import ChildConfig, Duration, StepConfig

from .steps import retries


def run_in_child_context(_: Any, context: DurableContext) -> int:
    def double(child: DurableContext) -> int:
        return child.step(lambda _: 5, name="child-step") * 2

    return context.run_in_child_context(double, name="child")


def block_example(_: Any, context: DurableContext) -> list[str]:
    """A context in a context."""

    def inner(child: DurableContext) -> str:
        child.wait(Duration.from_seconds(1), name="inner-wait")
        return "inner"

    def outer(child: DurableContext) -> list[str]:
        return [
            child.step(lambda _: "nested", name="nested-step"),
            child.run_in_child_context(inner, name="nested-block"),
        ]

    return context.run_in_child_context(outer, name="parent-block")


def run_in_child_context_large_data(event: Any, context: DurableContext) -> dict[str, Any]:
    """A result too large for a checkpoint is made again from its children."""

    def large(child: DurableContext) -> dict[str, Any]:
        pieces = [child.step(lambda _, n=n: str(n) * 50_000, name=f"piece-{n}") for n in range(6)]
        return {"data": "".join(pieces)}

    config = ChildConfig(summary_generator=lambda result: f"{len(result['data'])} characters")
    made = context.run_in_child_context(large, name="large", config=config)
    context.wait(Duration.from_seconds(1), name="replay")
    again = context.step(lambda _: len(made["data"]), name="size")
    return {"characters": again, "whole": made["data"] == "".join(str(n) * 50_000 for n in range(6))}


def large_result(event: Any, _: DurableContext) -> str:
    """An answer that no response can carry: it is checkpointed instead."""
    return "x" * int(event["characters"])


def run_in_child_context_step_failure(_: Any, context: DurableContext) -> dict[str, Any]:
    def fails(child: DurableContext) -> None:
        def refuse(_: StepContext) -> None:
            raise ValueError("Step failed in child context")

        child.step(refuse, name="failing-step", config=StepConfig(retry_strategy=retries(2)))

    try:
        context.run_in_child_context(fails, name="child")
    except ChildContextError as error:
        told = {"type": error.error_type, "message": error.message}
    context.wait(Duration.from_seconds(1), name="after")
    return told


def invoke(event: Any, context: DurableContext) -> Any:
    """Another function's answer, or what is said of it when it fails."""
    target = os.environ[event["target"]]
    try:
        answer = context.invoke(target, event["payload"], name="invoke")
    except InvokeError as error:
        return {"kind": type(error).__name__, "type": error.error_type, "message": error.message}
    if event.get("then_wait"):
        context.wait(Duration.from_seconds(1), name="replay")
    return answer


def concurrent_invokes(event: Any, context: DurableContext) -> list[Any]:
    target = os.environ["PLAIN"]
    batch = context.map(event["payloads"], lambda child, each, _, __: child.invoke(target, each), name="all")
    return batch.get_results()


def comprehensive_operations(_: Any, context: DurableContext) -> dict[str, Any]:
    """Everything once."""
    made = context.step(lambda _: "Step 1 completed successfully", name="step1")
    context.wait(Duration.from_seconds(1))
    numbers = context.map(
        [1, 2, 3, 4, 5],
        lambda child, item, index, _: child.step(lambda _: item, name=f"map-step-{index}"),
        name="map-numbers",
    )
    fruits = context.parallel(
        [
            lambda child, fruit=fruit, n=n: child.step(lambda _: fruit, name=f"fruit-step-{n}")
            for n, fruit in enumerate(("apple", "banana", "orange"), 1)
        ]
    )
    return {"step1": made, "numbers": numbers.get_results(), "fruits": fruits.get_results()}
