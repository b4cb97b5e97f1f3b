"""The bounds of DynamoDB, DynamoDB Streams and Kinesis."""

from __future__ import annotations

# --- DynamoDB: values and items --------------------------------------------------------------------------------------

DYNAMODB_REQUEST_BYTES_MAX = 16 * 1024 * 1024  # as it comes; a larger one nobody looks into
DYNAMODB_ITEM_BYTES_MAX = 400 * 1024
DYNAMODB_PARSED_TABLES = 4096  # definitions of tables that are kept parsed
DYNAMODB_NUMBER_DIGITS_MAX = 38  # significant ones
DYNAMODB_NUMBER_EXPONENT_MAX = 125  # of the first digit
DYNAMODB_NUMBER_EXPONENT_MIN = -130
DYNAMODB_NUMBER_BYTES_MAX = 21
DYNAMODB_NESTING_MAX = 32  # levels of an item: what is in a list is one deeper than the list
DYNAMODB_PARTITION_KEY_BYTES_MAX = 2048
DYNAMODB_SORT_KEY_BYTES_MAX = 1024

# --- DynamoDB: capacity, transactions, batches ------------------------------------------------------------------------

DYNAMODB_READ_UNIT_BYTES = 4096
DYNAMODB_WRITE_UNIT_BYTES = 1024
DYNAMODB_TRANSACTION_BYTES_MAX = 4 * 1024 * 1024
DYNAMODB_CLIENT_TOKEN_S = 600
DYNAMODB_BATCH_WRITES_MAX = 25
DYNAMODB_BATCH_READS_MAX = 100
DYNAMODB_BATCH_READ_BYTES_MAX = 16 * 1024 * 1024
DYNAMODB_TOKENS_SWEPT_AT_ONCE = 1000
DYNAMODB_BURST_S = 300  # for how long a table keeps what it did not use, where it is throttled

# --- DynamoDB: queries and statements --------------------------------------------------------------------------------

DYNAMODB_PAGE_BYTES = 1024 * 1024  # of items, read by one Query, Scan or ExecuteStatement
DYNAMODB_PAGE_ROWS_FIRST = 32  # rows that are asked for before anybody knows how large they are
DYNAMODB_PAGE_ROWS_MAX = 512  # rows that are asked for at a time: between any two of them a turn may be over
DYNAMODB_PAGE_ROWS_LOOKED_AT = 64  # the same, where a filter or a projection looks into every item
DYNAMODB_PARSED_STATEMENTS = 1024  # PartiQL statements that are kept read
DYNAMODB_STATEMENT_DEPTH_MAX = 64  # parentheses, NOTs and collections within one another in a PartiQL statement
DYNAMODB_STATEMENT_PARTITIONS_MAX = 50  # that one SELECT may name by IN and OR, and still be a query
DYNAMODB_STATEMENT_TOKEN_S = 3600.0  # as long as a NextToken is good

# --- DynamoDB: expressions --------------------------------------------------------------------------------------------

DYNAMODB_EXPRESSION_BYTES_MAX = 4096
DYNAMODB_EXPRESSION_WITH_VALUES_BYTES_MAX = 1024 * 1024  # with names and values where their placeholders stand
DYNAMODB_EXPRESSION_OPERATORS_MAX = 300  # comparators, functions, AND, OR, NOT, + and -
DYNAMODB_EXPRESSION_DEPTH_MAX = 300  # of operands in operands: every one of them is an operator
DYNAMODB_CONDITION_LEVELS_MAX = 200  # of AND, OR and NOT within one another: deeper ones have too many operators
DYNAMODB_IN_OPERANDS_MAX = 100
DYNAMODB_PATH_PARTS_MAX = 32
DYNAMODB_PATH_INDEX_MAX = 2**31 - 1
DYNAMODB_PLACEHOLDER_BYTES_MAX = 255  # of a name in ExpressionAttributeNames or ExpressionAttributeValues
DYNAMODB_SUBSTITUTES_BYTES_MAX = 2 * 1024 * 1024  # of all names and values that an expression's placeholders stand for
DYNAMODB_ATTRIBUTE_NAME_BYTES_MAX = 65_535
DYNAMODB_COMPILED_EXPRESSIONS = 1024  # that are kept: one of 300 operators has some hundred KB
DYNAMODB_NAMES_KEPT_MAX = 4096  # characters of all names, and of what stands for them, with which one is kept

# --- DynamoDB: tables ------------------------------------------------------------------------------------------------

