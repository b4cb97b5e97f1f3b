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

CACHE_ENTRIES_MAX = 10_000
"""For each wake they hang on; when full, all of them are forgotten."""

BLOB_PIECE_BYTES = 256 * 1024
BLOB_GRACE_S = 3600.0
"""An unreferenced blob younger than this is kept: somebody may just be about to name it."""

# --- the wire: what a request may make us do before we know whose it is ----------------------------------------------

FORM_FIELDS_MAX = (
    10_000  # fields of one form or query string; a batch of ten SQS messages with attributes has about 700
)
FORM_DEPTH_MAX = 32  # dots in the name of a form field
LIST_INDEX_DIGITS_MAX = 10  # digits of N in "member.N"; only the order matters, but it must be a number
XML_TAGS_MAX = 500_000  # "<" in an XML body; CompleteMultipartUpload with 10,000 parts and two checksums has 100,000

PATTERN_TEXT_MAX = 4_096  # characters of a value that is matched against a pattern, where the model sets no length
SHOWN_VALUE_MAX = 1_024  # characters of a value that a validation error repeats
VALIDATION_ERRORS_MAX = 10  # violations that one validation error tells of; it counts them all
HASHED_ON_LOOP_BYTES_MAX = 131_072  # a body that is hashed in passing: 0.1 ms; larger ones are hashed in a thread
PRESIGNED_S_MAX = 604_800  # a presigned request is good for a week at most
SCOPES_CACHED_MAX = 1_024  # parsed Authorization headers that are kept; one per client, day, and set of signed headers
SIGNATURE_SKEW_S_MAX = 900  # how far a client's clock may be off
SIGNING_KEYS_CACHED_MAX = 1_024  # derived keys that are kept; one per secret, day, region and service
CHUNK_LINE_BYTES_MAX = 4_096  # a line of the aws-chunked framing: a size with its signature, or a trailer
TRAILERS_MAX = 16  # fields after an aws-chunked body

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

SWEEP_S = 3600.0
"""How often things that only get old are looked at."""
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

# --- S3 --------------------------------------------------------------------------------------------------------------

S3_BUCKETS_MAX = 10_000  # of one account; "Amazon S3 bucket quotas"
S3_BUCKETS_LIST_MAX = 10_000
S3_KEY_BYTES_MAX = 1024
S3_PUT_BYTES_MAX = 5 * 1024**3  # of an object put at once, of a part, and of what is copied at once
S3_PART_BYTES_MIN = 5 * 1024**2  # of every part but the last
S3_PART_NUMBER_MAX = 10_000
S3_METADATA_BYTES_MAX = 2048  # names and values of x-amz-meta-…
S3_POLICY_BYTES_MAX = 20 * 1024
S3_OBJECT_TAGS_MAX = 10
S3_BUCKET_TAGS_MAX = 50
S3_TAG_KEY_CHARS_MAX = 128
S3_TAG_VALUE_CHARS_MAX = 256
S3_NOTIFICATIONS_MAX = 100
S3_CONFIGURATIONS_CACHED_MAX = 1024  # notification configurations whose rules are kept ready
S3_SEQUENCE_SLOTS = 64  # sequencers of one bucket; writers of keys in different slots do not wait for one another
S3_LIST_MAX = 1000
S3_LIST_ROWS_MIN = 32  # rows a listing reads at a time where most of what it would read is behind a common prefix
S3_DELETE_MAX = 1000
S3_DELETES_PER_TRANSACTION = 100
S3_DISCARD_BATCH = 200  # parts of a multipart upload that are let go in one transaction

# --- the gateway -----------------------------------------------------------------------------------------------------

HTTP_KEEP_ALIVE_S = 75
HTTP_BACKLOG = 2048
HTTP_SHUTDOWN_S = 10.0
HTTP_BODY_BYTES_MAX = 80 * 1024 * 1024
"""Of a request that is read whole: a 50 MB deployment package is 67 MB in base64."""

# --- Lambda ----------------------------------------------------------------------------------------------------------

LAMBDA_TIMEOUT_MAX_S = 900
LAMBDA_MEMORY_MAX_MB = 10_240
LAMBDA_VARIABLES_BYTES_MAX = 4096
LAMBDA_SYNCHRONOUS_BYTES_MAX = 6 * 1024 * 1024
LAMBDA_EVENT_BYTES_MAX = 1024 * 1024
LAMBDA_UPLOAD_BYTES_MAX = 50 * 1024 * 1024
LAMBDA_UNZIPPED_BYTES_MAX = 250 * 1024 * 1024
LAMBDA_POLICY_BYTES_MAX = 20 * 1024
LAMBDA_LIST_MAX = 50
LAMBDA_MAPPINGS_LIST_MAX = 100
LAMBDA_LOG_TAIL_BYTES = 4096

LAMBDA_EVENT_RETRIES_MAX = 2
LAMBDA_EVENT_RETRY_DELAYS_S = (60.0, 120.0)
"""After the first and the second failure of the function itself."""
LAMBDA_EVENT_AGE_MAX_S = 6 * 3600.0
LAMBDA_THROTTLE_BACKOFF_S = 1.0
LAMBDA_THROTTLE_BACKOFF_MAX_S = 300.0
LAMBDA_EVENT_SLOTS = 256
LAMBDA_PENDING_PATIENCE_S = 30.0
"""How long an invocation waits for a function that is still being made."""

LAMBDA_MAPPING_CONCURRENCY = 5
"""How many batches of one queue a mapping has in work at once, unless its ScalingConfig says otherwise."""
LAMBDA_BATCH_MAX = 10_000
LAMBDA_BATCH_WITHOUT_WINDOW_MAX = 10
LAMBDA_WINDOW_MAX_S = 300
LAMBDA_CREDENTIALS_S = 12 * 3600.0

# --- fabric: event patterns, filter policies, input transformers, schedules, policies ---------------------------------

EVENT_PATTERN_CHARS_MAX = 2048  # of a rule's event pattern; "Amazon EventBridge quotas"
EVENT_PATTERN_COMBINATIONS_MAX = 1000  # rules that the `$or`s of one pattern may stand for
EVENT_PATTERN_COMPLEXITY_MAX = 10  # wildcard prefixes that one value may match at a time
EVENT_PATTERN_DEPTH_MAX = 100  # levels of nesting; ours, so that no pattern exhausts the stack
EVENT_PATTERN_NUMBER_MAX = 5_000_000_000  # the largest number, either sign, that `numeric` compares
EVENT_PATTERN_DECIMALS_MAX = 6  # digits right of the decimal point that `numeric` compares

FILTER_POLICY_KEYS_MAX = 5  # top-level keys; "Filter policy constraints in Amazon SNS"
FILTER_POLICY_COMBINATIONS_MAX = 150  # the product of value counts and depths
FILTER_POLICY_BYTES_MAX = 256 * 1024
FILTER_POLICY_NUMBER_MAX = 1_000_000_000
FILTER_POLICY_DECIMALS_MAX = 5
