"""Every number that bounds something: quotas, defaults, retry policies. Units stand last in a name."""

from __future__ import annotations

# --- the store -------------------------------------------------------------------------------------------------------

SQLITE_PAGE_BYTES = 8192
SQLITE_MMAP_BYTES = 256 * 1024 * 1024
SQLITE_CHECKPOINT_PAGES = 2000
WRITES_PER_COMMIT_MAX = 256

POSTGRES_CONNECTIONS = 16
POSTGRES_RETRIES_MAX = 50

NODE_LEASE_S = 10.0
"""A node that did not renew for so long counts as dead; its claimed work is taken over."""

BLOB_PIECE_BYTES = 256 * 1024
BLOB_GRACE_S = 3600.0
"""An unreferenced blob younger than this is kept: somebody may just be about to name it."""

# --- telemetry -------------------------------------------------------------------------------------------------------

TELEMETRY_FLUSH_S = 0.1
NOTE_BUFFER_MAX = 50_000
"""Beyond this many unwritten notes the oldest are dropped, and a line in the node's log says how many."""
NOTE_RETENTION_S = 7 * 86_400.0

# --- the fabric ------------------------------------------------------------------------------------------------------

DELIVERIES_PER_TRANSACTION = 100
DELIVERY_DEPTH_MAX = 8
"""How many deliveries may cause one another inside one transaction before the rest goes on as a work row."""
HOPS_MAX = 16
"""AWS stops a loop between functions and queues after about sixteen rounds."""

WORK_BACKOFF_S = 1.0
WORK_BACKOFF_MAX_S = 300.0

# --- SQS -------------------------------------------------------------------------------------------------------------

SQS_MESSAGE_BYTES_MAX = 1024 * 1024
SQS_BATCH_MAX = 10
SQS_VISIBILITY_MAX_S = 43_200
SQS_RETENTION_MAX_S = 1_209_600
SQS_DELAY_MAX_S = 900
SQS_WAIT_MAX_S = 20
SQS_MESSAGE_ATTRIBUTES_MAX = 10
SQS_PURGE_PAUSE_S = 60
SQS_LIST_MAX = 1000
SQS_EXPIRY_SWEEP_S = 3600

# --- the gateway -----------------------------------------------------------------------------------------------------

HTTP_KEEP_ALIVE_S = 75
HTTP_BACKLOG = 2048
HTTP_SHUTDOWN_S = 10.0
HTTP_BODY_BYTES_MAX = 80 * 1024 * 1024
"""Of a request that is read whole: a 50 MB deployment package is 67 MB in base64."""