DYNAMODB_ACCOUNT_CAPACITY_MAX = 80_000  # units of each kind that all tables of an account in a region may provision
DYNAMODB_TABLE_CAPACITY_MAX = 40_000  # units of each kind that a table or an index may have
DYNAMODB_CAPACITY_SAID_MAX = 1_000_000_000_000  # no number of units greater than this is even read
DYNAMODB_WARM_READS = 12_000  # reads a second that every on-demand table is ready for
DYNAMODB_WARM_WRITES = 4_000
DYNAMODB_DECREASES_A_DAY = 4  # of a table's provisioned throughput, each further one an hour after the one before
DYNAMODB_DECREASE_PAUSE_S = 3600.0
DYNAMODB_CLASS_CHANGES_MAX = 2  # of a table's class, in so many days
DYNAMODB_CLASS_CHANGES_DAYS = 30
DYNAMODB_NAME_MIN = 3  # characters of a table's name
DYNAMODB_NAME_MAX = 255
DYNAMODB_TABLES_MAX = 2_500  # of an account in a region
DYNAMODB_TABLES_LISTED_MAX = 100
DYNAMODB_GLOBAL_INDEXES_MAX = 20
DYNAMODB_LOCAL_INDEXES_MAX = 5
DYNAMODB_INDEX_KEYS_MAX = 4  # attributes of each kind in the key of a global index
DYNAMODB_PROJECTED_MAX = 100  # attributes that all indexes of a table project by name
DYNAMODB_TAGS_MAX = 50
DYNAMODB_POLICY_BYTES_MAX = 20 * 1024
DYNAMODB_BACKFILL_ITEMS = 200  # that go to a new index in one transaction
DYNAMODB_BACKFILL_TURN = 50  # such transactions before the row is put again, which says how far it has come
DYNAMODB_SPACE_SWEPT_AT_ONCE = 1_000  # rows of a deleted table or index that go in one transaction
DYNAMODB_SPACE_RESTS_S = 60.0  # after which a deleted space is looked through once more
DYNAMODB_EXPIRED_AT_ONCE = 100  # items that time to live deletes in one transaction
DYNAMODB_EXPIRY_AGE_S_MAX = 5 * 365 * 86400  # what expired longer ago than this is not deleted
DYNAMODB_INSIGHTS_LISTED_MAX = 100

# --- DynamoDB Streams ------------------------------------------------------------------------------------------------

DYNAMODB_STREAM_RETENTION_S = 24 * 3600.0  # for so long a record can be read, and a stream that was disabled
DYNAMODB_STREAM_ROLL_S = 4 * 3600.0  # after so long a shard is closed and another takes its place
DYNAMODB_STREAM_SHARDS_MAX = 16  # that a table's stream takes records with; a power of two
DYNAMODB_STREAM_SHARDS_ON_DEMAND = 4  # as many as a new table on demand has partitions
DYNAMODB_PARTITION_READS = 3000  # read capacity units of one partition
DYNAMODB_PARTITION_WRITES = 1000  # write capacity units of one partition
DYNAMODB_STREAMS_LISTED_MAX = 100  # streams, or shards of one, in one answer
DYNAMODB_STREAM_RECORDS_MAX = 1000  # of one GetRecords
DYNAMODB_STREAM_READ_BYTES_MAX = 1024 * 1024  # of one GetRecords
DYNAMODB_ITERATOR_LIFE_S = 15 * 60.0  # of a shard iterator
DYNAMODB_STREAM_TENDERS = 4  # streams whose shards are rolled, and whose old records are deleted, at a time

# --- DynamoDB: Kinesis destinations ----------------------------------------------------------------------------------

DYNAMODB_DESTINATION_AGE_MAX_S = 24 * 3600.0  # for so long a change is offered to a Kinesis stream that refuses it
DYNAMODB_DESTINATION_BACKOFF_S = 1.0  # before it is offered a second time; twice as long before each that follows
DYNAMODB_DESTINATION_BACKOFF_MAX_S = 300.0

# --- Kinesis ---------------------------------------------------------------------------------------------------------

