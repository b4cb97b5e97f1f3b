"""SIGKILL while items change: every change is in the table's stream exactly once, and in order for each item."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.crash.conftest import CRASHES
from tests.crash.load import Load
from tests.crash.tables import changes_in, make_table
from tests.node_process import NodeProcess

pytestmark = pytest.mark.slow

ITEMS = 12
FOUR_HOURS = 4 * 3600 + 1
Image = dict[str, Any] | None


def change(client: Any, number: int) -> None:
    """One item is put, or two in a transaction; both say by which call."""
    items = [{"p": {"S": f"item {place % ITEMS}"}, "number": {"N": str(number)}} for place in (number, number + 5)]
    if number % 2:
        client.put_item(TableName="story", Item=items[0])
    else:
        client.transact_write_items(TransactItems=[{"Put": {"TableName": "story", "Item": item}} for item in items])


def test_every_change_is_in_the_stream_once_and_in_order(node: NodeProcess) -> None:
    node.start()
    arn = make_table(node, "story", "NEW_AND_OLD_IMAGES")
    load = Load(node, "dynamodb", change)
    for crash in range(CRASHES):
        load.run(0.2 + 0.1 * (crash % 3))
        node.start()
        if crash < 5:  # a day is six times as long
            node.advance(FOUR_HOURS)
    copy: dict[str, Image] = {}
    written: list[int] = []
    for record in changes_in(node, arn):
        key = record["Keys"]["p"]["S"]
        assert copy.get(key) == record.get("OldImage"), "a change is missing, doubled or out of order"
        copy[key] = record["NewImage"]
        written.append(int(record["NewImage"]["number"]["N"]))
    counted = Counter(written)
    assert all(count == 2 - number % 2 for number, count in counted.items()), "half a transaction, or a change twice"
    assert load.acknowledged <= set(counted), "a change that was acknowledged is not in the stream"
    client = node.client("dynamodb")
    for number in range(ITEMS):
        key = f"item {number}"
        assert client.get_item(TableName="story", Key={"p": {"S": key}}).get("Item") == copy.get(key)
    assert node.stop() == 0
