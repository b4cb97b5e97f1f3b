"""Every number that bounds something: quotas, defaults, retry policies. Units stand last in a name."""

from __future__ import annotations

# --- the store -------------------------------------------------------------------------------------------------------

SQLITE_PAGE_BYTES = 8192
SQLITE_MMAP_BYTES = 256 * 1024 * 1024
SQLITE_CHECKPOINT_PAGES = 2000
WRITES_PER_COMMIT_MAX = 256

POSTGRES_CONNECTIONS = 16
POSTGRES_RETRIES_MAX = 50
POSTGRES_CONNECT_S = 5
POSTGRES_PAUSE_S = 0.5
"""Between two attempts to hear wakes again from a server that went away."""

NODE_LEASE_S = 10.0
"""A node that did not renew for so long counts as dead; its claimed work is taken over."""

COLLECTION_THRESHOLD = 10_000
"""Objects made since the last collection of garbage before there is another."""

CACHE_ENTRIES_MAX = 10_000
"""For each wake they hang on; when full, all of them are forgotten."""

BLOB_PIECE_BYTES = 256 * 1024
BLOB_GRACE_S = 3600.0
"""An unreferenced blob younger than this is kept: somebody may just be about to name it."""

# --- the wire: what a request may make us do before we know whose it is ----------------------------------------------

ROUTES_KNOWN_MAX = 1024  # of one service: paths whose operation is remembered
ROUTES_KNOWN_PATH_MAX = 512  # characters of such a path
FORM_FIELDS_MAX = (
    10_000  # fields of one form or query string; a batch of ten SQS messages with attributes has about 700
)
FORM_DEPTH_MAX = 32  # dots in the name of a form field
LIST_INDEX_DIGITS_MAX = 10  # digits of N in "member.N"; only the order matters, but it must be a number
UNPACKED_BYTES_MAX = 8 * 1024 * 1024  # of a body that came compressed
UNPACKED_FORM_BYTES_MAX = 1024 * 1024  # of a form, which is unpacked before anybody knows whose it is
GZIP_MEMBERS_MAX = 64  # compressed pieces that such a body may be made of; each costs a copy of what follows it
XML_TAGS_MAX = 500_000  # "<" in an XML body; CompleteMultipartUpload with 10,000 parts and two checksums has 100,000

PATTERN_TEXT_MAX = 4_096  # characters of a value that is matched against a pattern, where the model sets no length
SHOWN_VALUE_MAX = 1_024  # characters of a value that a validation error repeats
VALIDATION_ERRORS_MAX = 10  # violations that one validation error tells of; it counts them all

HASHED_AT_ONCE_BYTES_MAX = 262_144  # of a body, 0.15 ms, before others have their turn
PRESIGNED_S_MAX = 604_800  # a presigned request is good for a week at most
SCOPES_CACHED_MAX = 1_024  # parsed Authorization headers that are kept; one per client, day, and set of signed headers
SIGNATURE_SKEW_S_MAX = 900  # how far a client's clock may be off
SIGNING_KEYS_CACHED_MAX = 1_024  # derived keys that are kept; one per secret, day, region and service
CHUNK_LINE_BYTES_MAX = 4_096  # a line of the aws-chunked framing: a size with its signature, or a trailer
TRAILERS_MAX = 16  # fields after an aws-chunked body
EVENT_ERROR_CHARS_MAX = 4_096  # of the message of an error that ends an event stream; a header holds 32,767 bytes

# --- telemetry -------------------------------------------------------------------------------------------------------

TELEMETRY_FLUSH_S = 0.1
NOTE_BUFFER_MAX = 50_000
"""Beyond this many unwritten notes the oldest are dropped, and a line in the node's log says how many."""
LOG_BUFFER_BYTES_MAX = 32 * 1024 * 1024
"""Of unwritten log events, and of those that are being written. Beyond, functions wait with what they print."""
LOG_EVENT_MEMORY_BYTES = 128  # what an event takes in memory beside its text
LOG_BUFFER_EVENTS_MAX = 200_000
"""Beyond this many unwritten log events further ones are dropped, and a line in the node's log says how many."""
TELEMETRY_PAUSE_S = 1.0
"""Before what could not be written is tried again."""
TELEMETRY_TRIES_MAX = 60
"""What could not be written so often is dropped, lest one note that nobody can write holds up all others."""
NOTE_RETENTION_S = 7 * 86_400.0
NOTES_MAX = 1_000_000  # that are kept; 0.7 KB each
NOTES_SWEEP_S = 600.0

