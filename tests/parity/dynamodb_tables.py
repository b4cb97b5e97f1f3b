"""The tables that random operations are put to."""

from __future__ import annotations

from typing import Any

TABLES: dict[str, dict[str, Any]] = {
    "simple": {
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    },
    "ranged": {
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "a", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
            {"AttributeName": "b", "AttributeType": "S"},
            {"AttributeName": "c", "AttributeType": "N"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-b",
                "KeySchema": [{"AttributeName": "b", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["m"]},
            },
            {
                "IndexName": "by-c",
                "KeySchema": [{"AttributeName": "c", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
        "LocalSecondaryIndexes": [
            {
                "IndexName": "local-c",
                "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    },
    "binary": {
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "a", "AttributeType": "N"},
            {"AttributeName": "b", "AttributeType": "B"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    },
}

KEYS = {"simple": (("a", "S"),), "ranged": (("a", "S"), ("n", "N")), "binary": (("a", "N"), ("b", "B"))}
LATER = {
    "IndexName": "later",
    "KeySchema": [{"AttributeName": "d", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}
"""An index that comes and goes."""

INDEX_KEYS = {
    "later": (("d", "S"),),
    "by-b": (("b", "S"), ("c", "N")),
    "by-c": (("c", "N"),),
    "local-c": (("a", "S"), ("c", "N")),
}
