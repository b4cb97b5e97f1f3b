"""DynamoDB: tables of items, their indexes, and the streams of what changed. One package, two services."""

from __future__ import annotations

from pathlib import Path

from wakeful.fabric.service import Service
from wakeful.services.dynamodb import (
    backfill,
    item_operations,
    keeping,
    policies,
    spaces,
    states,
    table_operations,
    ttl,
)
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.api import streams as streams_api

_SCHEMA = (Path(__file__).parent / "schema.sql").read_text()

service = Service(
    operations=api,
    schema=_SCHEMA,
    policy=policies.of,
    policies_changed=policies.CHANGED,
    workers=(backfill.worker, spaces.worker, states.worker, *ttl.workers, *keeping.workers),
    first=keeping.first,
)

streams = Service(operations=streams_api, schema=_SCHEMA)

__all__ = ["item_operations", "keeping", "service", "streams", "table_operations"]
