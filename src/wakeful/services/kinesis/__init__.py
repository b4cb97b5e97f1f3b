"""Kinesis Data Streams: shards of records, in order."""

from __future__ import annotations

from pathlib import Path

from wakeful import limits
from wakeful.fabric.service import Service
from wakeful.services.kinesis import (
    consumer_operations,
    deliveries,
    followed,
    policies,
    policy_operations,
    record_operations,
    rights,
    setting_operations,
    shard_operations,
    stream_operations,
    sweep,
    tag_operations,
)
from wakeful.services.kinesis.api import api

service = Service(
    operations=api,
    schema=(Path(__file__).parent / "schema.sql").read_text(),
    accept=deliveries.accept,
    stream=followed.Followed(),
    holds={"data stream": "SELECT count(*) AS n FROM kinesis_streams"},
    needs=rights.needs,
    body_bytes_max=limits.KINESIS_REQUEST_BYTES_MAX,
    policy=policies.policy,
    policies_changed=policies.CHANGED,
    workers=sweep.workers,
    first=sweep.first,
)

__all__ = [
    "consumer_operations",
    "policy_operations",
    "record_operations",
    "service",
    "setting_operations",
    "shard_operations",
    "stream_operations",
    "tag_operations",
]
