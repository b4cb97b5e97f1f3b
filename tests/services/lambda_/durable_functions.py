"""Durable functions for tests, without any SDK: a few lines that replay, as the service's contract asks for."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.functions import deploy
from tests.running_node import RunningNode
from wakeful.services.lambda_.durable import executions

REPLAY = '''
import json
import boto3

client = boto3.client("lambda")


class Suspend(Exception):
    pass


class Durable:
    """What a durable SDK does, in short."""

    def __init__(self, event):
        self.arn = event["DurableExecutionArn"]
        self.token = event["CheckpointToken"]
        self.known = {each["Id"]: each for each in event["InitialExecutionState"]["Operations"]}
        marker = event["InitialExecutionState"]["NextMarker"]
        while marker:
            page = client.get_durable_execution_state(
                DurableExecutionArn=self.arn, CheckpointToken=self.token, Marker=marker)
            self.known.update({each["Id"]: each for each in page["Operations"]})
            marker = page.get("NextMarker")
        root = next(each for each in self.known.values() if each["Type"] == "EXECUTION")
        self.input = json.loads(root["ExecutionDetails"].get("InputPayload", "null"))

    def checkpoint(self, *updates, **more):
        answer = client.checkpoint_durable_execution(
            DurableExecutionArn=self.arn, CheckpointToken=self.token, Updates=list(updates), **more)
        for each in answer["NewExecutionState"]["Operations"]:
            self.known[each["Id"]] = each
        if "CheckpointToken" not in answer:
            raise Suspend
        self.token = answer["CheckpointToken"]

    def step(self, id, function, **more):
        if self.known.get(id, {}).get("Status") != "SUCCEEDED":
            result = json.dumps(function())
            self.checkpoint({"Id": id, "Type": "STEP", "Action": "SUCCEED", "Payload": result, **more})
        return json.loads(self.known[id]["StepDetails"]["Result"])

    def await_(self, id, type, **options):
        if id not in self.known:
            self.checkpoint({"Id": id, "Type": type, "Action": "START", **options})
        if self.known[id]["Status"] == "STARTED":
            raise Suspend
        return self.known[id]

    def wait(self, id, seconds):
        self.await_(id, "WAIT", WaitOptions={"WaitSeconds": seconds})


def handler(event, context):
    durable = Durable(event)
    try:
        return {"Status": "SUCCEEDED", "Result": json.dumps(run(durable, durable.input, context))}
    except Suspend:
        return {"Status": "PENDING"}
    except Exception as error:
        return {"Status": "FAILED", "Error": {"ErrorType": type(error).__name__, "ErrorMessage": str(error)}}
'''


def deploy_durable(client: Any, body: str, name: str = "f", *, timeout_s: int = 600, **settings: Any) -> str:
    """The ARN of a durable function whose `run(durable, event, context)` this is."""
    more = {"DurableConfig": {"ExecutionTimeout": timeout_s}, "MemorySize": 256, **settings}
    return deploy(client, name, REPLAY + "\n" + body, **more)


def begin(client: Any, event: Any = None, name: str = "f", **more: Any) -> str:
    """The ARN of an execution that somebody has started and does not wait for."""
    answer = client.invoke(
        FunctionName=name,
        Qualifier=more.pop("Qualifier", "$LATEST"),
        InvocationType="Event",
        Payload=json.dumps(event).encode(),
        **more,
    )
    assert answer["StatusCode"] == 202
    return str(answer["DurableExecutionArn"])


def history(client: Any, arn: str, **more: Any) -> list[dict[str, Any]]:
    return list(client.get_durable_execution_history(DurableExecutionArn=arn, **more)["Events"])


def told(client: Any, arn: str) -> list[str]:
    """The types of the events of an execution."""
    return [event["EventType"] for event in history(client, arn)]


def status(client: Any, arn: str) -> str:
    return str(client.get_durable_execution(DurableExecutionArn=arn)["Status"])


class Waiting:
    """An Invoke that somebody waits for, on a thread of its own."""

    def __init__(self, node: RunningNode, event: Any = None, name: str = "f", **more: Any) -> None:
        self._pool = ThreadPoolExecutor(1)
        client = node.client("lambda")
        self._answer: Future[Any] = self._pool.submit(
            client.invoke, FunctionName=name, Qualifier="$LATEST", Payload=json.dumps(event).encode(), **more
        )

    def result(self) -> tuple[Any, dict[str, Any]]:
        answer = self._answer.result(30)
        self._pool.shutdown()
        return json.loads(answer["Payload"].read()), answer


_PUPPET = """
import json, os, time
def handler(event, context):
    place = os.environ["PLACE"]
    number = len([name for name in os.listdir(place) if name.endswith(".event")])
    with open(f"{place}/{number}.part", "w") as file:
        json.dump(event, file)
    os.rename(f"{place}/{number}.part", f"{place}/{number}.event")
    while not os.path.exists(f"{place}/{number}.answer"):
        time.sleep(0.005)
    answer = open(f"{place}/{number}.answer").read()
    if answer == "crash":
        os._exit(1)
    return json.loads(answer)
