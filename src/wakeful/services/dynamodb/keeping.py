"""What runs for backups, points in time, exports, imports and replicas; their operations are here once this is."""

from __future__ import annotations

from wakeful.services.dynamodb import (
    autoscaling_operations,
    backup_operations,
    backups,
    export_operations,
    exports,
    global_table_operations,
    history,
    import_operations,
    imports,
    recovery,
    replicas,
    restoring,
)

operations = (
    *(autoscaling_operations, backup_operations, export_operations, global_table_operations),
    import_operations,
)

workers = (
    *(history.worker, recovery.worker, restoring.worker, exports.worker, imports.worker, replicas.worker),
    *backups.workers,
)

first = recovery.first
