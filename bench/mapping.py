"""SQS to Lambda: messages a second through an event source mapping, and the time from SendMessage to the handler."""

from __future__ import annotations

import os
import time
from typing import Any

from bench import systems
from bench.subjects import Absent, make_function, or_told, quantile, zipped
from bench.systems import System

MESSAGES = int(os.environ.get("BENCH_MAPPED", "5000"))
SINGLE = 200
"""Messages that are sent one after the other, to see how long each takes to its handler."""

PATIENCE_S = 60.0
_HANDLER = b"""import time
def handler(event, context):
    now = time.time()
    for record in event["Records"]:
        if record["body"][0] != "m":
            print("took", now - float(record["body"]))
"""


def mapping() -> None:
    """Queues of messages that wait are drained by a function; then messages are sent one by one."""
    print(f"## SQS to Lambda ({MESSAGES:,} messages that wait; then {SINGLE} one by one, from send to handler)\n")
    print("| system | batch size | messages/s | handler after p50 ms | p99 ms |")
    print("|---|---|---|---|---|")
    for start in (systems.wakeful, systems.ministack):
        with or_told(start) as system:
            if system is not None:
                for size in (1, 10):
                    print(f"| {system.name} | {size} | {_line(system, size)} |", flush=True)
    print("| moto | | runs functions in Docker only | | |\n")


def _line(system: System, size: int) -> str:
    name = f"mapped-{size}"
    sqs, functions = system.client("sqs"), system.client("lambda")
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "120"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    try:
        make_function(system, name, package=zipped({"h.py": _HANDLER}))
    except Absent as absent:
        return f"{absent} | | "
    functions.invoke(FunctionName=name, Payload=b'{"Records":[]}')
    _fill(sqs, url)
    begun = time.perf_counter()
    functions.create_event_source_mapping(FunctionName=name, EventSourceArn=arn, BatchSize=size)
    left, took = _drained(sqs, url, begun)
    rate = f"{(MESSAGES - left) / took:.0f}" + (f" ({left:,} left after {took:.0f} s)" if left else "")
    if left:
        return f"{rate} | | "
    for _ in range(SINGLE):
        sqs.send_message(QueueUrl=url, MessageBody=repr(time.time()))
        time.sleep(0.02)
    times = told(system, name, SINGLE)
    if len(times) < SINGLE:
        return f"{rate} | the log has {len(times)} of {SINGLE} | "
    return f"{rate} | {quantile(times, 0.5) * 1000:.2f} | {quantile(times, 0.99) * 1000:.2f}"


def _fill(sqs: Any, url: str) -> None:
    entries = [{"Id": str(number), "MessageBody": "m" * 100} for number in range(10)]
    for _ in range(MESSAGES // 10):
        sqs.send_message_batch(QueueUrl=url, Entries=entries)


def _drained(sqs: Any, url: str, begun: float) -> tuple[int, float]:
    """How many messages are left, and how long it took."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while True:
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        left, took = sum(int(found[name]) for name in names), time.perf_counter() - begun
        if not left or took > PATIENCE_S:
            return left, took
        time.sleep(0.05)


def told(system: System, name: str, expected: int) -> list[float]:
    """What the handler has written of each message, once it is all there or the time is up."""
    logs, deadline = system.client("logs"), time.monotonic() + 10
    while True:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
        lines = [event["message"] for page in pages for event in page["events"]]
        times = [float(line.split()[1]) for line in lines if line.startswith("took ")]
        if len(times) >= expected or time.monotonic() > deadline:
            return times
        time.sleep(0.5)
