"""What runs for backups, points in time, exports, imports and replicas; their operations are here once this is."""

from __future__ import annotations

from wakeful.services.dynamodb import (
    backup_operations,
    backups,
    export_operations,
    exports,
    history,
    import_operations,
    imports,
    recovery,
    replicas,
    restoring,
)

operations = (backup_operations, export_operations, import_operations)

workers = (
    *(history.worker, recovery.worker, restoring.worker, exports.worker, imports.worker, replicas.worker),
    *backups.workers,
)

first = recovery.first
