"""Is this consumer idempotent? Puts it behind a queue, makes happen what AWS may do, and counts.

    wakeful start &
    export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
    export AWS_DEFAULT_REGION=us-east-1
    python check.py careless.py careful.py

Nothing in it is Wakeful's own but two requests: one that begins chaos, one that moves the clock.
"""

from __future__ import annotations

import io
import json
import os
import sys
import urllib.request
import uuid
import zipfile
from pathlib import Path
from typing import Any

import boto3

ORDERS = 10
CHAOS = {
    "queue": {
        "duplicate": {"rate": 0.3, "apart_s": [0, 60]},
        "delay": {"rate": 0.5, "s": [0, 30]},
        "reorder": {"rate": 0.5, "window": 10},
        "redeliver": {"rate": 0.2},
    },
    "mapping": {"duplicate": {"rate": 0.2}, "fail": {"rate": 0.1}, "crash": {"rate": 0.1, "times": 2}},
}


def node(path: str, document: dict[str, Any]) -> dict[str, Any]:
    """What the node answers to POST /_wakeful/{path}."""
    url = f"{os.environ['AWS_ENDPOINT_URL']}/_wakeful/{path}"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(document).encode())) as response:
        return dict(json.load(response))


def charges(consumer: Path, seed: int = 7) -> int:
    """How many charges the consumer made for `ORDERS` orders."""
    name = f"{consumer.stem}-{uuid.uuid4().hex[:8]}"
    s3, sqs, functions = boto3.client("s3"), boto3.client("sqs"), boto3.client("lambda")
    s3.create_bucket(Bucket=name)
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    functions.create_function(
        FunctionName=name,
        Runtime=f"python3.{sys.version_info.minor}",
        Role="arn:aws:iam::000000000000:role/function",
        Handler="index.handler",
        Timeout=30,
        Code={"ZipFile": package(consumer)},
        Environment={"Variables": {"BUCKET": name}},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    mapping = functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name, BatchSize=5)["UUID"]
    for target, faults in ((queue, CHAOS["queue"]), (mapping, CHAOS["mapping"])):
        node("chaos", {"target": target, "faults": faults, "seed": seed, "for_s": 600})
    orders = [{"Id": str(n), "MessageBody": json.dumps({"id": n})} for n in range(ORDERS)]
    sqs.send_message_batch(QueueUrl=queue, Entries=orders)
    node("clock", {"advance_s": 1200})
    made = s3.list_objects_v2(Bucket=name, Prefix="charges/").get("Contents", [])
    bodies = [json.loads(s3.get_object(Bucket=name, Key=each["Key"])["Body"].read())["id"] for each in made]
    assert set(bodies) == set(range(ORDERS)), "an order was not charged at all"
    functions.delete_event_source_mapping(UUID=mapping)
    return len(made)


def package(consumer: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(consumer, "index.py")
    return packed.getvalue()


if __name__ == "__main__":
    worst = 0
    for consumer in map(Path, sys.argv[1:]):
        count = charges(consumer)
        worst = max(worst, count - ORDERS)
        print(f"{consumer.name}: {ORDERS} orders, {count} charges")
    sys.exit(worst > 0)
