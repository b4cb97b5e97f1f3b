"""What costs as long as it is there: provisioned concurrency and snapshots, to the millisecond of the node's clock."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from tests.functions import deploy, wait_until_updated
from tests.running_node import RunningNode
from wakeful.services.lambda_.billing import price, standing
from wakeful.store.usage import DAY_S, Consumer, Sum

pytestmark = pytest.mark.slow

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
HOUR_S = 3600
SLACK_S = 30
"""Of machine time that passes beside what a test moves the clock by."""


def stood(node: RunningNode) -> dict[tuple[str, str], float]:
    """By meter and version, megabyte-seconds."""
    sums: defaultdict[tuple[str, str], float] = defaultdict(float)
    for each in node.run(node.node.store.read(standing.sums, 0, 10**6)):
        sums[each.meter, each.consumer.version] += each.units / 1000
    return dict(sums)


def provision(client: Any, count: int, qualifier: str = "1") -> None:
    client.put_provisioned_concurrency_config(
        FunctionName="f", Qualifier=qualifier, ProvisionedConcurrentExecutions=count
    )


def spans(node: RunningNode) -> list[tuple[str, str, int, int | None]]:
    """Version, tags, megabytes, and whole seconds from beginning to end; None where it goes on."""
    rows = node.run(node.node.store.read(lambda tx: tx.all("SELECT * FROM lambda_standing ORDER BY id")))
    return [
        (
            row["version"],
            row["tags"],
            row["memory_mb"],
            None if row["ended_ms"] is None else (row["ended_ms"] - row["began_ms"]) // 1000,
        )
        for row in rows
    ]


def test_provisioned_concurrency_costs_while_it_is_configured_in_steps_of_five_minutes(
    client: Any, node: RunningNode
) -> None:
    deploy(client, MemorySize=256)
    client.publish_version(FunctionName="f")
    provision(client, 2)
    node.advance(HOUR_S)
    found = stood(node)["Lambda-Provisioned-Concurrency", "1"]
    assert 2 * 256 * HOUR_S <= found <= 2 * 256 * (HOUR_S + SLACK_S)
    client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    node.advance(DAY_S)
    assert stood(node) == {("Lambda-Provisioned-Concurrency", "1"): 2 * 256 * (HOUR_S + 300)}


def test_a_change_goes_on_at_once_and_is_the_same_period(client: Any, node: RunningNode) -> None:
    arn = deploy(client, MemorySize=256, Tags={"team": "blue"})
    client.publish_version(FunctionName="f")
    provision(client, 1)
    node.advance(600)
    provision(client, 3)
    node.advance(60)
    client.tag_resource(Resource=arn, Tags={"team": "red"})
    node.advance(60)
    client.delete_function(FunctionName="f")
    first, second, third = spans(node)
    assert first[:3] == ("1", '{"team":"blue"}', 256)
    assert second[:3] == ("1", '{"team":"blue"}', 768)
    assert third[:3] == ("1", '{"team":"red"}', 768)
    lengths = [span[3] or 0 for span in (first, second, third)]
    assert 600 <= lengths[0] <= 600 + SLACK_S
    assert 60 <= lengths[1] <= 60 + SLACK_S
    assert 897 <= sum(lengths) <= 900  # of the whole period, each rounded down to a second


def test_what_an_alias_has_moves_with_it(client: Any, node: RunningNode) -> None:
    deploy(client, MemorySize=128)
    client.publish_version(FunctionName="f")
    client.update_function_configuration(FunctionName="f", MemorySize=512)
    wait_until_updated(client, "f")
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    provision(client, 4, "live")
    client.update_alias(
        FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.25}}
    )
    client.update_alias(
        FunctionName="f", Name="live", FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {}}
    )
    assert [(version, mb) for version, _, mb, end in spans(node)] == [("1", 512), ("1", 384), ("2", 512), ("2", 2048)]
    assert [version for version, _, _, end in spans(node) if end is None] == ["2"]
    client.delete_alias(FunctionName="f", Name="live")
    assert all(end is not None for *_, end in spans(node))


def test_a_snapshot_costs_until_its_version_is_deleted_and_three_hours_at_least(client: Any, node: RunningNode) -> None:
    deploy(client, MemorySize=512, SnapStart={"ApplyOn": "PublishedVersions"})
    for _ in range(2):
        version = client.publish_version(FunctionName="f", Description="")["Version"]
        client.get_waiter("published_version_active").wait(
            FunctionName="f", Qualifier=version, WaiterConfig={"Delay": 0.05, "MaxAttempts": 1200}
        )
        client.update_function_configuration(FunctionName="f", Description=version, MemorySize=512 + int(version))
        wait_until_updated(client, "f")
    client.delete_function(FunctionName="f", Qualifier="1")
    node.advance(4 * HOUR_S)
    found = stood(node)
    assert found["Lambda-SnapStart-Cached-GB-S", "1"] == 512 * 3 * HOUR_S
    assert 513 * 4 * HOUR_S <= found["Lambda-SnapStart-Cached-GB-S", "2"] <= 513 * (4 * HOUR_S + SLACK_S)
    client.delete_function(FunctionName="f")
    assert all(end is not None for *_, end in spans(node))


def test_what_stood_before_it_was_counted_begins_when_the_node_does(client: Any, node: RunningNode) -> None:
    deploy(client, MemorySize=256)
    client.publish_version(FunctionName="f")
    provision(client, 1)
    node.run(node.node.store.write(forget_all))
    node.run(node.node.store.write(standing.reckon_all))
    node.run(node.node.store.write(standing.reckon_all))
    assert spans(node) == [("1", "{}", 256, None)]


def forget_all(tx: Any) -> None:
    tx.lock("lambda", ARN)
    tx.run("DELETE FROM lambda_standing")


def test_what_ended_long_ago_is_forgotten(client: Any, node: RunningNode) -> None:
    deploy(client)
    client.publish_version(FunctionName="f")
    provision(client, 1)
    client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    node.run(node.node.store.write(standing.forget))
    assert len(spans(node)) == 1
    node.advance(1190 * DAY_S)
    node.run(node.node.store.write(standing.forget))
    assert spans(node) == []


def test_a_span_is_divided_among_its_days_exactly() -> None:
    consumer = Consumer("0", "r", "f", "1", "{}")
    day_ms = DAY_S * 1000
    span = standing.Span(consumer, price.PROVISIONED.name, 128, day_ms - 5, 3 * day_ms + 7)
    found = list(span.sums(10 * day_ms, 0, 10))
    assert [(each.day, each.units) for each in found] == [
        *((0, 5 * 128), (1, day_ms * 128), (2, day_ms * 128), (3, 7 * 128))
    ]
    assert list(span.sums(10 * day_ms, 3, 3)) == [Sum(consumer, 3, price.PROVISIONED.name, 7 * 128)]
    assert list(span.sums(10 * day_ms, 4, 9)) == []
    going_on = standing.Span(consumer, price.PROVISIONED.name, 128, day_ms - 5, None)
    assert [each.units for each in going_on.sums(day_ms + 1, 0, 10)] == [5 * 128, 128]
