"""Streams on PostgreSQL: what many put at once while shards come and go is all there, and in order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.running_node import running_node
from tests.services.kinesis.conftest import data_of, made, open_shards, refusal, shards_of


@pytest.mark.slow
def test_whoever_puts_while_a_stream_is_resized_loses_nothing_and_keeps_order(
    tmp_path: Path, postgres_dsn: str
) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as admin:
        admin.execute("CREATE DATABASE streams")
    store = postgres_dsn.rpartition("/")[0] + "/streams"
    with running_node(tmp_path / "data", store=store, rehearse=False) as node:
        kinesis = node.client("kinesis")
        name = made(kinesis, "busy", 2)

        def put(key: str) -> None:
            for at in range(0, 60, 3):
                entries = [{"Data": f"{key}{at + each}".encode(), "PartitionKey": key} for each in range(3)]
                answer: dict[str, Any] = kinesis.put_records(StreamName=name, Records=entries)
                assert answer["FailedRecordCount"] == 0

        with ThreadPoolExecutor(6) as threads:
            putting = [threads.submit(put, key) for key in "abcde"]
            for target in (4, 3, 6, 4):
                kinesis.update_shard_count(StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
            for each in putting:
                each.result()
        assert len(open_shards(kinesis, name)) == 4
        read: dict[str, list[int]] = {}
        for shard in shards_of(kinesis, name):
            for data in data_of(kinesis, name, shard["ShardId"]):
                read.setdefault(chr(data[0]), []).append(int(data[1:]))
        assert read == {key: list(range(60)) for key in "abcde"}
        nobody = "arn:aws:kinesis:us-east-1:000000000000:stream/a\0b"  # a name that PostgreSQL cannot be asked for
        for call, request in (
            (kinesis.describe_stream, {"StreamARN": nobody}),
            (kinesis.delete_stream, {"StreamARN": nobody}),
            (kinesis.tag_resource, {"ResourceARN": nobody, "Tags": {"a": "b"}}),
            (kinesis.put_resource_policy, {"ResourceARN": nobody, "Policy": "{}"}),
            (
                kinesis.describe_stream_consumer,
                {"ConsumerARN": "arn:aws\0:kinesis:us-east-1:000000000000:stream/a/consumer/c:1"},
            ),
        ):
            assert refusal(call, **request)[0] == "ResourceNotFoundException"
