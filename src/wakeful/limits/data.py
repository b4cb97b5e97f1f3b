"""The bounds of DynamoDB, DynamoDB Streams and Kinesis."""

from __future__ import annotations

# --- DynamoDB: values and items --------------------------------------------------------------------------------------

DYNAMODB_ITEM_BYTES_MAX = 400 * 1024
DYNAMODB_PARSED_TABLES = 4096  # definitions of tables that are kept parsed

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
