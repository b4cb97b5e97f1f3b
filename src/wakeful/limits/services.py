"""The bounds of S3, SQS, SNS, EventBridge, CloudWatch Logs, IAM and STS."""

from __future__ import annotations

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
SQS_EXPIRED_AT_ONCE = 2000  # messages of a queue that are too old, and deleted in one transaction
SQS_EMPTIED_AT_ONCE = 500  # messages of a purged or deleted queue that are deleted in one transaction, others waiting
SQS_QUEUES_REMEMBERED = 4096  # rows of queues whose attributes are kept parsed

# What one queue may have, and fair queues
SQS_IN_FLIGHT_MAX = 120_000  # "Amazon SQS standard queue quotas", and those of FIFO queues
SQS_IN_FLIGHT_UNCOUNTED_MAX = 10_000  # messages that are handed out before those in flight are counted again
SQS_FULL_PAUSE_S = 1.0  # before who waits looks again where no more may be in flight
SQS_NAME_PAUSE_S = 60  # before a deleted queue's name may be used again
SQS_POLICY_BYTES_MAX = 8192  # "Amazon SQS policy quotas"
SQS_POLICY_STATEMENTS_MAX = 20
SQS_POLICY_ACTIONS_MAX = 7  # of one AddPermission
SQS_ATTRIBUTE_NAME_BYTES_MAX = 256  # and of its type
SQS_TAG_KEY_CHARS_MAX = 128
SQS_TAG_VALUE_CHARS_MAX = 256
SQS_NOISY_SHARE = 0.1  # of a queue's messages in flight, or of its recent processing time; "How … fair queues work"
SQS_NOISY_IN_FLIGHT_MIN = 30  # messages in flight of a tenant that is noisy by its share of them
SQS_NOISY_SENT_S = 300.0  # a tenant that has sent nothing for so long is quiet
SQS_NOISY_BUSY_MIN_S = 30.0  # processing time of all tenants below which no share of it is judged; ours
SQS_NOISY_HALF_LIFE_S = 60.0  # in which processing time counts half as much; ours
SQS_NOISY_LOOK_S = 0.25  # how often at most a queue's tenants are looked at
SQS_NOISY_LOOKED_AT_PER_S = 20_000  # messages in flight that are looked at in a second, on the average
SQS_TENANTS_REMEMBERED = 50  # shares that are kept: more than nine cannot be over a tenth
SQS_TENANTS_LOOKED_AT = 200  # tenants that one receive looks at to find quiet ones
SQS_UNGROUPED_LOOKED_AT = 100  # messages ahead among which one receive finds those without a group
SQS_DEPTH_S = 60.0  # how often depths are told
SQS_ACTIVE_S = 6 * 3600.0  # how long a queue's depth is told after it has had a message

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
SNS_BATCH_ID_CHARS_MAX = 80
SNS_LIST_MAX = 100
SNS_SUBJECT_CHARS_MAX = 100
SNS_DISPLAY_NAME_CHARS_MAX = 100
SNS_ATTRIBUTE_NAME_BYTES_MAX = 256
SNS_RAW_ATTRIBUTES_MAX = 10  # of a message that goes to a queue as it is; "Amazon SNS raw message delivery"
SNS_GROUP_ID_CHARS_MAX = 128
SNS_TAGS_MAX = 50
SNS_CONFIRMATION_S = 2 * 86_400.0  # how long a confirmation's token is good for
SNS_FILTERS_KEPT = 10_000  # compiled filter policies in memory

# --- SNS: FIFO topics, archives, filter policies ----------------------------------------------------------------

SNS_DEDUPLICATION_S = 300.0  # how long a FIFO topic takes a message but once
SNS_FIFO_SUBSCRIPTIONS_MAX = 100  # of a FIFO topic; "Amazon SNS endpoints and quotas"
SNS_ARCHIVE_DAYS_RANGE = (1, 365)  # what MessageRetentionPeriod of an ArchivePolicy may be
SNS_ARCHIVE_DISCARD_BATCH = 1000  # archived messages that are let go in one transaction
SNS_REPLAY_BATCH = 25  # archived messages that a replay looks at in one transaction, which may sign each: 0.6 ms
SNS_SWEEP_S = 600.0  # how often what is too old is looked for
SNS_TOPIC_FILTERS_MAX = 200  # filter policies of one topic; "Filter policy constraints in Amazon SNS"
SNS_ACCOUNT_FILTERS_MAX = 10_000  # and of an account in one region
SNS_PROTECTION_POLICY_CHARS_MAX = 30_720

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

