"""Parallel and map: how many at once, how many must succeed, how many may fail."""

from __future__ import annotations

from typing import Any

from aws_durable_execution_sdk_python import BatchResult, ChildContextError, DurableContext, ParallelBranch
from aws_durable_execution_sdk_python.config import (
    CompletionConfig,
    Duration,
    MapConfig,
    NestingType,
    ParallelConfig,
    StepConfig,
)
from aws_durable_execution_sdk_python.retries import RetryPresets


def _told(batch: BatchResult[Any]) -> dict[str, Any]:
    return {
        "reason": batch.completion_reason.value,
        "results": batch.get_results(),
        "failed": batch.failure_count,
        "all": [item.status.value for item in batch.all],
    }


def _task(number: int, *, fails: bool = False) -> Any:
    """A branch of one step, which is not tried again."""

    def work(_: Any) -> str:
        if fails:
            raise ValueError(f"task {number} fails")
        return f"task-{number}"

    config = StepConfig(retry_strategy=RetryPresets.none())
    return lambda child: child.step(work, name=f"step-{number}", config=config)


def parallel(event: Any, context: DurableContext) -> dict[str, Any]:
    tasks = [_task(n, fails=n in event.get("failing", ())) for n in range(1, event.get("branches", 2) + 1)]
    completion = CompletionConfig(**event["completion"]) if "completion" in event else CompletionConfig()
    config = ParallelConfig(max_concurrency=event.get("max_concurrency"), completion_config=completion)
    batch = context.parallel(tasks, name="parallel", config=config)
    if event.get("then_wait"):
        context.wait(Duration.from_seconds(1), name="replay")
    return _told(batch)


def parallel_fails_fast(_: Any, context: DurableContext) -> Any:
    """Without a word about failures, the first one ends it."""
    config = ParallelConfig(max_concurrency=1)
    batch = context.parallel([_task(1), _task(2, fails=True), _task(3)], name="parallel", config=config)
    try:
        batch.throw_if_error()
    except ChildContextError as error:
        return {**_told(batch), "kind": type(error).__name__}
    return _told(batch)


def parallel_with_wait(_: Any, context: DurableContext) -> list[str]:
    """Branches that wait for different times, all at once."""

    def branch(seconds: int) -> Any:
        def waits(child: DurableContext) -> str:
            child.wait(Duration.from_seconds(seconds), name=f"wait-{seconds}")
            return f"waited {seconds}"

        return waits

    return context.parallel([branch(3600), branch(60), branch(600)], name="waits").get_results()


def parallel_with_named_branches(_: Any, context: DurableContext) -> list[str]:
    branches = [ParallelBranch(_task(1), name="fetch"), ParallelBranch(_task(2), name="store")]
    config = ParallelConfig(max_concurrency=1)
    return context.parallel(branches, name="named", config=config).get_results()


def map_operations(event: Any, context: DurableContext) -> dict[str, Any]:
    completion = CompletionConfig(**event["completion"]) if "completion" in event else CompletionConfig()
    config: MapConfig[int] = MapConfig(max_concurrency=event.get("max_concurrency"), completion_config=completion)

    def square(child: DurableContext, item: int, index: int, _: Any) -> int:
        def work(_: Any) -> int:
            if item in event.get("failing", ()):
                raise ValueError(f"item {item} fails")
            return item * item

        step = StepConfig(retry_strategy=RetryPresets.none())
        return child.step(work, name=f"square-{index}", config=step)

    batch = context.map(event["items"], square, name="squares", config=config)
    if event.get("then_wait"):
        context.wait(Duration.from_seconds(1), name="replay")
    return _told(batch)


def map_operations_flat(_: Any, context: DurableContext) -> list[int]:
    """Items without contexts of their own in the history."""
    config: MapConfig[int] = MapConfig(max_concurrency=1, nesting_type=NestingType.FLAT)
    batch = context.map(
        [1, 2], lambda child, item, _, __: child.step(lambda _: item * 2, name="double"), name="flat", config=config
    )
    return batch.get_results()


def map_with_item_namer(_: Any, context: DurableContext) -> list[str]:
    config: MapConfig[str] = MapConfig(max_concurrency=1, item_namer=lambda item, index: f"{index}-{item}")
    batch = context.map(
        ["a", "b"],
        lambda child, item, _, __: child.step(lambda _: item.upper(), name="upper"),
        name="named",
        config=config,
    )
    return batch.get_results()


def map_large_results(event: Any, context: DurableContext) -> dict[str, Any]:
    """Together too large for a checkpoint: only a summary is kept, and the items are read again from theirs."""

    def large(child: DurableContext, item: int, _: int, __: Any) -> str:
        return child.step(lambda _: str(item) * 60_000, name=f"large-{item}")

    batch = context.map(event["items"], large, name="large", config=MapConfig(max_concurrency=2))
    context.wait(Duration.from_seconds(1), name="replay")
    return {"characters": [len(each) for each in batch.get_results()], "reason": batch.completion_reason.value}