# --- metrics: what was measured, and CloudWatch ----------------------------------------------------------------------

METRIC_RETENTION = ((1, 3 * 3600.0), (60, 15 * 86_400.0), (300, 63 * 86_400.0), (3600, 455 * 86_400.0))
"""How long a point is (seconds), and how long it is kept before it is part of a longer one; "GetMetricStatistics"."""
METRIC_BUFFER_MAX = 100_000
"""Beyond this many unwritten measurements further ones are dropped, and a line in the node's log says how many."""
METRIC_ADD_UP_S = 1.0  # how often what was written is added to the points of metrics, if nobody asks for them before
METRIC_BATCHES_AT_ONCE = 20
METRIC_BUCKETS_MAX = 4096  # of one point; enough for values from one to the 17th power of ten
METRIC_BATCH_POINTS = 500  # after which a batch ends, so that adding up some of them keeps no other writer waiting
METRIC_FAMILIES_KEPT = 4096  # sets of dimensions that are kept ready in memory
METRICS_MAX = 100_000  # of one account; ours: on AWS every one of them is billed
METRIC_ROLL_UP_BATCH = 1000  # points of each length that become part of longer ones in one transaction
METRIC_SWEEP_S = 3600.0
METRIC_AGE_MAX_S = 14 * 86_400.0  # of what PutMetricData and log lines tell
METRIC_AHEAD_MAX_S = 2 * 3600.0
METRIC_VALUE_MAX = 2.0**360
METRIC_VALUE_MIN = 2.0**-360  # the least above zero
METRIC_DIMENSIONS_MAX = 30
METRIC_VALUES_MAX = 150  # different values of one metric in PutMetricData
METRICS_PER_LINE_MAX = 100  # of one directive of a log line; "Specification: Embedded metric format"
METRIC_VALUES_PER_LINE_MAX = 100
METRIC_TEXT_PER_LINE_MAX = 262_144  # characters of dimensions that a log line may come to, once for each metric; ours
METRIC_POINT_TEXT = 64  # characters that a metric's point takes beside its dimensions
METRICS_PER_PUT_MAX = 1000
METRICS_PUT_AT_ONCE = 20  # of them, with up to 150 values each, before others have their turn
METRICS_LISTED_MAX = 500
METRICS_LISTED_S = 14 * 86_400.0  # ListMetrics tells of what had a point since
METRICS_RECENT_S = 3 * 3600.0
METRIC_STATISTICS_POINTS_MAX = 1440  # of one GetMetricStatistics
METRIC_QUERIES_MAX = 500  # of one GetMetricData
METRIC_DATA_POINTS_MAX = 100_800
METRIC_MATH_STEPS_MAX = 2_000_000  # steps that the expressions of one request look at; ours
METRIC_SERIES_MAX = 10_000  # that one request is answered with, and that an array of metric math has; ours
METRIC_READ_STEP_S = 2000 * 60  # of a metric's points that are read before others have their turn
METRIC_MATH_DEPTH_MAX = 32  # parentheses and functions within one another; ours

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
WORK_STALLED_S = 0.25
"""After so long without an end a worker whose slots are all taken gets more, if it may have more."""
WORK_AHEAD = 3
"""How many times its slots a worker that may have more has in hand: some claimed ahead, some being written."""
WORK_LOOK_S = 0.1
"""How often a worker whose slots are all taken looks whether the processors are idle."""
WORK_IDLE_SHARE = 0.4
"""With so much of the processors idle, and of the node itself, more at a time gets more done."""
CLOCK_GENERATIONS = 3 * HOPS_MAX
"""Moving the clock waits for what causes one another so deep: each hop is a row put, claimed, and carried out."""
STORE_PATIENCE_MAX_S = 10.0
"""The longest pause before asking again a store that has failed: a full disk, a database that is being restarted."""

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
SQS_REDRIVE_SOURCES_MAX = 10  # queues that a RedriveAllowPolicy names
SQS_TAGS_MAX = 50
SQS_DEDUPLICATION_S = 300
SQS_MOVE_RATE_MAX = 500  # messages a second that a move task may be told to move
SQS_MOVED_AT_ONCE = 500  # messages that a move task without a rate moves in one transaction
SQS_MOVE_S_MAX = 36 * 3600
SQS_MOVES_LISTED_MAX = 10  # the latest tasks of a queue that are kept and listed

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

