"""Lambda's bounds: quotas, defaults, retry policies."""

from __future__ import annotations

# --- Lambda ----------------------------------------------------------------------------------------------------------

LAMBDA_TIMEOUT_MAX_S = 900
LAMBDA_MEMORY_DEFAULT_MB = 128
LAMBDA_MEMORY_MAX_MB = 10_240
LAMBDA_VARIABLES_BYTES_MAX = 4096
LAMBDA_SYNCHRONOUS_BYTES_MAX = 6 * 1024 * 1024
LAMBDA_STREAM_METADATA_BYTES_MAX = 256 * 1024  # status and headers before a streamed body
LAMBDA_STREAM_UNREAD_BYTES = 256 * 1024
"""Of a streamed response that its caller has not read; from there on the function waits."""
LAMBDA_EVENT_BYTES_MAX = 1024 * 1024
LAMBDA_INVOKE_ASYNC_BYTES_MAX = 256 * 1024  # what the older operation takes of an event
LAMBDA_UPLOAD_BYTES_MAX = 50 * 1024 * 1024
LAMBDA_UNZIPPED_BYTES_MAX = 250 * 1024 * 1024
LAMBDA_PACKAGE_FILES_MAX = 262_144  # and folders: each is a file on the disk, however small
LAMBDA_POLICY_BYTES_MAX = 20 * 1024
LAMBDA_LIST_MAX = 50
LAMBDA_TAGS_MAX = 50
LAMBDA_NAME_CHARS_MAX = 64
LAMBDA_REQUEST_BYTES_MAX = 70_167_211  # of CreateFunction and its like, with the package in base64
LAMBDA_LAYERS_MAX = 5
LAMBDA_UNRESERVED_CONCURRENCY_MIN = 100
LAMBDA_STORAGE_BYTES_MAX = 75 * 1024**3
LAMBDA_MAPPINGS_LIST_MAX = 100
LAMBDA_CODE_LINK_S = 600
LAMBDA_LOG_TAIL_BYTES = 4096

LAMBDA_EVENT_RETRIES_MAX = 2
LAMBDA_EVENT_RETRY_DELAYS_S = (60.0, 120.0)
"""After the first and the second failure of the function itself."""
LAMBDA_EVENT_AGE_MAX_S = 6 * 3600.0
LAMBDA_THROTTLE_BACKOFF_S = 1.0
LAMBDA_THROTTLE_BACKOFF_MAX_S = 300.0
LAMBDA_EVENT_SLOTS = 16
"""How many events run at a time while that keeps the processors busy; else up to CONCURRENT_EXECUTIONS_MAX."""
LAMBDA_RECORD_SLOTS = 16  # records of events on their way into buckets
LAMBDA_SNAPSHOT_SLOTS = 8
"""How many published versions with SnapStart run their INIT at once; each may take as long as its timeout."""
LAMBDA_LAYER_VERSION_MAX = (1 << 63) - 1  # an ARN can name more than a row can have
LAMBDA_SIGNATURE_BYTES_MAX = 1024 * 1024
LAMBDA_SIGNATURE_CERTIFICATES_MAX = 16
DER_OBJECT_ID_BYTES_MAX = 64
DER_DEPTH_MAX = 32  # values of indefinite length within one another, in a package's signature
LAMBDA_CODE_SIGNING_LIST_MAX = 10_000
LAMBDA_RECURSION_MAX = 16  # an event may come to one function so often before that is a loop
LAMBDA_PENDING_PATIENCE_S = 30.0
"""How long an invocation waits for a function that is still being made."""

# --- event source mappings ("Configuring scaling behavior for SQS event source mappings") ----------------------------

