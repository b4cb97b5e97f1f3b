"""The bounds of DynamoDB, DynamoDB Streams and Kinesis."""

from __future__ import annotations

# --- DynamoDB: values and items --------------------------------------------------------------------------------------

DYNAMODB_ITEM_BYTES_MAX = 400 * 1024
DYNAMODB_PARSED_TABLES = 4096  # definitions of tables that are kept parsed

# --- Kinesis ---------------------------------------------------------------------------------------------------------

KINESIS_KEY_CHARS_MAX = 256  # of a partition key
KINESIS_RECORD_KIB = 1024  # of a record with its partition key, unless its stream says otherwise
KINESIS_PUT_BYTES_MAX = 10 * 1024 * 1024  # of all records of one PutRecords, with their keys
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
KINESIS_LAYOUTS_KEPT = 1024  # streams whose open shards are known by heart