# --- SNS: HTTP endpoints, signatures and delivery status -------------------------------------------------------------

SNS_RETRIES_MAX = 100  # of one message; "Creating an HTTP/S delivery policy"
SNS_RETRY_DELAY_MAX_S = 3600
SNS_HTTP_LIFE_S = 3600.0  # after it was published, a message is tried no more, whatever the policy
SNS_HTTP_TIMEOUT_S = 15.0  # for an endpoint's whole answer
SNS_HTTP_ANSWER_BYTES_MAX = 4096  # of an endpoint's answer that are read; the delivery status has them
SNS_HTTP_AT_ONCE = 8  # messages that are under way to one subscription
SNS_HTTP_ROUND = 128  # messages to one subscription before another's turn,
SNS_HTTP_ROUND_S = 15.0  # or so long, where its endpoint is slow
SNS_HTTP_SLOTS = 256  # subscriptions that are sent to at a time: most wait for 15 s or not at all; and where all wait:
SNS_HTTP_SLOTS_MAX = 512
SNS_URL_CHARS_MAX = 2048  # of an HTTP endpoint; ours
SNS_FEEDBACK_SLOTS = 16  # delivery statuses that are being written

# --- people and devices that SNS sends to ----------------------------------------------------------------------------

SNS_INBOX_MAX = 5000  # messages to people and devices that are kept; the oldest go
SNS_INBOX_BYTES_MAX = 256 * 1024 * 1024  # of all of them together
SNS_INBOX_AGE_S = 7 * 86_400.0
SNS_INBOX_TRIM_EVERY = 50  # messages come in before it is looked whether there are too many
SNS_INBOX_LISTED_MAX = 200
SNS_INBOX_PREVIEW_CHARS = 4096  # of a message in a list
SNS_EMAIL_CHARS_MAX = 320  # of an address: 64, "@", 255
SNS_SMS_CHARS_MAX = 1600  # of what is published to a phone number at once
SNS_SMS_PART_BYTES = 140
SNS_SMS_SENDER_ID_CHARS_MAX = 11
SNS_SMS_MONTHLY_USD = 1  # AWS's MonthlySpendLimit where nobody asked for more
SNS_SMS_OPT_IN_PAUSE_S = 30 * 86_400.0  # between two times that a number is opted in for its owner
SNS_SMS_SANDBOX_NUMBERS_MAX = 10
SNS_SMS_SANDBOX_CODES_MAX = 5  # one-time passwords that one number is sent within a day
SNS_SMS_SANDBOX_CODE_S = 15 * 60.0  # how long one is good for
SNS_SMS_SANDBOX_KEPT_S = 86_400.0  # before which a number is not deleted again
SNS_APPLICATION_NAME_CHARS_MAX = 256
SNS_ENDPOINT_DATA_BYTES_MAX = 2048  # CustomUserData
SNS_ENDPOINT_TOKEN_BYTES_MAX = 8192
SNS_ENDPOINT_APPLE_TOKEN_CHARS_MAX = 400
SNS_PUSH_TTL_MAX_S = 31 * 86_400  # ADM's, the longest
SNS_FRONT_BYTES_MAX = 64 * 1024  # of a request about the inbox

# "Amazon SNS message delivery retries", endpoints that customers manage: 50 attempts in about six hours
SNS_RETRY_PRE_BACKOFF_COUNT = 2
SNS_RETRY_BACKOFF_COUNT = 10
SNS_RETRY_POST_BACKOFF_COUNT = 38
SNS_RETRY_MIN_S = 10.0
SNS_RETRY_MAX_S = 600.0
SNS_RELAY_SLOTS = 4  # e-mails that go out at once
SNS_RELAY_TIMEOUT_S = 30.0
