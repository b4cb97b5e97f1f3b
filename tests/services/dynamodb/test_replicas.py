"""Global tables: the same table in several regions of the node."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.dynamodb.kept import NAME, contents, definitions, index, keys, plain, put, refused
from wakeful import limits

HERE, THERE, ELSEWHERE = "us-east-1", "eu-west-1", "ap-southeast-2"


@pytest.fixture
def here(node: RunningNode) -> Any:
    return node.client("dynamodb", region=HERE)


@pytest.fixture
def there(node: RunningNode) -> Any:
    return node.client("dynamodb", region=THERE)


def add(node: RunningNode, client: Any, *regions: str, **more: Any) -> None:
    for region in regions:
        client.update_table(TableName=NAME, ReplicaUpdates=[{"Create": {"RegionName": region, **more}}])
        node.settle()


def described(client: Any) -> Any:
    return client.describe_table(TableName=NAME)["Table"]


def replicas(client: Any) -> dict[str, str]:
    return {each["RegionName"]: each["ReplicaStatus"] for each in described(client).get("Replicas", ())}


def test_what_is_written_in_one_region_is_in_all_of_them(
    node: RunningNode, here: Any, there: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DYNAMODB_COPIED_AT_ONCE", 3)
    elsewhere = node.client("dynamodb", region=ELSEWHERE)
    by_g = [index("by-g", keys("g"))]
    here.create_table(**plain(NAME, AttributeDefinitions=definitions(p="S", g="S"), GlobalSecondaryIndexes=by_g))
    for number in range(10):
        item = {"p": {"S": f"key-{number}"}, "g": {"S": "same"}, "v": {"N": str(number)}}
        here.put_item(TableName=NAME, Item=item)
    add(node, here, THERE)
    add(node, there, ELSEWHERE)
    active = dict.fromkeys((HERE, THERE, ELSEWHERE), "ACTIVE")
    for client in (here, there, elsewhere):
        assert replicas(client) == active
        told = described(client)
        assert told["TableStatus"] == "ACTIVE"
        assert told["GlobalTableVersion"] == "2019.11.21"
        assert (told["ItemCount"], told["GlobalSecondaryIndexes"][0]["ItemCount"]) == (10, 10)
        assert told["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE"
        assert told["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    put(there, "key-1", 100)
    put(elsewhere, "new", 200)
    here.delete_item(TableName=NAME, Key={"p": {"S": "key-0"}})
    there.update_item(
        TableName=NAME,
        Key={"p": {"S": "key-2"}},
        UpdateExpression="ADD v :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    writes = [{"Put": {"TableName": NAME, "Item": {"p": {"S": key}, "v": {"N": "7"}}}} for key in ("t-1", "t-2")]
    elsewhere.transact_write_items(TransactItems=writes)
    expected = {f"key-{number}": number for number in range(3, 10)}
    expected |= {"key-1": 100, "key-2": 3, "new": 200, "t-1": 7, "t-2": 7}
    for region in (HERE, THERE, ELSEWHERE):
        assert contents(node, region=region) == expected
        assert described(node.client("dynamodb", region=region))["ItemCount"] == len(expected)
    item = there.get_item(TableName=NAME, Key={"p": {"S": "key-3"}})["Item"]
    assert set(item) == {"p", "g", "v"}, "no attributes of replication, as with AWS's version of today"


def test_what_is_written_while_a_replica_is_filled_is_in_it(
    node: RunningNode, here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DYNAMODB_COPIED_AT_ONCE", 2)
    here.create_table(**plain(NAME))
    for number in range(30):
        put(here, f"key-{number}", number)
    here.update_table(TableName=NAME, ReplicaUpdates=[{"Create": {"RegionName": THERE}}])
    for number in range(0, 30, 3):
        put(here, f"key-{number}", 1000 + number)
        here.delete_item(TableName=NAME, Key={"p": {"S": f"key-{number + 1}"}})
    node.settle()
    assert contents(node, region=THERE) == contents(node)
    assert len(contents(node)) == 20


def test_regions_part_again(node: RunningNode, here: Any, there: Any) -> None:
    here.create_table(**plain(NAME, StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}))
    put(here, "a", 1)
    add(node, here, THERE, ELSEWHERE)
    assert described(there)["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    here.update_table(TableName=NAME, ReplicaUpdates=[{"Delete": {"RegionName": THERE}}])
    assert replicas(here) == {HERE: "ACTIVE", ELSEWHERE: "ACTIVE"}
    assert refused(there.describe_table, TableName=NAME)[0] == "ResourceNotFoundException"
    leaving = [{"Disassociate": {"RegionName": ELSEWHERE, "DisassociationMode": "WAIT_FOR_REPLICATION"}}]
    elsewhere = node.client("dynamodb", region=ELSEWHERE)
    assert "in its own Region" in refused(here.update_table, TableName=NAME, ReplicaUpdates=leaving)[1]
    assert "protected against" in refused(elsewhere.update_table, TableName=NAME, ReplicaUpdates=leaving)[1]
    assert described(elsewhere)["DisassociationProtectionEnabled"]
    elsewhere.update_table(TableName=NAME, DisassociationProtectionEnabled=False)
    elsewhere.update_table(TableName=NAME, ReplicaUpdates=leaving)
    assert replicas(here) == {}
    for client in (here, elsewhere):
        assert not {"GlobalTableVersion", "DisassociationProtectionEnabled"} & set(described(client))
    put(here, "a", 2)
    assert contents(node, region=ELSEWHERE) == {"a": 1}
    assert replicas(node.client("dynamodb", region=ELSEWHERE)) == {}
    here.update_table(TableName=NAME, StreamSpecification={"StreamEnabled": False})
    assert "StreamSpecification" not in described(here)
    add(node, here, THERE)
    there.delete_table(TableName=NAME)
    assert replicas(here) == {}


def test_a_region_keeps_the_capacity_of_its_own_whatever_is_changed_in_another(
    node: RunningNode, here: Any, there: Any
) -> None:
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    by_g = [index("by-g", keys("g"), ProvisionedThroughput=units)]
    more = {"AttributeDefinitions": definitions(p="S", g="S"), "GlobalSecondaryIndexes": by_g}
    here.create_table(**plain(NAME, BillingMode="PROVISIONED", ProvisionedThroughput=units, **more))
    own = {"ProvisionedThroughputOverride": {"ReadCapacityUnits": 10}}
    add(node, here, THERE, **own, GlobalSecondaryIndexes=[{"IndexName": "by-g", **own}])

    def capacity(client: Any) -> list[tuple[int, int]]:
        found = described(client)
        units = [each["ProvisionedThroughput"] for each in (found, *found["GlobalSecondaryIndexes"])]
        return [(each["ReadCapacityUnits"], each["WriteCapacityUnits"]) for each in units]

    def change(reads: int, writes: int, **more: Any) -> None:
        units = {"ReadCapacityUnits": reads, "WriteCapacityUnits": writes}
        update = [{"Update": {"IndexName": "by-g", "ProvisionedThroughput": units}}]
        here.update_table(TableName=NAME, ProvisionedThroughput=units, GlobalSecondaryIndexUpdates=update, **more)

    assert (capacity(here), capacity(there)) == ([(5, 5)] * 2, [(10, 5)] * 2)
    change(10, 5)  # as it is there already
    assert (capacity(here), capacity(there)) == ([(10, 5)] * 2, [(10, 5)] * 2)
    change(7, 9)
    assert (capacity(here), capacity(there)) == ([(7, 9)] * 2, [(10, 9)] * 2)
    here.update_table(TableName=NAME, BillingMode="PAY_PER_REQUEST")
    assert capacity(there) == [(0, 0)] * 2
    change(7, 9, BillingMode="PROVISIONED")
    assert (capacity(here), capacity(there)) == ([(7, 9)] * 2, [(10, 9)] * 2)


def test_a_region_that_is_protected_is_not_deleted_from_another(node: RunningNode, here: Any, there: Any) -> None:
    here.create_table(**plain(NAME))
    add(node, here, THERE)
    there.update_table(TableName=NAME, DeletionProtectionEnabled=True)
    deletion = [{"Delete": {"RegionName": THERE}}]
    assert refused(here.update_table, TableName=NAME, ReplicaUpdates=deletion) == refused(
        there.delete_table, TableName=NAME
    )
    assert replicas(here) == {HERE: "ACTIVE", THERE: "ACTIVE"}
    there.update_table(TableName=NAME, DeletionProtectionEnabled=False)
    here.update_table(TableName=NAME, ReplicaUpdates=deletion)
    assert replicas(here) == {}


def test_a_write_is_consumed_in_every_region_and_told_of_one(node: RunningNode, here: Any) -> None:
    by_g = [index("by-g", keys("g"))]
    here.create_table(**plain(NAME, AttributeDefinitions=definitions(p="S", g="S"), GlobalSecondaryIndexes=by_g))
    add(node, here, THERE)
    item = {"p": {"S": "a"}, "g": {"S": "x"}, "v": {"S": "v" * 1500}}
    told = here.put_item(TableName=NAME, Item=item, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert told["CapacityUnits"] == 4.0
    now = node.node.clock.now()
    for region in (HERE, THERE):
        for more in ([], [{"Name": "GlobalSecondaryIndexName", "Value": "by-g"}]):
            (point,) = node.client("cloudwatch", region=region).get_metric_statistics(
                Namespace="AWS/DynamoDB",
                MetricName="ConsumedWriteCapacityUnits",
                Dimensions=[{"Name": "TableName", "Value": NAME}, *more],
                StartTime=now - 600,
                EndTime=now + 60,
                Period=3600,
                Statistics=["Sum"],
            )["Datapoints"]
            assert point["Sum"] == 2.0


def test_settings_of_a_global_table_hold_in_every_region(node: RunningNode, here: Any, there: Any) -> None:
    here.create_table(**plain(NAME))
    for number in range(3):
        here.put_item(TableName=NAME, Item={"p": {"S": str(number)}, "g": {"S": "x"}, "at": {"N": "100"}})
    add(node, here, THERE, TableClassOverride="STANDARD_INFREQUENT_ACCESS")
    assert described(there)["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert "TableClassSummary" not in described(here)
    (told,) = [each for each in described(here)["Replicas"] if each["RegionName"] == THERE]
    assert told["ReplicaTableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    made = {"Create": index("by-g", keys("g"))}
    there.update_table(
        TableName=NAME, AttributeDefinitions=definitions(p="S", g="S"), GlobalSecondaryIndexUpdates=[made]
    )
    node.settle()
    for client in (here, there):
        (found,) = described(client)["GlobalSecondaryIndexes"]
        assert (found["IndexName"], found["IndexStatus"], found["ItemCount"]) == ("by-g", "ACTIVE", 3)
    expiring = {"Enabled": True, "AttributeName": "at"}
    there.update_time_to_live(TableName=NAME, TimeToLiveSpecification=expiring)
    for client in (here, there):
        told = client.describe_time_to_live(TableName=NAME)["TimeToLiveDescription"]
        assert told == {"TimeToLiveStatus": "ENABLED", "AttributeName": "at"}
    soon = int(node.node.clock.now()) + 60
    there.put_item(TableName=NAME, Item={"p": {"S": "0"}, "at": {"N": str(soon)}})
    node.advance(120)
    for client in (here, there):
        assert "Item" not in client.get_item(TableName=NAME, Key={"p": {"S": "0"}})
        assert "Item" in client.get_item(TableName=NAME, Key={"p": {"S": "1"}})
    change = {"RegionName": THERE, "TableClassOverride": "STANDARD"}
    here.update_table(TableName=NAME, ReplicaUpdates=[{"Update": change}])
    assert described(there)["TableClassSummary"]["TableClass"] == "STANDARD"


def test_what_cannot_become_of_replicas_is_refused(node: RunningNode, here: Any) -> None:
    here.create_table(**plain(NAME))

    def answer(**action: Any) -> str:
        code, message = refused(here.update_table, TableName=NAME, ReplicaUpdates=[action])
        assert code == "ValidationException"
        return message

    local = "Cannot add or delete the local region through ReplicaUpdates."
    assert answer(Create={"RegionName": HERE}).startswith(local)
    assert answer(Delete={"RegionName": HERE}).startswith(local)
    assert "not part of the global table" in answer(Delete={"RegionName": THERE})
    assert "Unsupported Region" in answer(Create={"RegionName": "the moon"})
    node.client("dynamodb", region=THERE).create_table(**plain(NAME))
    assert answer(Create={"RegionName": THERE}).endswith(
        f"table with name: '{NAME}' because one or more replicas already existed as tables."
    )
    add(node, here, ELSEWHERE)
    wanted = {"StreamEnabled": False}
    code, message = refused(here.update_table, TableName=NAME, StreamSpecification=wanted)
    assert (code, message.endswith("not allowed for a Global Table replica.")) == ("ValidationException", True)


def test_the_version_of_2017_is_answered_as_aws_answers_it_today(shared_node: RunningNode) -> None:
    dynamodb = shared_node.client("dynamodb")
    code, message = refused(
        dynamodb.create_global_table, GlobalTableName=NAME, ReplicationGroup=[{"RegionName": THERE}]
    )
    assert code == "ValidationException"
    assert message.startswith("DynamoDB global tables version 2017.11.29 is not supported.")
    none = ("GlobalTableNotFoundException", f"Global table with name '{NAME}' does not exist.")
    update = [{"Create": {"RegionName": THERE}}]
    assert refused(dynamodb.update_global_table, GlobalTableName=NAME, ReplicaUpdates=update) == none
    assert refused(dynamodb.describe_global_table, GlobalTableName=NAME) == none
    assert refused(dynamodb.describe_global_table_settings, GlobalTableName=NAME) == none
    assert refused(dynamodb.update_global_table_settings, GlobalTableName=NAME) == none
    assert dynamodb.list_global_tables()["GlobalTables"] == []


def test_auto_scaling_is_described_as_it_was_set(node: RunningNode, here: Any, there: Any) -> None:
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    by_g = [index("by-g", keys("g"), ProvisionedThroughput=units)]
    more = {"AttributeDefinitions": definitions(p="S", g="S"), "GlobalSecondaryIndexes": by_g}
    here.create_table(**plain(NAME, BillingMode="PROVISIONED", ProvisionedThroughput=units, **more))
    add(node, here, THERE)
    tracking = {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70.0}}
    scaled = {"MinimumUnits": 1, "MaximumUnits": 10, "ScalingPolicyUpdate": tracking}
    here.update_table_replica_auto_scaling(
        TableName=NAME,
        ProvisionedWriteCapacityAutoScalingUpdate=scaled,
        GlobalSecondaryIndexUpdates=[
            {"IndexName": "by-g", "ProvisionedWriteCapacityAutoScalingUpdate": {"MinimumUnits": 2, "MaximumUnits": 4}}
        ],
        ReplicaUpdates=[
            {
                "RegionName": THERE,
                "ReplicaProvisionedReadCapacityAutoScalingUpdate": {"MinimumUnits": 3, "MaximumUnits": 30},
            }
        ],
    )
    told = there.describe_table_replica_auto_scaling(TableName=NAME)["TableAutoScalingDescription"]
    by_region = {each["RegionName"]: each for each in told["Replicas"]}
    assert set(by_region) == {HERE, THERE}
    for each in by_region.values():
        written = each["ReplicaProvisionedWriteCapacityAutoScalingSettings"]
        assert (written["MinimumUnits"], written["MaximumUnits"]) == (1, 10)
        (policy,) = written["ScalingPolicies"]
        assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 70.0
        (indexed,) = each["GlobalSecondaryIndexes"]
        assert indexed["ProvisionedWriteCapacityAutoScalingSettings"]["MaximumUnits"] == 4
    assert "ReplicaProvisionedReadCapacityAutoScalingSettings" not in by_region[HERE]
    assert by_region[THERE]["ReplicaProvisionedReadCapacityAutoScalingSettings"]["MaximumUnits"] == 30
    off = {"AutoScalingDisabled": True}
    here.update_table_replica_auto_scaling(TableName=NAME, ProvisionedWriteCapacityAutoScalingUpdate=off)
    told = here.describe_table_replica_auto_scaling(TableName=NAME)["TableAutoScalingDescription"]
    assert told["Replicas"][0]["ReplicaProvisionedWriteCapacityAutoScalingSettings"] == off
    upside_down = {"MinimumUnits": 5, "MaximumUnits": 4}
    assert refused(
        here.update_table_replica_auto_scaling,
        TableName=NAME,
        ProvisionedWriteCapacityAutoScalingUpdate=upside_down,
    )[0] == ("ValidationException")