# --- fair shares of the event loop -----------------------------------------------------------------------------------

LOOP_SHARE = 0.4  # of the loop's time, for all functions together that want more than there is, while others want some
LOOP_FREE_S = 0.005  # what a function may have at once before anybody counts
LOOP_PAUSE_MIN_S = 0.0001  # a shorter one is none
DOOR_PAUSE_S = 0.01  # until a tenant's connections are looked at again that there was no room for
LOOP_CONNECTION_S = 0.0001  # what a connection costs beside what is said on it
LOOP_DEBT_MAX_S = 1.0  # of which it is remembered that it was had
LOOP_WANTED_S = 0.25  # who has asked for nothing for so long does not count as wanting
LOOP_SHARES_MAX = 4096  # tenants that are counted; of more, those who want nothing are forgotten
OUTPUT_COST = 3  # times what reading a line costs on the loop: it is also stored, on a thread that the loop waits for

# --- the gateway -----------------------------------------------------------------------------------------------------

OPEN_FILES_MIN = 512
"""Fewer than a node may open, and it does not start: it takes about thirty, four each environment, one each client."""
HTTP_KEEP_ALIVE_S = 75
HTTP_BACKLOG = 2048
HTTP_SHUTDOWN_S = 10.0
HTTP_HEAD_BYTES_MAX = 256 * 1024  # of a request's head, of its trailer, and between two pieces of its body
HTTP_HEAD_S = 30.0  # from the first byte of a request to the end of its head
HTTP_SILENCE_S = 60.0  # between two pieces of a request's body
HTTP_PIPELINE_MAX = 32  # requests of one connection that wait behind one that is being answered
HTTP_CONNECTIONS_MAX = 8192  # from outside; and never more than half of the files that the node may open
HTTP_SANDBOX_CONNECTIONS_MAX = 256  # of one sandbox
HTTP_BODY_BYTES_MAX = 80 * 1024 * 1024
"""Of a request that is read whole: a 50 MB deployment package is 67 MB in base64."""

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
LAMBDA_UPLOAD_BYTES_MAX = 50 * 1024 * 1024
LAMBDA_UNZIPPED_BYTES_MAX = 250 * 1024 * 1024
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
LAMBDA_PENDING_PATIENCE_S = 30.0
"""How long an invocation waits for a function that is still being made."""

LAMBDA_MAPPING_CONCURRENCY = 5
"""How many batches of one queue a mapping has in work at once, unless its ScalingConfig says otherwise."""
LAMBDA_BATCH_MAX = 10_000
LAMBDA_BATCH_WITHOUT_WINDOW_MAX = 10
LAMBDA_WINDOW_MAX_S = 300
LAMBDA_CREDENTIALS_S = 12 * 3600.0
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

# --- fabric: event patterns, filter policies, input transformers, schedules, policies --------------------------------

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

# --- environments: the launcher and its sandboxes --------------------------------------------------------------------

CELLS_WAITING = 2
"""Pre-started sandboxes of each runtime that somebody has made a function for."""
CELLS_WAITING_FORKED = 8
"""The same where they are forked from one process, and hold little of their own."""
CELL_SIZES_MAX = 2
"""Sizes of memory for which cells of a runtime wait where a cell is fit for one only, as a JVM is; the latest count."""
WAITING_CELLS_MAX = 64
"""Of one runtime; each costs some megabytes."""
RUNTIMES_KNOWN_MAX = 64
"""Kinds of cells that the launcher remembers, when none of them waits; a JVM is of one kind for each size of memory."""

LAUNCHER_LIFE_MIN_S = 1.0
"""A launcher that ends before has failed, rather than been killed."""

LAUNCHER_RESTARTS_MAX = 3
"""After so many failures in a row, no sandbox can be had until the node is started again."""

