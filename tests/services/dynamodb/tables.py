"""Tables for tests, and what DynamoDB says where it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode


def make_table(node: RunningNode, name: str, keys: str = "pk:S", **more: Any) -> str:
    """An empty one that is ready, with keys such as "pk:S sk:N"; attributes of its indexes are in `attributes`."""
    client = node.client("dynamodb")
    named = [each.split(":") for each in keys.split()]
    others = [each.split(":") for each in more.pop("attributes", "").split()]
    client.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": named[at][0], "KeyType": kind} for at, kind in enumerate(("HASH", "RANGE")[: len(named)])
        ],
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": kind} for each, kind in (*named, *others)],
        **{"BillingMode": "PAY_PER_REQUEST", **more},
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500})
    return name


def index(name: str, *keys: str, projection: str = "ALL", attributes: tuple[str, ...] = ()) -> dict[str, Any]:
    """A secondary index for CreateTable."""
    kinds = zip(keys, ("HASH", "RANGE"), strict=False)
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": each, "KeyType": kind} for each, kind in kinds],
        "Projection": {"ProjectionType": projection, **({"NonKeyAttributes": list(attributes)} if attributes else {})},
    }


@contextmanager
def refused(code: str, said: str) -> Iterator[None]:
    """What happens inside ends in that error, whose message has these words."""
    with pytest.raises(ClientError) as error:
        yield
    told = error.value.response["Error"]
    assert told["Code"] == code
    assert said in told["Message"]
