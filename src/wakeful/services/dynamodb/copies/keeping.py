"""What runs for backups, points in time, exports, imports and replicas; their operations are here once this is."""

from __future__ import annotations

from wakeful.services.dynamodb.copies import (
    backup_operations,
    backups,
    export_operations,
    exports,
    history,
    import_operations,
    imports,
    recovery,
    restoring,
)
from wakeful.services.dynamodb.regions import autoscaling_operations, global_table_operations, replicas

operations = (
    *(autoscaling_operations, backup_operations, export_operations, global_table_operations),
    import_operations,
)

workers = (
    *(history.worker, recovery.worker, restoring.worker, exports.worker, imports.worker, replicas.worker),
    *backups.workers,
)

first = recovery.first
