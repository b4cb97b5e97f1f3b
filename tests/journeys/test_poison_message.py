"""A poison message, step by step: received, failed, hidden, received again, and at last buried; on both engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.functions import deploy
from tests.running_node import RunningNode, running_node

FAIL_ON_POISON = """
def handler(event, context):
    if any(record["body"] == "poison" for record in event["Records"]):
        raise ValueError("poison")
"""


@pytest.fixture
def settings(engine: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """How the node is started on the engine under test; on PostgreSQL with a database of its own."""
    if engine == "sqlite":
        return {}
    dsn = str(request.getfixturevalue("postgres_dsn"))
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("DROP DATABASE IF EXISTS poison")
        db.execute("CREATE DATABASE poison")
    return {"store": dsn.rsplit("/", 1)[0] + "/poison"}


def counts(node: RunningNode, url: str) -> tuple[int, int]:
    """(visible, hidden)"""
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = node.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
    return int(found[wanted[0]]), int(found[wanted[1]])


def runs(node: RunningNode) -> list[str]:
    found = node.run(node.node.telemetry.recent_notes(kind="run", limit=50))
    return [note.status for note in reversed(found)]


@pytest.mark.slow
def test_a_poison_message_ends_in_the_dead_letter_queue_and_the_sound_ones_go_through(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    with running_node(tmp_path / "data", **settings) as node:
        sqs = node.client("sqs")
        dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
        dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 3})
        url = sqs.create_queue(QueueName="q", Attributes={"RedrivePolicy": policy})["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        deploy(node.client("lambda"), code=FAIL_ON_POISON)
        node.client("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName="f", BatchSize=1)

        sent = sqs.send_message(QueueUrl=url, MessageBody="poison")
        sqs.send_message(QueueUrl=url, MessageBody="sound")
        node.settle()
        assert sorted(runs(node)) == ["Unhandled", "ok"]
        assert counts(node, url) == (0, 1), "the poison is hidden, the sound one is gone"

        for attempt in (2, 3):
            node.advance(31)
            assert len(runs(node)) == attempt + 1
            assert counts(node, url) == (0, 1)
            assert counts(node, dead) == (0, 0)

        node.advance(31)
        assert len(runs(node)) == 4, "a fourth receive buries it and runs nothing"
        assert counts(node, url) == (0, 0)
        (message,) = sqs.receive_message(QueueUrl=dead, AttributeNames=["All"])["Messages"]
        assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "poison")
        assert message["Attributes"]["DeadLetterQueueSourceArn"] == arn
