"""Durable executions for tests: started, carried on by answers and by the clock, and read as an outline."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

HOUR_S = 3600.0
CLOCK_MOVES_MAX = 200
ENDS = {f"Execution{how}" for how in ("Succeeded", "Failed", "TimedOut", "Stopped")}


@dataclass(frozen=True)
class Execution:
    """One durable execution, seen through an unmodified client."""

    client: Any
    arn: str

    @property
    def state(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get_durable_execution(DurableExecutionArn=self.arn)
        return answer

    @property
    def status(self) -> str:
        return str(self.state["Status"])

    @property
    def result(self) -> Any:
        """What it answered. It has succeeded."""
        state = self.state
        assert state["Status"] == "SUCCEEDED", (state["Status"], state.get("Error"), self.outline())
        return json.loads(state["Result"])

    @property
    def error(self) -> dict[str, Any]:
        """What it failed with. It has ended otherwise than well."""
        state = self.state
        assert state["Status"] not in {"RUNNING", "SUCCEEDED"}, (state["Status"], state.get("Result"), self.outline())
        error: dict[str, Any] = state["Error"]
        return error

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """What happened, in order; of these kinds only, if any are named."""
        pages = self.client.get_paginator("get_durable_execution_history")
        found = [
            event
            for page in pages.paginate(DurableExecutionArn=self.arn, IncludeExecutionData=True)
            for event in page["Events"]
        ]
        return [event for event in found if not kinds or event["EventType"] in kinds]

    def outline(self, *, invocations: bool = True) -> str:
        """One line for each event: its type, sub type and name, as deep as its parents say."""
        events = self.events()
        parents = {event["Id"]: event.get("ParentId") for event in events if "Id" in event}
        lines = []
        for event in events:
            kind, name = event["EventType"], event.get("Name", "")
            if kind.startswith("Execution"):
                name = ""
            if invocations or kind != "InvocationCompleted":
                words = (kind, event.get("SubType", ""), name)
                lines.append("  " * _depth(event, parents) + " ".join(word for word in words if word))
        return "\n".join(lines)

    def callbacks(self) -> dict[str, str]:
        """The ids of the callbacks that nobody has answered yet, by the names of what waits for them."""
        return _open_callbacks(self.events())

    def answer(self, result: Any, name: str | None = None) -> None:
        """The callback that is open (of several, the one of that name) has its answer."""
        waiting = self.callbacks()
        [callback_id] = waiting.values() if name is None else [waiting[name]]
        self.client.send_durable_execution_callback_success(CallbackId=callback_id, Result=json.dumps(result).encode())


def _open_callbacks(events: list[dict[str, Any]]) -> dict[str, str]:
    names = {event["Id"]: event.get("Name", "") for event in events if "Id" in event}
    found: dict[str, tuple[str, str]] = {}
    for event in events:
        if event["EventType"] == "CallbackStarted":
            name = names.get(event.get("ParentId", "")) or event.get("Name", "")
            found[event["Id"]] = (name, event["CallbackStartedDetails"]["CallbackId"])
        elif event["EventType"].startswith("Callback"):
            del found[event["Id"]]
    return dict(found.values())


def _depth(event: dict[str, Any], parents: dict[str, str | None]) -> int:
    depth, parent = 0, event.get("ParentId")
    while parent is not None:
        depth, parent = depth + 1, parents.get(parent)
    return depth


def start(client: Any, function: str, scenario: str, qualifier: str = "$LATEST", **event: Any) -> Execution:
    """An execution that runs beside the test."""
    answer = client.invoke(
        FunctionName=function,
        Qualifier=qualifier,
        InvocationType="Event",
        DurableExecutionName=f"{scenario.replace('_', '-')}-{uuid.uuid4().hex[:8]}",
        Payload=json.dumps({"scenario": scenario, **event}),
    )
    assert answer["StatusCode"] == 202
    return Execution(client, answer["DurableExecutionArn"])


def carry_on(executions: list[Execution], advance: Callable[[float], None], answer: Any = None) -> None:
    """All have ended: whatever waited for time has had its time, whatever waited for an answer this one."""
    running = executions
    body = json.dumps(answer).encode()
    for _ in range(CLOCK_MOVES_MAX):
        advance(0)
        histories = [(each, each.events()) for each in running]
        running = [each for each, events in histories if events[-1]["EventType"] not in ENDS]
        if not running:
            return
        waiting = (
            [] if answer is None else [each for _, events in histories for each in _open_callbacks(events).values()]
        )
        for callback_id in waiting:
            executions[0].client.send_durable_execution_callback_success(CallbackId=callback_id, Result=body)
        if not waiting:
            advance(HOUR_S)
    raise AssertionError(f"these never ended: {[each.outline() for each in running]}")


def lines(text: str) -> Iterator[str]:
    """An outline as it stands in a test's source, without that source's indentation."""
    given = [line for line in text.splitlines() if line.strip()]
    margin = min(len(line) - len(line.lstrip()) for line in given)
    yield from (line[margin:].rstrip() for line in given)


def is_outline(found: str, expected: str) -> None:
    """The same events in the same order."""
    assert found.splitlines() == list(lines(expected)), f"found:\n{found}"
