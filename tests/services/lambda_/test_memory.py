"""Memory of the machine that functions share: who is idle makes way, and one who takes too much goes first."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.functions import call, deploy
from tests.running_node import running_node

pytestmark = pytest.mark.slow

# At INIT, so that it is there before anybody looks; in memory of its own, or as a file in /tmp.
HOLDS = """
    import os
    held = b"x" * (int(os.environ["HELD_MB"]) << 20)
    with open("/tmp/file", "wb") as file:
        file.write(b"x" * (int(os.environ["FILE_MB"]) << 20))
    def handler(event, context):
        return len(held) >> 20
"""
# Of two handlers Lambda calls the later one. This one is at it until somebody sends a message to the queue.
WAITS = """
    def handler(event, context):
        import boto3
        sqs = boto3.client("sqs", region_name="us-east-1")
        while not sqs.receive_message(QueueUrl=event, WaitTimeSeconds=20).get("Messages"):
            pass
        return len(held) >> 20
"""


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def variables(held_mb: int, file_mb: int = 0) -> dict[str, dict[str, str]]:
    return {"Variables": {"HELD_MB": str(held_mb), "FILE_MB": str(file_mb)}}


@pytest.mark.parametrize(("held_mb", "file_mb"), [(100, 0), (1, 100)])
def test_idle_environments_make_way_before_anybody_is_refused(tmp_path: Path, held_mb: int, file_mb: int) -> None:
    with running_node(tmp_path, isolation="auto", memory_mb=300) as node:
        if node.node.isolation.tier != "A" and file_mb:
            pytest.skip("without control groups nobody counts what is in /tmp")
        client = node.client("lambda")
        for name in "abcd":
            deploy(client, name, HOLDS, Environment=variables(held_mb, file_mb), MemorySize=512)
        colds = 0
        for name in "abcdabcd":
            answer = call(client, name)
            assert (answer.payload, answer.error) == (held_mb, None)
            _wait(lambda: node.node.environments.counts.environments <= 2)
            colds += "Init Duration" in answer.log
        assert 4 < colds <= 8  # some of the first had made way


def test_one_that_takes_what_is_everybodys_ends_and_no_other_that_runs(tmp_path: Path) -> None:
    with running_node(tmp_path, isolation="auto", memory_mb=300) as node, ThreadPoolExecutor() as threads:
        if node.node.isolation.tier != "A":
            pytest.skip("without control groups nobody counts what is in /tmp")
        client, sqs = node.client("lambda"), node.client("sqs")
        queue = sqs.create_queue(QueueName="q")["QueueUrl"]
        deploy(client, "modest", HOLDS + WAITS, Environment=variables(50), MemorySize=512, Timeout=300)
        deploy(client, "greedy", HOLDS, Environment=variables(1, 400), MemorySize=512, Timeout=60)
        modest = threads.submit(call, node.client("lambda", config={"read_timeout": 300}), "modest", queue)
        _wait(lambda: node.node.environments.counts.environments == 1)
        greedy = call(client, "greedy")
        assert greedy.payload["errorType"] == "Runtime.OutOfMemory"
        assert not modest.done()
        sqs.send_message(QueueUrl=queue, MessageBody="that will do")
        assert modest.result().payload == 50