"""


class Puppet:
    """A durable function that the test itself plays: it sees each invocation's event and says what is answered."""

    def __init__(self, node: RunningNode, place: Path, name: str = "f", **settings: Any) -> None:
        place.mkdir()
        self.node = node
        self.client = node.client("lambda")
        self._place = place
        self._count = 0
        self._mover: threading.Thread | None = None
        self.token = ""
        self.arn = ""
        more = {"DurableConfig": {"ExecutionTimeout": 600}, "Timeout": 20, **settings}
        deploy(self.client, name, _PUPPET, Environment={"Variables": {"PLACE": str(place)}}, **more)

    def begins(self, event: Any = None, name: str = "f", **more: Any) -> dict[str, Any]:
        """An execution has begun; the event of its first invocation."""
        self.arn = begin(self.client, event, name, **more)
        return self.invoked()

    def invoked(self) -> dict[str, Any]:
        """The event of the next invocation, once there is one."""
        file = self._place / f"{self._count}.event"
        deadline = time.monotonic() + 20
        while not file.exists():
            assert time.monotonic() < deadline, f"invocation {self._count} did not come"
            time.sleep(0.005)
        event: dict[str, Any] = json.loads(file.read_text())
        self._count += 1
        self.arn, self.token = event["DurableExecutionArn"], event["CheckpointToken"]
        return event

    def after(self, seconds: float) -> dict[str, Any]:
        """The event of the invocation that so much time brings; the rest of the time waits for its answer."""
        self._mover = threading.Thread(target=self.node.advance, args=(seconds,))
        self._mover.start()
        return self.invoked()

    def moves(self, seconds: float) -> None:
        """It is later, while the invocation goes on."""
        clock = self.node.node.clock
        self.node.run(self.node.node._move(clock.now() + seconds))

    @property
    def invocations(self) -> int:
        """How many there have been."""
        return len(list(self._place.glob("*.event")))

    def checkpoint(self, *updates: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        """The function checkpoints; the operations it is told of."""
        answer = self.client.checkpoint_durable_execution(
            **{"DurableExecutionArn": self.arn, "CheckpointToken": self.token, "Updates": list(updates), **more}
        )
        self.token = answer.get("CheckpointToken", "")
        return list(answer["NewExecutionState"].get("Operations", []))

    def answers(self, status: str = "PENDING", **more: Any) -> None:
        """The invocation is over, and all that follows from it has happened."""
        self.says(json.dumps({"Status": status, **more}))

    def says(self, answer: str) -> None:
        part = self._place / "answer.part"
        part.write_text(answer)
        part.rename(self._place / f"{self._count - 1}.answer")
        if self._mover is not None:
            self._mover.join()
            self._mover = None
        self.node.run(_invocation_over(self.node.node, self.arn))

    @property
    def execution(self) -> dict[str, Any]:
        return dict(self.client.get_durable_execution(DurableExecutionArn=self.arn))

    @property
    def told(self) -> list[str]:
        return told(self.client, self.arn)


async def _invocation_over(node: Any, arn: str) -> None:
    while True:
        execution = await node.store.read(executions.get, arn)
        if execution is None or execution.invocation == "":
            return
        await asyncio.sleep(0.002)


def step(name: str, action: str, **more: Any) -> dict[str, Any]:
    return {"Id": name, "Type": "STEP", "Action": action, **more}


def wait(name: str, seconds: int, **more: Any) -> dict[str, Any]:
    return {"Id": name, "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": seconds}, **more}


def callback(name: str, **options: int) -> dict[str, Any]:
    return {"Id": name, "Type": "CALLBACK", "Action": "START", "CallbackOptions": options}


def context(name: str, action: str, **more: Any) -> dict[str, Any]:
    return {"Id": name, "Type": "CONTEXT", "Action": action, **more}


def chained(name: str, function: str, payload: str | None = None) -> dict[str, Any]:
    update = {
        "Id": name,
        "Type": "CHAINED_INVOKE",
        "Action": "START",
        "ChainedInvokeOptions": {"FunctionName": function},
    }
    return update if payload is None else {**update, "Payload": payload}


def status_of(operations: list[dict[str, Any]], name: str) -> str:
    return next(str(each["Status"]) for each in operations if each["Id"] == name)
