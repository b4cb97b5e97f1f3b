"""Durable functions for tests, without any SDK: a few lines that replay, as the service's contract asks for."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tests.functions import deploy
from tests.running_node import RunningNode

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