STARTS_PER_PROCESSOR = 8  # environments that start at a time, and are not long in it
START_YOUNG_S = 2.0
SANDBOX_STARTS_AT_ONCE = 32  # on their way to be ready; further ones wait for them
ATTACK_TIME_MAX_S = 10.0
"""For the attack on one sandbox at the start of the node; it takes a few hundredths of that."""

# --- environments: where functions run -------------------------------------------------------------------------------

RESPONSE_BYTES_MAX = 6_291_556  # a buffered response, and an error; AWS's own number in its message
STREAMED_RESPONSE_BYTES_MAX = 200 * 1024 * 1024  # a streamed response ("Response streaming for Lambda functions")
RUNTIME_HEAD_BYTES_MAX = 1_200_000  # head of one Runtime API request; an X-Ray cause may fill 1 MiB of it
RUNTIME_UNREAD_BYTES_MAX = 65_536  # answers of its Runtime API that a runtime has not read when it asks for the next
RUNTIME_KEPT_BYTES_MAX = 2 * RESPONSE_BYTES_MAX  # of one environment: bodies begun, and events sent and not read
RUNTIME_PIPELINE_MAX = 32  # requests to its Runtime API that a runtime sends without waiting for an answer
RUNTIME_CONNECTIONS_MAX = 64  # connections of one environment to its Runtime API at a time
SHARED_CONNECTIONS_PER_SLOT = 4  # of one that takes several invocations at a time, beside those, for each of them
SHARED_INIT_TIMEOUT_S = 130.0  # its INIT; the function's own timeout where that is longer
SHARED_LATE_MAX = 10_000  # its invocations that have timed out and whose answers are still to come, to be told so
SHARED_PATIENCE_S = 1.0  # how long a caller waits for a worker that is on its way to its next event
INIT_TIMEOUT_S = 10.0  # INIT phase of an on-demand environment before it is retried within the first invocation
SNAP_START_INIT_TIMEOUT_S = 130.0  # INIT ahead of any invocation; the function's own timeout where that is longer
SNAP_START_TMP_MB_MAX = 512  # "Improving startup performance with Lambda SnapStart"
TEMPLATE_TIMEOUT_S = 5.0  # from its last hook to its fork; all it has to do is to close a connection
SNAP_START_PARKED = 2  # environments of a version that wait to be restored; each that is taken is replaced
RESTORE_TIMEOUT_S = 10.0  # what a function may do between being restored and its first event
EXTENSIONS_MAX = 10  # extensions of one function, external and internal together
SHUTDOWN_EXTERNAL_S = 2.0  # SHUTDOWN phase of an environment with external extensions, SIGKILL afterwards
SHUTDOWN_INTERNAL_S = 0.5  # of one with internal extensions only, and what a runtime with any of them has of it
SHUTDOWN_RUNTIME_S = 0.3  # what the runtime has of the SHUTDOWN phase where all extensions are external
LOG_EVENT_BYTES_MAX = 262_144 - 26  # text of one log event; longer lines become several
LOG_TAIL_BYTES = 4096  # what LogType=Tail answers
OUTPUT_READ_BYTES = 8_192  # taken from an environment's output at once, so that a chatty one cannot hold the node
OUTPUT_PAUSE_S = 0.05  # until the output is looked at again that nobody had room for
OUTPUT_DRAIN_BYTES_MAX = 131_072  # read before END; a pipe holds 65,536, so more is a child that never stops
TELEMETRY_BYTES_RANGE = (
    262_144,
    1_048_576,
)  # of a batch ("Configuring memory usage and buffering"); the least is usual
TELEMETRY_ITEMS_RANGE = (1_000, 10_000)  # of a batch; the most is usual
TELEMETRY_TIMEOUT_MS_RANGE = (25, 30_000)  # that the first record of a batch may wait
TELEMETRY_TIMEOUT_MS = 1_000
TELEMETRY_BATCHES_WAITING_MAX = 2  # as much as so many batches waits for a subscriber; what comes besides is dropped
TELEMETRY_WAITING_BYTES_MAX = 4 * 1024 * 1024  # of all subscribers of one environment together
TELEMETRY_HISTORY_BYTES_MAX = 262_144  # of INIT's records that are kept for who subscribes later in INIT
TELEMETRY_RECORD_BYTES = 128  # what a record takes beside its text, in memory and, nearly, in the message
TELEMETRY_ENCODE_BYTES = 65_536  # of records that are encoded before others have their turn
TELEMETRY_ENCODE_ITEMS = 256
TELEMETRY_SEND_BUFFER_BYTES = 262_144  # that the kernel takes for an extension that does not read
TELEMETRY_CONNECT_S = 1.0  # for a connection to a listener in the same machine
TELEMETRY_ANSWER_S = 10.0  # for taking, or answering, a batch
TELEMETRY_ANSWER_BYTES_MAX = 65_536
TELEMETRY_DELIVERY_TRIES_MAX = 5  # at a batch that a listener does not take; a missing listener is waited for
TELEMETRY_RETRY_S_RANGE = (0.02, 1.0)  # between two tries; doubles from one to the next
TELEMETRY_LAST_S = 0.3  # of the SHUTDOWN phase, for what extensions get before they are told of it
MEMORY_READ_INTERVAL_S = 0.02  # how old a reading of the memory peak may be when REPORT prints it
MEMORY_READ_SHARE = 0.03  # of the node's time, at most, goes into reading what environments use
FREEZE_AFTER_S = 0.05  # idle time before an environment is frozen; within it the next invocation finds it running
ENVIRONMENT_IDLE_S = 600.0  # idle time after which an environment is given up
ENVIRONMENT_SWEEP_S = 0.05  # how often the pool looks for environments to freeze or give up
ENVIRONMENTS_MAX = 256  # environments of one node
ENVIRONMENTS_MEMORY_SHARE = 0.8  # of the memory that is available when the node starts, for all environments
ENVIRONMENT_MEMORY_MB_LEAST = 16  # what an environment is counted with before its memory was measured
CONCURRENT_EXECUTIONS_MAX = 1000  # invocations under way at a time in one account and region
SCALING_AT_ONCE_MAX = 1000.0  # by how much a function's concurrency may grow at once
SCALING_PER_S = 100.0  # how much of that comes back in a second
SCALING_FUNCTIONS_KEPT = 4096  # functions whose growth is known; of more, idle ones are forgotten
OVERTAKE_MAX_S = 0.1  # how much longer than others the first waiter of another function may have waited
DEBUG_S = 4 * 3600.0  # INIT and every invocation of a function that is being debugged, in place of its timeout
DEBUG_MEMORY_MB = 256  # what its debugger may hold, besides the function's own memory
DEBUG_REACH_S = 30.0  # how long a client waits for a debugger that does not listen yet
DEBUG_RETRY_S = 0.02  # how often it is looked for meanwhile
DEBUG_CLIENTS_MAX = 16  # connections to one debugger
DEBUG_PIECE_BYTES = 65_536
DEV_TREES_KEPT = 4  # of a function's code that is being worked on; older ones go when nobody runs them any more
DEV_FILES_MAX = 20_000  # changed at once
DEV_BEAT_S = 0.1  # how often it is looked whether whoever works on a function is still there

