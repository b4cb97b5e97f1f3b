"""The bounds of DynamoDB, DynamoDB Streams and Kinesis."""

from __future__ import annotations

# --- DynamoDB: values and items --------------------------------------------------------------------------------------

DYNAMODB_ITEM_BYTES_MAX = 400 * 1024
DYNAMODB_PARSED_TABLES = 4096  # definitions of tables that are kept parsed
