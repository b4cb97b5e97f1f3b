"""DynamoDB: tables of items, their indexes, and the streams of what changed. One package, two services."""

from __future__ import annotations

from pathlib import Path

from wakeful.fabric.service import Service
from wakeful.services.dynamodb import (
    batch_operations,
    item_operations,
    table_operations,
    transact_operations,
    transactions,
)
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.api import streams as streams_api

_SCHEMA = (Path(__file__).parent / "schema.sql").read_text()

service = Service(
    operations=api,
    schema=_SCHEMA,
    workers=(transactions.worker,),
    first=transactions.first,
)

streams = Service(operations=streams_api, schema=_SCHEMA)

__all__ = ["batch_operations", "item_operations", "service", "streams", "table_operations", "transact_operations"]
