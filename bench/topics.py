"""SNS: from Publish until every subscribed queue has the message."""

from __future__ import annotations

import json
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench import systems
from bench.subjects import or_told
from bench.systems import System

SUBSCRIBERS = tuple(int(number) for number in os.environ.get("BENCH_SUBSCRIBERS", "1,10,1000").split(","))
ROUNDS = {1: 30, 10: 20}
"""How many messages are published, by the number of subscribers."""

ROUNDS_OF_MANY = 5
SETUP_S = 120.0
PATIENCE_S = 30.0
"""How long a message is waited for."""


def topics() -> None:
    """One publication at a time, to 1, 10 and 1,000 queues."""
    print("## SNS to SQS (one publication at a time; queues are asked how many messages they have, on 4 connections)\n")
    print("| system | subscribers | Publish is answered, p50 ms | every queue has it, p50 ms | deliveries/s |")
    print("|---|---|---|---|---|")
    for start in (systems.strict_wakeful, systems.ministack, systems.moto):
        with or_told(start) as system:
            if system is not None:
                for count in SUBSCRIBERS:
                    print(f"| {system.name} | {count:,} | {_line(system, count)} |", flush=True)
    print()


def _line(system: System, count: int) -> str:
    topic = system.client("sns").create_topic(Name=f"topic-{count}")["TopicArn"]
    queues = _subscribed(system, topic, count)
    if len(queues) < count:
        return f"only {len(queues):,} could be subscribed within {SETUP_S:.0f} s | | "
    answered, arrived = [], []
    sns = system.client("sns")
    with ThreadPoolExecutor(4) as askers:
        clients = [system.client("sqs") for _ in range(4)]
        for number in range(ROUNDS.get(count, ROUNDS_OF_MANY)):
            begun = time.perf_counter()
            sns.publish(TopicArn=topic, Message="m" * 100)
            answered.append(time.perf_counter() - begun)
            parts = [askers.submit(_have, client, queues[at::4], number + 1) for at, client in enumerate(clients)]
            if not all(part.result() for part in parts):
                return f"{answered[-1] * 1000:.1f} | not all of them within {PATIENCE_S:.0f} s | "
            arrived.append(time.perf_counter() - begun)
    all_have_it = statistics.median(arrived)
    return f"{statistics.median(answered) * 1000:.1f} | {all_have_it * 1000:.1f} | {count / all_have_it:.0f}"


def _subscribed(system: System, topic: str, count: int) -> list[str]:
    """The URLs of the queues that are subscribed; fewer where the time was up."""
    sqs, sns, urls = system.client("sqs"), system.client("sns"), []
    deadline = time.monotonic() + SETUP_S
    for number in range(count):
        if time.monotonic() > deadline:
            break
        url = sqs.create_queue(QueueName=f"of-{count}-{number}")["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = found["Attributes"]["QueueArn"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _policy(topic, arn)})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        urls.append(url)
    return urls


def _policy(topic: str, queue: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _have(sqs: Any, queues: list[str], number: int) -> bool:
    """Whether each of these queues has so many messages, within a bounded time."""
    deadline = time.monotonic() + PATIENCE_S
    name = "ApproximateNumberOfMessages"
    for url in queues:
        while int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]) < number:
            if time.monotonic() > deadline:
                return False
    return True
