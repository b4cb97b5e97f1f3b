"""Where deliveries end in tests: queues, and a stand-in for functions that keeps what it is given."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.running_node import RunningNode
from wakeful.composition import SERVICES
from wakeful.fabric.deliver import Delivery, Refused
from wakeful.fabric.service import Operations, Service
from wakeful.store.tx import Tx


@dataclass(frozen=True)
class Sink:
    """A queue that something is delivered to."""

    sqs: Any
    url: str
    arn: str

    def messages(self) -> list[dict[str, Any]]:
        """Everything in it, which is taken out."""
        found: list[dict[str, Any]] = []
        while page := self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        ).get("Messages"):
            entries = [{"Id": str(index), "ReceiptHandle": one["ReceiptHandle"]} for index, one in enumerate(page)]
            self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
            found += page
        return found

    def bodies(self) -> list[str]:
        return [message["Body"] for message in self.messages()]

    def documents(self) -> list[Any]:
        """The bodies, which are JSON."""
        return [json.loads(body) for body in self.bodies()]

    def delete(self) -> None:
        self.sqs.delete_queue(QueueUrl=self.url)


def sink(node: RunningNode, name: str = "sink", **client: Any) -> Sink:
    sqs = node.client("sqs", **client)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return Sink(sqs, url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def _keep(tx: Tx, delivery: Delivery) -> None:
    if delivery.target_arn.endswith(":missing"):
        raise Refused("Function not found", "NO_RESOURCE")
    tx.run(
        "INSERT INTO recorder_deliveries(target, body, principal, source) VALUES (?, ?, ?, ?)",
        *(delivery.target_arn, delivery.body, delivery.principal, delivery.source_arn),
    )


functions = Service(
    operations=Operations("lambda", package="recorder"),
    schema="CREATE TABLE IF NOT EXISTS recorder_deliveries(seq INTEGER PRIMARY KEY, target TEXT NOT NULL,"
    " body TEXT NOT NULL, principal TEXT NOT NULL, source TEXT NOT NULL)",
    accept=_keep,
)
"""Stands where Lambda would: takes what is delivered to functions, and runs nothing."""

RECORDING = (*(service for service in SERVICES if service.name != "lambda"), functions)
"""The services of a node on which functions only record."""


def recorded(node: RunningNode) -> list[dict[str, Any]]:
    """What was delivered to functions, in its order."""

    def read(tx: Tx) -> list[dict[str, Any]]:
        rows = tx.all("SELECT * FROM recorder_deliveries ORDER BY seq")
        return [{column: row[column] for column in ("target", "body", "principal", "source")} for row in rows]

    return list(node.run(node.node.store.read(read)))
