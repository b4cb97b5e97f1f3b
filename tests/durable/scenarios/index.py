"""The handler: which scenario runs is said by the event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, durable_execution

from . import batches, callbacks, contexts, steps, waits

SCENARIOS: dict[str, Callable[[Any, DurableContext], Any]] = {
    name: made
    for module in (batches, callbacks, contexts, steps, waits)
    for name, made in vars(module).items()
    if callable(made) and made.__module__ == module.__name__
}


@durable_execution
def handler(event: Any, context: DurableContext) -> Any:
    return SCENARIOS[event["scenario"]](event, context)


def plain(event: Any, _: Any) -> Any:
    """A function that is not durable."""
    if "error" in event:
        raise ValueError(event["error"])
    return {"doubled": event["number"] * 2}
