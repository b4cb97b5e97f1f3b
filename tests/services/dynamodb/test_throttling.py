"""What a node that minds throughput refuses, and what it counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode, running_node
from tests.services.dynamodb.tables import index, make_table, refused
from wakeful.services.dynamodb.throttling import Bucket

EXCEEDED = "ProvisionedThroughputExceededException"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    data: Path = tmp_path_factory.mktemp("throttled")
    with running_node(data / "data", throttle_tables=True) as node:
        few, many = ({"ReadCapacityUnits": units, "WriteCapacityUnits": units} for units in (2, 1000))
        provisioned: dict[str, Any] = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": few}
        make_table(node, "small", **provisioned)
        make_table(node, "free")
        make_table(
            node,
            "indexed",
            attributes="g:S",
            BillingMode="PROVISIONED",
            ProvisionedThroughput=many,
            GlobalSecondaryIndexes=[{**index("gsi", "g"), "ProvisionedThroughput": few}],
        )
        make_table(node, "capped", OnDemandThroughput={"MaxReadRequestUnits": 2, "MaxWriteRequestUnits": 2})
        yield node


@pytest.fixture
def client(node: RunningNode) -> Any:
    node.advance(400)  # every bucket is full
    return node.client("dynamodb")


def item(name: str, size: int = 1, **more: Any) -> dict[str, Any]:
    return {"pk": {"S": name}, "b": {"S": "x" * size}, **more}


def empty(client: Any, table: str) -> None:
    """The table's bucket for writes is overdrawn, if it has one: it holds up to 600 units."""
    for _ in range(3):
        try:
            client.put_item(TableName=table, Item=item("large", 300 * 1000))
        except ClientError:
            return


def test_a_table_refuses_what_it_has_not_provisioned_until_time_has_passed(node: RunningNode, client: Any) -> None:
    empty(client, "small")
    with refused(EXCEEDED, "The level of configured provisioned throughput for the table was exceeded"):
        client.put_item(TableName="small", Item=item("a"))
    client.get_item(TableName="small", Key={"pk": {"S": "a"}})
    with pytest.raises(ClientError) as error:
        client.transact_write_items(TransactItems=[{"Put": {"TableName": "small", "Item": item("a")}}])
    reasons = error.value.response["CancellationReasons"]
    assert [each["Code"] for each in reasons] == ["ProvisionedThroughputExceeded"]
    node.advance(400)
    client.put_item(TableName="small", Item=item("a"))


def test_a_batch_leaves_undone_what_belongs_to_a_throttled_table(client: Any) -> None:
    empty(client, "small")
    wanted = {name: [{"PutRequest": {"Item": item("batched")}}] for name in ("small", "free")}
    assert client.batch_write_item(RequestItems=wanted)["UnprocessedItems"] == {"small": wanted["small"]}
    with refused(EXCEEDED, "was exceeded"):
        client.batch_write_item(RequestItems={"small": wanted["small"]})
    assert "Item" in client.get_item(TableName="free", Key={"pk": {"S": "batched"}})
    assert "Item" not in client.get_item(TableName="small", Key={"pk": {"S": "batched"}})


def test_an_index_that_is_overdrawn_holds_up_its_table(client: Any) -> None:
    with refused(EXCEEDED, "one or more global secondary indexes"):
        for place in "abcd":
            client.put_item(TableName="indexed", Item=item("moved", 300 * 1000, g={"S": place}))


def test_a_table_on_demand_has_only_the_bounds_it_was_given(client: Any) -> None:
    empty(client, "free")
    client.put_item(TableName="free", Item=item("a"))
    empty(client, "capped")
    with refused("ThrottlingException", "exceeds the maximum OnDemandThroughput configured"):
        client.put_item(TableName="capped", Item=item("a"))


def test_what_happens_to_tables_is_measured(node: RunningNode) -> None:
    make_table(node, "measured", attributes="g:S", GlobalSecondaryIndexes=[index("gsi", "g")])
    client, watch = node.client("dynamodb"), node.client("cloudwatch")
    node.advance(60)  # a minute of its own
    began = node.node.clock.now()
    client.put_item(TableName="measured", Item=item("a", 1500, g={"S": "g"}))
    client.get_item(TableName="measured", Key={"pk": {"S": "a"}})
    with refused("ConditionalCheckFailedException", "failed"):
        client.put_item(TableName="measured", Item=item("a"), ConditionExpression="attribute_not_exists(pk)")
    with refused("ValidationException", "does not match the schema"):
        client.get_item(TableName="measured", Key={"k": {"S": "a"}})
    node.run(node.node.telemetry.flush())

    def total(metric: str, statistic: str = "Sum", **dimensions: str) -> Any:
        points = watch.get_metric_statistics(
            Namespace="AWS/DynamoDB",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=began - 60,
            EndTime=began + 120,
            Period=60,
            Statistics=[statistic],
        )["Datapoints"]
        return sum(point[statistic] for point in points)

    table = {"TableName": "measured"}
    assert total("ConsumedWriteCapacityUnits", **table) == 2
    assert total("ConsumedWriteCapacityUnits", **table, GlobalSecondaryIndexName="gsi") == 2
    assert total("ConsumedReadCapacityUnits", **table) == 0.5
    assert total("ConditionalCheckFailedRequests", **table) == 1
    assert total("SuccessfulRequestLatency", "SampleCount", **table, Operation="PutItem") == 1
    assert total("UserErrors") == 1


def test_a_bucket_fills_to_what_comes_in_five_minutes() -> None:
    bucket = Bucket(2.0, 0.0)
    assert not bucket.is_empty(10_000)
    assert bucket.level == 600
    bucket.level -= 601
    assert bucket.is_empty(10_000.4)
    assert not bucket.is_empty(10_001)
