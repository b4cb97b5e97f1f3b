"""DynamoDB: tables of items, their indexes, and the streams of what changed. One package, two services."""

from __future__ import annotations

from pathlib import Path

from wakeful import limits
from wakeful.fabric.service import Service
from wakeful.services.dynamodb import (
    batch_operations,
    item_operations,
    partiql_operations,
    query_operations,
    transact_operations,
    transactions,
)
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.api import streams as streams_api
from wakeful.services.dynamodb.copies import keeping
from wakeful.services.dynamodb.rights import needs, stream_needs
from wakeful.services.dynamodb.streams import (
    stream_destination_operations,
    stream_destinations,
    stream_operations,
    stream_records,
    stream_settings,
)
from wakeful.services.dynamodb.tables import (
    backfill,
    insights_operations,
    policies,
    policy_operations,
    spaces,
    states,
    table_operations,
    tag_operations,
    ttl,
    ttl_operations,
)
from wakeful.store.tx import Tx

_SCHEMA = (Path(__file__).parent / "schema.sql").read_text()


def _first(tx: Tx) -> None:
    transactions.first(tx)
    keeping.first(tx)


service = Service(
    operations=api,
    schema=_SCHEMA,
    stream=stream_records.TableStreams(),
    holds={
        "table": "SELECT count(*) AS n FROM dynamodb_tables",
        "table stream": "SELECT count(*) AS n FROM dynamodb_streams WHERE disabled IS NULL",
    },
    needs=needs,
    body_bytes_max=limits.DYNAMODB_REQUEST_BYTES_MAX,
    policy=policies.of,
    policies_changed=policies.CHANGED,
    workers=(
        backfill.worker,
        spaces.worker,
        states.worker,
        stream_destinations.worker,
        stream_settings.worker,
        transactions.worker,
        *ttl.workers,
        *keeping.workers,
    ),
    first=_first,
)

streams = Service(
    operations=streams_api, schema=_SCHEMA, needs=stream_needs, body_bytes_max=limits.DYNAMODB_REQUEST_BYTES_MAX
)

__all__ = [
    "batch_operations",
    "insights_operations",
    "item_operations",
    "keeping",
    "partiql_operations",
    "policy_operations",
    "query_operations",
    "service",
    "stream_destination_operations",
    "stream_operations",
    "streams",
    "table_operations",
    "tag_operations",
    "transact_operations",
    "ttl_operations",
]
