"""SIGKILL while a data stream is written to, split and merged, and a function follows it."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.crash.conftest import CRASHES
from tests.crash.load import Load
from tests.functions import deploy
from tests.node_process import NodeProcess

pytestmark = pytest.mark.slow

FOLLOW = """
import base64, json, os

def handler(event, context):
    with open(os.environ["SEEN"], "a") as seen:
        for record in event["Records"]:
            kept = record["kinesis"]
            told = [kept["partitionKey"], int(base64.b64decode(kept["data"])), kept["sequenceNumber"]]
            seen.write(json.dumps(told) + "\\n")
"""
KEYS = 20
SHARDS_MAX = 6


def put(kinesis: Any, number: int) -> None:
    """Two records of two keys, in one call."""
    records = [{"Data": b"%d" % number, "PartitionKey": f"key {(number + each) % KEYS}"} for each in (0, 7)]
    assert kinesis.put_records(StreamName="s", Records=records)["FailedRecordCount"] == 0


def reshard(kinesis: Any, chance: random.Random) -> None:
    """Splits one of the open shards, or merges two."""
    found = kinesis.list_shards(StreamName="s", ShardFilter={"Type": "AT_LATEST"})["Shards"]
    ranges = sorted((int(each["HashKeyRange"]["StartingHashKey"]), each) for each in found)
    at = chance.randrange(len(ranges))
    (begin, shard) = ranges[at]
    if len(ranges) < SHARDS_MAX and (at == 0 or chance.random() < 0.5):
        middle = (begin + int(shard["HashKeyRange"]["EndingHashKey"])) // 2
        kinesis.split_shard(StreamName="s", ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle))
    elif at:
        before = ranges[at - 1][1]["ShardId"]
        kinesis.merge_shards(StreamName="s", ShardToMerge=before, AdjacentShardToMerge=shard["ShardId"])


def keep_resharding(node: NodeProcess, is_over: threading.Event, chance: random.Random) -> None:
    kinesis = node.client("kinesis")
    while not is_over.wait(0.02):
        try:
            reshard(kinesis, chance)
        except (BotoCoreError, ClientError):
            return  # it was killed


def records_in(kinesis: Any) -> dict[str, list[tuple[int, str]]]:
    """What the stream has of each key: data and sequence number, in their order."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for shard in kinesis.list_shards(StreamName="s")["Shards"]:
        request = {"StreamName": "s", "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        at = kinesis.get_shard_iterator(**request)["ShardIterator"]
        while at and (answer := kinesis.get_records(ShardIterator=at))["Records"]:
            for record in answer["Records"]:
                found[record["PartitionKey"]].append((int(record["Data"]), record["SequenceNumber"]))
            at = answer.get("NextShardIterator")
    return {key: sorted(each, key=lambda record: int(record[1])) for key, each in found.items()}


def test_records_that_are_put_while_shards_come_and_go_are_followed_in_order(
    tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    store = ["--store", request.getfixturevalue("database")] if engine == "postgres" else []
    node, log = NodeProcess(tmp_path / "data", "--isolation", "none", *store), tmp_path / "seen"
    node.start()
    node.client("kinesis").create_stream(StreamName="s", ShardCount=3)
    stream = node.client("kinesis").describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["StreamARN"]
    deploy(node.client("lambda"), code=FOLLOW, Timeout=30, Environment={"Variables": {"SEEN": str(log)}})
    asked = {"EventSourceArn": stream, "FunctionName": "f", "StartingPosition": "TRIM_HORIZON"}
    node.client("lambda").create_event_source_mapping(**asked, BatchSize=20, ParallelizationFactor=2)
    chance, load = random.Random(6), Load(node, "kinesis", put)
    for crash in range(CRASHES):
        is_over = threading.Event()
        resharding = threading.Thread(target=keep_resharding, args=(node, is_over, chance))
        resharding.start()
        load.run(0.2 + 0.2 * (crash % 3))
        is_over.set()
        resharding.join()
        node.start()
    records = records_in(node.client("kinesis"))
    wanted = {key: [number for number, _ in each] for key, each in records.items()}
    for numbers in wanted.values():
        assert len(numbers) == len(set(numbers)), "a record is in the stream twice"
    for number in load.acknowledged:
        assert all(number in wanted[f"key {(number + each) % KEYS}"] for each in (0, 7)), "a record was lost"

    def seen() -> dict[str, list[tuple[int, str]]]:
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for line in log.read_text().splitlines() if log.exists() else ():
            key, number, sequence = json.loads(line)
            found[key].append((number, sequence))
        return {key: list(dict.fromkeys(each)) for key, each in found.items()}

    deadline = time.monotonic() + 120
    while any(len(seen().get(key, ())) < len(each) for key, each in records.items()):
        assert time.monotonic() < deadline, "a record was not followed"
        time.sleep(0.02)
    assert seen() == records, "who follows has another order than the stream"
    shards = node.client("kinesis").list_shards(StreamName="s")["Shards"]
    assert len(shards) > 3 + CRASHES, "the shards hardly changed"
    assert node.stop() == 0
    counts = {"records": sum(map(len, records.values())), "followed": len(log.read_text().splitlines())}
    print(json.dumps({"engine": engine, "kills": CRASHES, "shards": len(shards), **counts}))
