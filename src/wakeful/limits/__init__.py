"""Every number that bounds something: quotas, defaults, retry policies. Units stand last in a name."""

from __future__ import annotations

from wakeful.limits.chaos import *  # noqa: F403 - one name for all of them: limits.X
from wakeful.limits.data import *  # noqa: F403
from wakeful.limits.environments import *  # noqa: F403
from wakeful.limits.lambda_ import *  # noqa: F403
from wakeful.limits.services import *  # noqa: F403

# --- the store -------------------------------------------------------------------------------------------------------

SQLITE_PAGE_BYTES = 8192
SQLITE_MMAP_BYTES = 256 * 1024 * 1024
SQLITE_CACHE_KIB = 8 * 1024  # of changed pages, at most; SQLite's own 2 MiB are read again and again
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
CBOR_DEPTH_MAX = 32  # containers within containers of a request

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

# --- the bill --------------------------------------------------------------------------------------------------------

USAGE_RETENTION_S = 1188 * 86_400.0  # sums by day, 39 months: a month more than "Cost Explorer" goes back to; ours
USAGE_BATCHES_MAX = 600  # that could not be written and are kept apart, so that each counts once; then they are one
BILL_SWEEP_S = 3600.0  # how often EstimatedCharges is told; on AWS it is "several times daily"
BILL_INVOCATIONS_MAX = 1000  # of one page
BILL_GROUPS_MAX = 10_000  # of one answer, the dearest; what remains is one more

# --- recordings: what invocations were given and what they answered ---------------------------------------------------

RECORD_BYTES = 256 * 1024 * 1024  # of all accounts together, compressed; `wakeful start --record-mb` says otherwise
RECORD_AGE_S = NOTE_RETENTION_S  # a recording is found by the note of its run, and goes no later than that
RECORD_PAYLOAD_BYTES_MAX = 6 * 1024 * 1024 + 100  # of an event, and of an answer; a larger answer is left out
RECORD_BUFFER_BYTES_MAX = 32 * 1024 * 1024
"""Of recordings that are not written yet. Beyond, further ones are left out, and a line in the node's log says so."""
RECORD_BUFFER_OF_ONE_BYTES_MAX = RECORD_BUFFER_BYTES_MAX // 4
"""What one function may have of it; one recording may be larger. A flood leaves room for the others."""
RECORD_MEMORY_BYTES = 512  # what a recording takes in memory beside its event and its answer
RECORD_CHUNK_BYTES_MAX = 256 * 1024  # of recordings that are stored together, unless one alone is larger
RECORD_CHUNK_OVERHEAD_BYTES = 160  # what a chunk takes on disk beside what is in it
RECORDED_LISTED_MAX = 1000  # that are listed at a time
RECORDED_CHUNKS_READ_MAX = 20_000  # that are looked through for one list
RECORDED_READ_BYTES_MAX = 64 * 1024 * 1024  # of such chunks, as they lie on disk

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
HOPS_MAX = 1000
"""Through so many functions a story may come, whatever loops are allowed; ours, AWS has no such end."""
BUS_HOPS_MAX = 16
"""So often an event may go on from one event bus to another; ours, since nothing else ends a circle of buses."""
LINEAGE_MARKS_KEPT = 4096  # hashes of functions that need not be computed again
LINEAGE_FUNCTIONS_MAX = 32
"""So many functions a story remembers having come through, those of longest ago forgotten."""

SWEEP_S = 3600.0
"""How often things that only get old are looked at."""
WORK_BACKOFF_S = 1.0
WORK_BACKOFF_MAX_S = 300.0
WORK_STALLED_S = 5.0
"""After so long without an end a worker whose first slots are all taken gets more, however busy the processors are."""
WORK_AHEAD = 64
"""How many rows a worker that may have more slots has claimed beyond those."""
WORK_LOOK_S = 0.1
"""How often it is looked, while work waits for a slot, whether the processors are idle."""
WORK_IDLE_SHARE = 0.4
"""With so much of the processors idle, and of the node itself, more at a time gets more done."""
WORK_BUSY_SHARE = 0.1
"""With less of them idle, more at a time only means more to share them with."""
CLOCK_GENERATIONS = 48
"""Moving the clock waits for what causes one another so deep: each hop is a row put, claimed, and carried out."""
STORE_PATIENCE_MAX_S = 10.0
"""The longest pause before asking again a store that has failed: a full disk, a database that is being restarted."""

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
NODE_SHUTDOWN_S = 10.0  # for what is in hand: runs of functions above all
HTTP_HEAD_BYTES_MAX = 256 * 1024  # of a request's head, of its trailer, and between two pieces of its body
HTTP_HEAD_S = 30.0  # from the first byte of a request to the end of its head
HTTP_SILENCE_S = 60.0  # between two pieces of a request's body
HTTP_PIPELINE_MAX = 32  # requests of one connection that wait behind one that is being answered
HTTP_CONNECTIONS_MAX = 8192  # from outside; and never more than half of the files that the node may open
HTTP_SANDBOX_CONNECTIONS_MAX = 256  # of one sandbox
HTTP2_STREAMS_MAX = 128  # requests of one connection that are under way at a time
HTTP2_WINDOW_BYTES = 1024 * 1024  # of a request's body that is sent before it is read, and of all of a connection
HTTP2_HEAD_BYTES_MAX = 64 * 1024
HTTP2_FRAME_BYTES = 16 * 1024  # of an answer's body that one frame has: every client takes as much
HTTP2_RESETS_MAX = 1000  # requests that one connection takes back, beyond those that it lets be answered
HTTP2_ANSWERS_MAX = 8  # requests of one connection that are being answered at a time, and are not known to take long
HTTP2_ANSWER_S = 1.0  # who takes longer than that takes long, and the next is begun
HTTP2_UNSENT_BYTES_MAX = 16 * 1024 * 1024  # of answers that wait for their reader; no other is begun meanwhile
HTTP2_UNWANTED_BYTES_MAX = 16 * 1024 * 1024  # of a body that still comes after the answer
HTTP2_HEARD_BYTES = 4 * 1024  # that are heard at once of what came out of a sandbox
HTTP2_UNREAD_BYTES_MAX = 4 * 1024 * 1024  # that a client has not read yet; who asks on then is let go
HTTP_BODY_BYTES_MAX = 80 * 1024 * 1024
"""Of a request that is read whole: a 50 MB deployment package is 67 MB in base64."""

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

# --- fabric: batches -----------------------------------------------------------------------------------------------

BATCH_FIRST_SLICE = 100  # things taken from a source before anybody knows how large they are
BATCH_SLICE_MAX = 1000  # taken in one transaction
BATCH_RECORD_BYTES = 500  # about what a record has besides what was sent

# --- fabric: journals ------------------------------------------------------------------------------------------------

JOURNAL_READ_BYTES_MAX = 10 * 1024 * 1024  # of entries that are read at once
JOURNAL_SLICE = 1000  # entries that one question to the store answers
JOURNAL_DROPPED_AT_ONCE = 500  # entries that are dropped in one transaction, others waiting
