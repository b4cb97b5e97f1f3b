"""Shutting down: who waits is answered, what runs ends well, and nothing hangs."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.functions import deploy
from tests.node_process import NodeProcess

WORKS = """
import boto3, os, time

def handler(event, context):
    open(event["begun"], "w").close()
    while not os.path.exists(event["may_end"]):
        time.sleep(0.01)
    time.sleep(0.3)
    return boto3.client("sqs").send_message(QueueUrl=event["url"], MessageBody="done")["MessageId"]
"""


@pytest.mark.slow
def test_a_node_that_is_told_to_stop_answers_who_waits_and_lets_functions_end_their_work(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", "--isolation", "none")
    node.start()
    sqs = node.client("sqs")
    polled, done = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("polled", "done"))
    deploy(node.client("lambda"), code=WORKS, Timeout=30)
    begun, may_end = tmp_path / "begun", tmp_path / "may_end"
    event = json.dumps({"begun": str(begun), "may_end": str(may_end), "url": done})
    with ThreadPoolExecutor(2) as threads:
        poll = threads.submit(node.client("sqs").receive_message, QueueUrl=polled, WaitTimeSeconds=20)
        invocation = threads.submit(node.client("lambda").invoke, FunctionName="f", Payload=event)
        while not begun.exists():
            time.sleep(0.01)
        may_end.touch()
        assert node.stop() == 0
        assert "Messages" not in poll.result()
        answer = invocation.result()
        assert "FunctionError" not in answer, answer["Payload"].read()
    node.start()
    assert node.client("sqs").receive_message(QueueUrl=done)["Messages"][0]["Body"] == "done"
    assert node.stop() == 0
