"""A workflow whose process, or whose whole node, is killed beside checkpoints: which, and on which side of each."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import boto3
from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration, StepConfig, StepSemantics

from . import effects
from .steps import retries

_plan: dict[str, Any] = {}
_sent: list[str] = []


def _before(params: dict[str, Any], **_: Any) -> None:
    """The SDK is about to send a checkpoint."""
    updates = json.loads(params["body"])["Updates"]
    _sent[:] = [f"{each['Action']} {each.get('Name') or each['SubType']}" for each in updates]
    _die("before")


def _after(**_: Any) -> None:
    """The checkpoint is kept, and the SDK does not know it yet."""
    _die("after")


def _die(when: str) -> None:
    for number, kill in enumerate(_plan.get("kills", ())):
        if kill["when"] != when or kill["update"] not in _sent or effects.count(_plan["run"], f"killed-{number}/"):
            continue
        effects.did(_plan["run"], f"killed-{number}")
        if "node" in kill:
            os.kill(kill["node"], signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def _step(context: DurableContext, name: str, *, at_most_once: bool = False) -> str:
    """A step with an effect, which counts every time that it really ran."""

    def work(step: StepContext) -> str:
        effects.did(_plan["run"], f"{name}-{step.attempt}")
        return name

    semantics = StepSemantics.AT_MOST_ONCE_PER_RETRY if at_most_once else StepSemantics.AT_LEAST_ONCE_PER_RETRY
    return context.step(work, name=name, config=StepConfig(retry_strategy=retries(3), step_semantics=semantics))


def order(context: DurableContext) -> dict[str, Any]:
    """Steps, a wait, branches, a callback, another function and a context: everything that can be interrupted."""

    def right(child: DurableContext) -> str:
        child.wait(Duration.from_minutes(10), name="pause")
        return _step(child, "right")

    charged = _step(context, "charge", at_most_once=True)
    shipped = _step(context, "ship")
    context.wait(Duration.from_hours(1), name="cool-off")
    both = context.parallel([lambda child: _step(child, "left"), right], name="both")
    approved = context.wait_for_callback(lambda _, __: effects.did(_plan["run"], "submitted"), name="approval")
    billed = context.invoke(os.environ["BILL"], {**_plan, "workflow": "bill"}, name="bill")
    noted = context.run_in_child_context(lambda child: _step(child, "note", at_most_once=True), name="notes")
    return {"steps": [charged, shipped, noted], "both": both.get_results(), "approved": approved, "billed": billed}


def bill(context: DurableContext) -> list[str]:
    """The other function is durable too."""
    first = _step(context, "invoice", at_most_once=True)
    context.wait(Duration.from_minutes(1), name="print")
    return [first, _step(context, "send")]


def _run(event: Any, context: DurableContext) -> Any:
    _plan.clear()
    _plan.update(event)
    return bill(context) if event.get("workflow") == "bill" else order(context)


_client = boto3.client("lambda")
_client.meta.events.register("before-call.lambda.CheckpointDurableExecution", _before)
_client.meta.events.register("after-call.lambda.CheckpointDurableExecution", _after)

handler = durable_execution(_run, boto3_client=_client)