CREDENTIALS_MARGIN_S = 60.0  # an environment's credentials outlive its last invocation by this
INTERPRETER_PROBE_S = 10.0  # for running an interpreter once to learn its version
SDK_COMPILE_S = 300.0  # for compiling the SDK for one version of Python
INSIDE_S = 60.0  # for a command of ours in a sandbox, such as the one that writes a JVM's archive of classes
INSIDE_MEMORY_MB = 1024
JAVA_COMPILE_S = 120.0  # for compiling our part of the Java runtimes
RUNTIME_DOWNLOAD_S = 60.0  # without a byte, when a runtime's client is got
RUNTIME_DOWNLOAD_BYTES_MAX = 64 * 1024 * 1024  # of one of its files
RUNTIME_ADD_S = 900.0  # for one program that gets an interpreter or an SDK

# --- log events, CloudWatch Logs, IAM and STS ------------------------------------------------------------------------

LOG_CHUNK_BYTES_MAX = 256 * 1024  # of log events that are stored together, unless one alone is larger
LOG_CHUNK_SPAN_MAX_MS = 3_600_000  # between the first and the last of them
LOG_CHUNKS_AT_ONCE = 64  # chunks that are looked up together when a log is read
LOG_BYTES_AT_ONCE = 256 * 1024  # of chunks that are read together; more only where one is larger
LOG_STREAMS_ASKED_MAX = 1000  # streams that a statement names; of more, all are looked up and the others left out
LOG_PAGE_BYTES_MAX = 1024 * 1024  # of one page of log events ("GetLogEvents")

