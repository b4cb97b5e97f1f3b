"""SIGKILL while queues are filled and emptied: what was acknowledged is there, what was deleted is not, order holds.

Who hears nothing from a killed node asks again once it is back, as AWS's clients do; a FIFO queue then has the message
once, whatever became of the first request.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from tests.crash.conftest import CRASHES
from tests.node_process import NodeProcess

VISIBILITY_S = 30
GROUPS = 4
READERS = 3
LEAST = 20
"""So many messages are acknowledged before each kill, however long that takes."""

GONE = (BotoCoreError, ClientError, ResponseParserError)


class Writer:
    """Sends 0, 1, 2 … to its group, the next one only when the one before was acknowledged."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.acknowledged = 0

    def send(self, sqs: Any, url: str) -> None:
        body = f"{self.group}:{self.acknowledged}"
        order = {"MessageGroupId": self.group, "MessageDeduplicationId": body} if url.endswith(".fifo") else {}
        sqs.send_message(QueueUrl=url, MessageBody=body, **order)
        self.acknowledged += 1


class Reader:
    """Receives and deletes. Remembers what it saw, in its order; `deleted` is what all readers were told is gone."""

    def __init__(self, deleted: set[str]) -> None:
        self.seen: list[str] = []
        self.ids: dict[str, set[str]] = defaultdict(set)
        self.deleted = deleted

    def turn(self, sqs: Any, url: str) -> bool:
        """Whether there was anything to receive."""
        gone = set(self.deleted)
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            body = message["Body"]
            assert message["MessageId"] not in gone, f"{body} was deleted, and came back"
            self.seen.append(body)
            self.ids[body].add(message["MessageId"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            self.deleted.add(message["MessageId"])
        return bool(messages)


def crash(node: NodeProcess, url: str, writers: list[Writer], readers: list[Reader]) -> None:
    """All go on, each on a thread of its own, until the node is killed in the midst of it."""
    is_over = threading.Event()
    mistakes: list[AssertionError] = []

    def go_on(turn: Callable[[Any, str], object]) -> None:
        sqs = node.client("sqs")
        try:
            while not is_over.is_set():
                turn(sqs, url)
        except GONE:
            return
        except AssertionError as mistake:
            mistakes.append(mistake)

    turns = [*(each.send for each in writers), *(each.turn for each in readers)]
    threads = [threading.Thread(target=go_on, args=(turn,)) for turn in turns]
    enough, deadline = sent(writers) + LEAST, time.monotonic() + 60
    for thread in threads:
        thread.start()
    while sent(writers) < enough:
        assert time.monotonic() < deadline, "nothing is acknowledged"
        time.sleep(0.01)
    time.sleep(random.uniform(0.1, 0.8))  # the moment of the crash is what this is about
    node.kill()
    is_over.set()
    for thread in threads:
        thread.join()
    node.start()
    assert not mistakes, mistakes
    node.advance(VISIBILITY_S + 1)


def sent(writers: list[Writer]) -> int:
    return sum(each.acknowledged for each in writers)


@pytest.mark.slow
def test_a_queue_loses_nothing_and_what_was_deleted_stays_away(node: NodeProcess, engine: str) -> None:
    node.start()
    attributes = {"VisibilityTimeout": str(VISIBILITY_S)}
    url = node.client("sqs").create_queue(QueueName="plain", Attributes=attributes)["QueueUrl"]
    writers = [Writer(f"writer-{number}") for number in range(GROUPS)]
    deleted: set[str] = set()
    readers = [Reader(deleted) for _ in range(READERS)]
    for _ in range(CRASHES):
        crash(node, url, writers, readers)
    readers.append(Reader(deleted))
    while readers[-1].turn(node.client("sqs"), url):
        pass
    seen = Counter(body for reader in readers for body in reader.seen)
    acknowledged = {f"{each.group}:{number}" for each in writers for number in range(each.acknowledged)}
    assert acknowledged - seen.keys() == set(), "acknowledged, and lost"
    assert deleted, "nothing was deleted"
    assert node.stop() == 0
    print(json.dumps({"engine": engine, "kills": CRASHES, "sent": len(acknowledged), "received": sum(seen.values())}))


@pytest.mark.slow
def test_a_fifo_queue_has_every_message_once_and_in_its_groups_order(node: NodeProcess, engine: str) -> None:
    node.start()
    attributes = {"VisibilityTimeout": str(VISIBILITY_S), "FifoQueue": "true"}
    url = node.client("sqs").create_queue(QueueName="ordered.fifo", Attributes=attributes)["QueueUrl"]
    writers, reader = [Writer(f"group-{number}") for number in range(GROUPS)], Reader(set())
    for _ in range(CRASHES):
        crash(node, url, writers, [reader])
    for writer in writers:
        writer.send(node.client("sqs"), url)  # what may have been taken unheard is taken once
    while reader.turn(node.client("sqs"), url):
        pass
    for body, identities in reader.ids.items():
        assert len(identities) == 1, f"{body} was in the queue twice"
    for writer in writers:
        numbers = [int(body.partition(":")[2]) for body in reader.seen if body.startswith(f"{writer.group}:")]
        first_seen = list(dict.fromkeys(numbers))
        assert first_seen == list(range(writer.acknowledged)), "lost, doubled or out of order"
        assert numbers == sorted(numbers), "a message overtook one that was not deleted yet"
    assert node.stop() == 0
    print(json.dumps({"engine": engine, "kills": CRASHES, "sent": [each.acknowledged for each in writers]}))