KINESIS_KEY_CHARS_MAX = 256  # of a partition key
KINESIS_RECORD_KIB = 1024  # of a record with its partition key, unless its stream says otherwise
KINESIS_PUT_BYTES_MAX = 10 * 1024 * 1024  # of all records of one PutRecords, with their keys
KINESIS_REQUEST_BYTES_MAX = 14 * 1024 * 1024  # as it comes, with all that in base64
KINESIS_GET_RECORDS_MAX = 10_000  # that GetRecords answers at once
KINESIS_GET_BYTES_MAX = 10 * 1024 * 1024
KINESIS_ITERATOR_S = 300.0
KINESIS_RETENTION_HOURS_MIN = 24
KINESIS_RETENTION_HOURS_MAX = 8760
KINESIS_SHARDS_MAX = 20_000  # of an account in the largest regions, which are these:
KINESIS_LARGE_REGIONS = frozenset({"us-east-1", "us-west-2", "eu-west-1"})
KINESIS_SHARDS_ELSEWHERE_MAX = 6_000
KINESIS_SHARDS_OF_STREAM_MAX = 10_000
KINESIS_ON_DEMAND_SHARDS = 4  # that an on-demand stream begins with
KINESIS_ON_DEMAND_STREAMS_MAX = 50
KINESIS_RESIZED_MAX = 10  # times that UpdateShardCount resizes a stream in 24 hours
KINESIS_MODE_CHANGES_MAX = 2  # in 24 hours
KINESIS_DAY_S = 86_400.0
KINESIS_COMMITMENT_S = 86_400.0  # that a commitment to a minimum of throughput lasts at least
KINESIS_WARM_MIBPS_MAX = 10_240
KINESIS_CONSUMERS_MAX = 20  # of a stream
KINESIS_TAGS_MAX = 50
KINESIS_LISTED = 100  # streams, consumers, and shards of DescribeStream that are listed at once
KINESIS_SHARDS_LISTED = 1000  # of ListShards
KINESIS_POLICY_BYTES_MAX = 20 * 1024
KINESIS_SUBSCRIPTION_S = 300.0
KINESIS_SUBSCRIPTION_PAUSE_S = 5.0  # before another may take a subscription over
KINESIS_EVENT_BYTES_MAX = 1024 * 1024  # of the records of one event; and the first, however large it is
KINESIS_HEARTBEAT_S = 5.0  # at least so often an event comes
KINESIS_SHARD_RECORDS_MAX = 1000  # that a shard takes in a second, where that is enforced
KINESIS_SHARD_BYTES_MAX = 1024 * 1024  # likewise
KINESIS_SHARD_READS_MAX = 5  # calls of GetRecords for a shard in a second, likewise
KINESIS_SHARD_READ_BYTES_MAX = 2 * 1024 * 1024  # that they answer in a second, likewise
KINESIS_DEFINITIONS_PARSED = 4096
KINESIS_SECONDS_KEPT = 4096  # of shards: what their sequence numbers have in common
KINESIS_LAYOUTS_KEPT = 1024  # streams whose open shards are known by heart

# --- DynamoDB: backups, points in time, exports and imports -----------------------------------------------------------

DYNAMODB_RECOVERY_DAYS = 35  # how far back a table can be restored, where nobody says less
DYNAMODB_COPIED_AT_ONCE = 200  # items in one transaction of a copy: others write between
DYNAMODB_COPY_SLOTS = 4  # copies of one kind at a time
DYNAMODB_PRUNED_AT_ONCE = 1000  # rows of history looked at in one transaction
DYNAMODB_SETTLING_S = 1.0  # the longest that a transaction takes where several write at a time
DYNAMODB_RESTORES_AT_A_TIME = 50  # restores of an account and region ("Service, account, and table quotas")
DYNAMODB_EXPORTS_AT_A_TIME = 300
DYNAMODB_IMPORTS_AT_A_TIME = 50
DYNAMODB_EXPORT_FILE_BYTES = 16 * 1024**2  # of items as they are stored, in one file of an export
DYNAMODB_INCREMENT_S_MIN = 15 * 60  # what an incremental export may span
DYNAMODB_INCREMENT_S_MAX = 24 * 3600
DYNAMODB_TOKEN_S = 8 * 3600  # for how long a client token of an export or import names the same one
DYNAMODB_BACKUPS_LISTED = 100  # where nobody says how many
DYNAMODB_TRANSFERS_LISTED_S = 90 * 86400.0  # for how long exports and imports are listed
DYNAMODB_TRANSFERS_LISTED = 25  # in one page
DYNAMODB_IMPORT_PIECE_BYTES = 4 * 1024**2  # what is unpacked at a time
DYNAMODB_IMPORT_ZSTD_BYTES = 256  # of compressed bytes at a time: each may stand for many thousands
DYNAMODB_IMPORT_LINE_BYTES_MAX = 16 * 1024**2
DYNAMODB_IMPORT_STRING_LINES_MAX = 1_000  # over which a string of Ion may go
DYNAMODB_IMPORT_LOG_BYTES_MAX = 200_000  # of what is said of one item