LOGS_REGEX_PLACES_MAX = 1000  # characters that one regular expression of a filter pattern describes; ours
LOGS_REGEX_MOVES_MAX = 4096  # moves of it that are remembered
LOGS_REGEXES_MAX = 64  # expressions that are kept compiled
LOGS_PATTERN_REGEXES_MAX = 2  # of one filter pattern
LOGS_PATTERN_WILDCARDS_MAX = 3  # selectors with `*` in one filter pattern
LOGS_PATTERN_DEPTH_MAX = 50  # parentheses within one another; ours
LOGS_NUMBER_CHARS_MAX = 64  # of a number that is compared; a longer one is text

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
LOGS_TAGS_MAX = 50
LOGS_DESCRIBE_MAX = 50
LOGS_POLICIES_MAX = 10  # resource policies of an account in one region
LOGS_POLICY_CHARS_MAX = 5120
LOGS_INBOX_SLOTS = 64  # delivered events that are being written at once
LOGS_EVENTS_MAX = 10_000  # of one page
LOGS_BATCH_BYTES_MAX = 1_048_576  # of one PutLogEvents, with 26 bytes for each event besides its message
LOGS_EVENT_AGE_MAX_DAYS = 14
LOGS_EVENT_AHEAD_MAX_S = 7200
LOGS_BACKWARD_START_MIN_MS = 1_704_067_200_000  # 2024; FilterLogEvents reads nothing older from its end
LOGS_SEARCH_STEP_BYTES = 256 * 1024  # of log events that one step of a search looks at
LOGS_SEARCH_BYTES_MAX = 16 * 1024 * 1024  # that one FilterLogEvents looks at before it answers what it has

IAM_PAGE_DEFAULT = 100
IAM_TAGS_MAX = 50
IAM_USERS_MAX = 5000
IAM_GROUPS_MAX = 300
IAM_ROLES_MAX = 1000
IAM_POLICIES_MAX = 1500
IAM_GROUPS_PER_USER_MAX = 10
IAM_ACCESS_KEYS_MAX = 2  # of one user, and of an account's root
IAM_ATTACHED_POLICIES_MAX = 10
IAM_POLICY_VERSIONS_MAX = 5
IAM_MANAGED_POLICY_CHARS_MAX = 6144  # of a policy document, white space not counted
IAM_USER_INLINE_CHARS_MAX = 2048  # of all inline policies of one user together
IAM_GROUP_INLINE_CHARS_MAX = 5120
IAM_ROLE_INLINE_CHARS_MAX = 10_240
IAM_TRUST_POLICY_CHARS_MAX = 2048
IAM_SESSION_MAX_S = 3600  # of a role, unless its MaxSessionDuration says otherwise
IAM_KEY_USE_NOTED_S = 900.0  # how often at most the last use of an access key is written down

SESSION_TOKEN_CHARS_MAX = 16_384
SESSION_CLAIMS_BYTES_MAX = 64 * 1024
SESSIONS_REMEMBERED_MAX = 4096  # tokens that need not be opened again

STS_SESSION_S = 43_200  # of GetSessionToken, unless asked for otherwise
STS_SESSION_MAX_S = 129_600
STS_ROOT_SESSION_MAX_S = 3600
STS_CHAINED_SESSION_MAX_S = 3600  # of a role that is assumed with another role's session
STS_PACKED_BYTES_MAX = 2048  # of session policies and tags together, packed; AWS does not tell its own number

DECISIONS_REMEMBERED_MAX = 4096  # things that one principal may do for sure
DENIALS_REMEMBERED_MAX = 10_000  # denials that are not told again at once
DENIAL_TOLD_S = 60.0  # how often at most the same denial is told in audit mode
POLICIES_COMPILED_MAX = 4096  # policy documents that are kept compiled
