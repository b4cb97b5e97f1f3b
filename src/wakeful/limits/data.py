"""The bounds of DynamoDB, DynamoDB Streams and Kinesis."""

from __future__ import annotations

# --- DynamoDB: values and items --------------------------------------------------------------------------------------

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
DYNAMODB_TRANSACTION_ITEMS_MAX = 100
DYNAMODB_TRANSACTION_BYTES_MAX = 4 * 1024 * 1024
DYNAMODB_CLIENT_TOKEN_S = 600
DYNAMODB_BATCH_WRITES_MAX = 25
DYNAMODB_BATCH_WRITE_BYTES_MAX = 16 * 1024 * 1024
DYNAMODB_BATCH_READS_MAX = 100
DYNAMODB_BATCH_READ_BYTES_MAX = 16 * 1024 * 1024

# --- DynamoDB: queries and statements --------------------------------------------------------------------------------

DYNAMODB_PAGE_BYTES = 1024 * 1024  # of items, read by one Query, Scan or ExecuteStatement
DYNAMODB_PAGE_ROWS_FIRST = 32  # rows that are asked for before anybody knows how large they are
DYNAMODB_PAGE_ROWS_MAX = 4096  # rows that are asked for at a time
DYNAMODB_PARSED_STATEMENTS = 1024  # PartiQL statements that are kept read
DYNAMODB_STATEMENT_DEPTH_MAX = 64  # parentheses, NOTs and collections within one another in a PartiQL statement
DYNAMODB_STATEMENT_PARTITIONS_MAX = 50  # that one SELECT may name by IN and OR, and still be a query
DYNAMODB_STATEMENT_TOKEN_S = 3600.0  # as long as a NextToken is good
# --- DynamoDB: expressions --------------------------------------------------------------------------------------------

DYNAMODB_EXPRESSION_BYTES_MAX = 4096
DYNAMODB_EXPRESSION_OPERATORS_MAX = 300  # comparators, functions, AND, OR, NOT, + and -
DYNAMODB_EXPRESSION_DEPTH_MAX = 300  # of operands in operands: every one of them is an operator
DYNAMODB_IN_OPERANDS_MAX = 100
DYNAMODB_PATH_PARTS_MAX = 32
DYNAMODB_PATH_INDEX_MAX = 2**31 - 1
DYNAMODB_PLACEHOLDER_BYTES_MAX = 255  # of a name in ExpressionAttributeNames or ExpressionAttributeValues
DYNAMODB_SUBSTITUTES_BYTES_MAX = 2 * 1024 * 1024  # of all names and values that an expression's placeholders stand for
DYNAMODB_ATTRIBUTE_NAME_BYTES_MAX = 65_535
DYNAMODB_COMPILED_EXPRESSIONS = 4096  # that are kept