LAMBDA_MAPPING_CONCURRENCY = 5
"""How many batches of one queue a mapping has in work at once when it begins."""
LAMBDA_MAPPING_CONCURRENCY_MIN = 2  # below which failures do not bring it
LAMBDA_MAPPING_CONCURRENCY_MAX = 1250
LAMBDA_MAPPING_GROWTH_PER_S = 300 / 60  # while it has as many in work as it may, and there is more
LAMBDA_MAPPING_SHRINK_SHARE = 0.1  # of its concurrency, at every batch that fails or is throttled
LAMBDA_MAPPING_SHRINK_PAUSE_S = 1.0  # so long after a failure it does not grow
LAMBDA_POLLERS_MIN = 2
LAMBDA_POLLERS_MAX = 10_000
LAMBDA_POLLERS_DEFAULT_MAX = 200
LAMBDA_POLLER_CONCURRENCY = 10  # batches that one provisioned poller has in work at once
LAMBDA_POLLERS_GROWTH_PER_S = 1000 / 60
LAMBDA_MAPPING_THROTTLE_BACKOFF_S = 0.1  # doubling
LAMBDA_MAPPING_THROTTLE_BACKOFF_MAX_S = 10.0
LAMBDA_MAPPING_PATIENCE_S = 10.0
"""How long a change waits for the one before it to be complete, before it is refused as AWS does at once."""
LAMBDA_SETTLE_PATIENCE_S = 30.0  # with a store that fails when a batch has run
LAMBDA_MAPPING_FILTERS_MAX = 5
LAMBDA_MAPPINGS_CLAIMED = 50  # in one transaction
LAMBDA_BATCHES_AT_ONCE = 10  # of one mapping, taken in one transaction
LAMBDA_BATCH_MAX = 10_000
LAMBDA_BATCH_WITHOUT_WINDOW_MAX = 10
LAMBDA_WINDOW_MAX_S = 300
LAMBDA_STREAM_BACKOFF_S = 0.1  # doubling, after a batch of a stream has failed
LAMBDA_STREAM_BACKOFF_MAX_S = 30.0
LAMBDA_STREAM_SCANNED = 1000  # entries of one lane that are looked at before others have their turn
LAMBDA_STREAM_SCANNED_BYTES = 4 * 1024 * 1024
LAMBDA_STREAM_LOOKED_BYTES = 16 * 1024 * 1024  # of all lanes together, before what was read is looked at
LAMBDA_STREAM_SKIPPED = 1000
"""Entries that nobody wants, and a lane went by, until that is written down."""
LAMBDA_RECORD_AGE_MIN_S = 60
LAMBDA_RECORD_AGE_MAX_S = 604_800
LAMBDA_WINDOW_STATE_BYTES_MAX = 1024 * 1024  # of a tumbling window
LAMBDA_TUMBLING_GRACE_S = 1.0  # after a window's end, for what is being written in that moment
LAMBDA_CREDENTIALS_S = 12 * 3600.0
LAMBDA_TRIAL_S = 1200.0
"""Code that is tried on past events is gone so long after it was last used, unless whoever tried it took it away."""
LAMBDA_TRIALS_MAX = 20  # of an account
LAMBDA_LOG_WAITING_MAX = 10_000
"""Lines of one environment that wait until its log stream is there; of more, the latest."""

# --- Lambda Managed Instances ("Lambda quotas") ----------------------------------------------------------------------

LAMBDA_CAPACITY_PROVIDERS_MAX = 1000
LAMBDA_CAPACITY_PROVIDER_VERSIONS_MAX = 100
LAMBDA_CAPACITY_VCPUS = 400
"""What a capacity provider may have unless it says otherwise."""
LAMBDA_MANAGED_MEMORY_MIN_MB = 2048
LAMBDA_MANAGED_MEMORY_MAX_MB = 32_768
LAMBDA_MANAGED_TIMEOUT_MAX_S = 5400
LAMBDA_MANAGED_ENVIRONMENTS = 1
"""Environments of a version that stand ready unless it says otherwise. On AWS three, one in each availability zone."""
LAMBDA_MANAGED_SLOTS = 4
"""How many versions with a capacity provider have their environments started at once."""

# --- Lambda durable functions ("Lambda quotas", and the model's own figures) ------------------------------------------

LAMBDA_DURABLE_PAYLOAD_BYTES_MAX = 1024 * 1024
"""Of an operation's payload, and of the result of an execution that nobody waits for."""
LAMBDA_DURABLE_ERROR_BYTES_MAX = 1024 * 1024
LAMBDA_DURABLE_OPERATIONS_MAX = 3000
"""Of one execution."""
LAMBDA_DURABLE_STORAGE_BYTES_MAX = 100 * 1024 * 1024
"""That the checkpoints of one execution may write."""
LAMBDA_DURABLE_RUNNING_MAX = 1_000_000
"""Executions of an account in a region that are not over."""
LAMBDA_DURABLE_PAGE_BYTES_MAX = 5 * 1024 * 1024
"""Of operations in one page of state, the first of which comes with the invocation; or of events in one of history."""
LAMBDA_DURABLE_OPERATION_BYTES = 128
"""Of an operation in a page, beside what it holds."""
LAMBDA_DURABLE_PAGE_DEFAULT = 100
LAMBDA_DURABLE_PAGE_MAX = 1000
LAMBDA_DURABLE_SYNCHRONOUS_S_MAX = 900
LAMBDA_DURABLE_PAUSED_S_MAX = 366 * 24 * 3600
"""From its start, an execution whose timeout is paused times out all the same."""
LAMBDA_DURABLE_RETENTION_DAYS = 14
"""Where the function does not say how long what is over is kept."""
LAMBDA_DURABLE_FAILURES_MAX = 5
"""Invocations in a row that crash or time out until the execution fails."""
LAMBDA_DURABLE_PENDING_MAX = 3
"""Invocations in a row that answer PENDING with nothing to wait for."""
LAMBDA_DURABLE_RETRY_S = 5.0
LAMBDA_DURABLE_IDEMPOTENCY_S = 900.0
"""How long a client token of a pause or resume is remembered."""
LAMBDA_DURABLE_SLOTS = 256
"""Invocations of durable executions at once; Lambda's concurrency bounds them too."""
LAMBDA_DURABLE_TIMER_SLOTS = 16
