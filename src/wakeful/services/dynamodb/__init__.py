"""DynamoDB: tables of items, their indexes, and the streams of what changed. One package, two services."""

from __future__ import annotations

from pathlib import Path

from wakeful.fabric.service import Service
from wakeful.services.dynamodb import (
    backup_operations,
    backups,
    export_operations,
    exports,
    history,
    import_operations,
    imports,
    item_operations,
    recovery,
    restoring,
    table_operations,
)
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.api import streams as streams_api

_SCHEMA = (Path(__file__).parent / "schema.sql").read_text()

service = Service(
    operations=api,
    schema=_SCHEMA,
    workers=(
        *(history.worker, *backups.workers, recovery.worker, restoring.worker),
        *(exports.worker, imports.worker),
    ),
    first=recovery.first,
)

streams = Service(operations=streams_api, schema=_SCHEMA)

__all__ = [
    "backup_operations",
    "export_operations",
    "import_operations",
    "item_operations",
    "service",
    "streams",
    "table_operations",
]
