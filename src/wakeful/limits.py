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

# --- SNS -------------------------------------------------------------------------------------------------------------

SNS_MESSAGE_BYTES = 256 * 1024  # body and attributes, where the topic's MaximumMessageSize does not say otherwise
SNS_MESSAGE_BYTES_RANGE = (1024, 1024 * 1024)  # what MaximumMessageSize may be
SNS_LARGE_MESSAGE_SUBSCRIPTIONS_MAX = 100  # of a topic that takes more than SNS_MESSAGE_BYTES
SNS_BATCH_MAX = 10
SNS_LIST_MAX = 100
SNS_SUBJECT_CHARS_MAX = 100
SNS_DISPLAY_NAME_CHARS_MAX = 100
SNS_ATTRIBUTE_NAME_BYTES_MAX = 256
SNS_RAW_ATTRIBUTES_MAX = 10  # of a message that goes to a queue as it is; "Amazon SNS raw message delivery"
SNS_GROUP_ID_CHARS_MAX = 128
SNS_TAGS_MAX = 50
SNS_CONFIRMATION_S = 2 * 86_400.0  # how long a confirmation's token is good for
SNS_FILTERS_KEPT = 10_000  # compiled filter policies in memory

# --- EventBridge -----------------------------------------------------------------------------------------------------

EVENTS_REQUEST_BYTES_MAX = 1024 * 1024  # all entries of one PutEvents
EVENTS_DETAIL_TYPE_CHARS_MAX = 128
EVENTS_BUSES_MAX = 100
EVENTS_RULES_PER_BUS_MAX = 20_000  # AWS begins with 300 and raises it when asked
EVENTS_TARGETS_PER_RULE_MAX = 5
EVENTS_POLICY_BYTES_MAX = 10 * 1024
EVENTS_TAGS_MAX = 50
EVENTS_LIST_MAX = 100
EVENTS_BUSES_KEPT = 1000  # buses whose compiled patterns are in memory
EVENTS_INPUTS_KEPT = 10_000  # compiled inputs of targets in memory
