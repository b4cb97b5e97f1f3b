"""DynamoDB: tables of items, their indexes, and the streams of what changed. One package, two services."""

from __future__ import annotations

from pathlib import Path

from wakeful.fabric.service import Service
from wakeful.services.dynamodb import (
    item_operations,
    stream_destination_operations,
    stream_destinations,
    stream_operations,
    stream_records,
    stream_settings,
    table_operations,
)
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.api import streams as streams_api

_SCHEMA = (Path(__file__).parent / "schema.sql").read_text()

service = Service(
    operations=api,
    schema=_SCHEMA,
    stream=stream_records.TableStreams(),
    workers=(stream_settings.worker, stream_destinations.worker),
)

streams = Service(operations=streams_api, schema=_SCHEMA)

__all__ = [
    "item_operations",
    "service",
    "stream_destination_operations",
    "stream_operations",
    "streams",
    "table_operations",
]
