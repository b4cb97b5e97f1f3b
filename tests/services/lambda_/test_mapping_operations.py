"""The API of event source mappings, through boto3: what is refused and why, what is shown, and the states between."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal, status_of
from tests.functions import ROLE, deploy
from tests.running_node import RunningNode, running_node
from wakeful.services.lambda_.sources import mappings

HERE = "us-east-1:000000000000"
FUNCTION = f"arn:aws:lambda:{HERE}:function"


@pytest.fixture(scope="module")
def lambda_(shared_node: RunningNode) -> Any:
    """Functions f (version 1, alias live) and g that never run: their queues stay empty."""
    client = shared_node.client("lambda")
    for name in ("f", "g"):
        deploy(client, name, Timeout=10)
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    for name in ("q", "q.fifo", "brief"):
        attributes = {"FifoQueue": "true"} if name == "q.fifo" else {}
        queue(shared_node, name, **attributes)
    queue(shared_node, "brief", VisibilityTimeout="5")
    return client


def queue(node: RunningNode, name: str, **attributes: str) -> str:
    url = node.client("sqs").create_queue(QueueName=name, Attributes={} if name == "brief" else attributes)["QueueUrl"]
    if name == "brief" and attributes:
        node.client("sqs").set_queue_attributes(QueueUrl=url, Attributes=attributes)
    return f"arn:aws:sqs:{HERE}:{name}"


@pytest.fixture
def emptied(lambda_: Any) -> Iterator[Any]:
    """Leaves no mapping behind."""
    yield lambda_
    for each in lambda_.list_event_source_mappings()["EventSourceMappings"]:
        lambda_.delete_event_source_mapping(UUID=each["UUID"])
        gone(lambda_, each["UUID"])


def made(client: Any, name: str = "q", function: str = "f", **more: Any) -> str:
    request = {"EventSourceArn": f"arn:aws:sqs:{HERE}:{name}", "FunctionName": function, **more}
    return str(client.create_event_source_mapping(**request)["UUID"])


def settled(client: Any, uuid: str, state: str) -> dict[str, Any]:
    """The mapping, once it is in that state, as tools wait for it."""
    deadline = time.monotonic() + 20
    while (shown := client.get_event_source_mapping(UUID=uuid))["State"] != state:
        assert time.monotonic() < deadline, shown
    return dict(shown)


def gone(client: Any, uuid: str) -> None:
    deadline = time.monotonic() + 20
    while any(each["UUID"] == uuid for each in client.list_event_source_mappings()["EventSourceMappings"]):
        assert time.monotonic() < deadline, "it never went"


UNSUPPORTED = "Unsupported {} parameter for given event source mapping type."


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater"),
        ({"StartingPosition": "LATEST"}, "StartingPosition is not valid for SQS event sources."),
        ({"StartingPositionTimestamp": 1.0}, "StartingPosition is not valid for SQS event sources."),
        ({"ParallelizationFactor": 1}, UNSUPPORTED.format("ParallelizationFactor")),
        ({"BisectBatchOnFunctionError": True}, UNSUPPORTED.format("BisectBatchOnFunctionError")),
        ({"MaximumRetryAttempts": 0}, UNSUPPORTED.format("MaximumRetryAttempts")),
        ({"MaximumRecordAgeInSeconds": 60}, UNSUPPORTED.format("MaximumRecordAgeInSeconds")),
        ({"TumblingWindowInSeconds": 1}, UNSUPPORTED.format("TumblingWindowInSeconds")),
        ({"DestinationConfig": {"OnFailure": {"Destination": FUNCTION}}}, UNSUPPORTED.format("DestinationConfig")),
        ({"Topics": ["t1"]}, UNSUPPORTED.format("Topics")),
        ({"Queues": ["q"]}, UNSUPPORTED.format("Queues")),
        (
            {"SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "arn:x"}]},
            UNSUPPORTED.format("SourceAccessConfigurations"),
        ),
        (
            {"AmazonManagedKafkaEventSourceConfig": {"ConsumerGroupId": "g"}},
            UNSUPPORTED.format("AmazonManagedKafkaEventSourceConfig"),
        ),
        ({"DocumentDBEventSourceConfig": {"DatabaseName": "d"}}, UNSUPPORTED.format("DocumentDBEventSourceConfig")),
        ({"LoggingConfig": {"SystemLogLevel": "INFO"}}, UNSUPPORTED.format("LoggingConfig")),
        ({"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/1"}, "Wakeful does not have KMSKeyArn"),
        ({"MetricsConfig": {"Metrics": ["KafkaMetrics"]}}, "Unsupported metric KafkaMetrics"),
        ({"MetricsConfig": {"Metrics": ["EventCount", "ErrorCount"]}}, "Unsupported metric ErrorCount"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "no pattern"}]}}, "Invalid filter pattern definition."),
        ({"FilterCriteria": {"Filters": [{"Pattern": '{"body": "text"}'}]}}, "Invalid filter pattern definition."),
        ({"FilterCriteria": {"Filters": [{}]}}, "Invalid filter pattern definition."),
        ({"FilterCriteria": {"Filters": [{"Pattern": '{"body": ["a"]}'}] * 6}}, "Too many filters"),
        ({"ProvisionedPollerConfig": {"MinimumPollers": 1}}, "must be at least 2"),
        ({"ProvisionedPollerConfig": {"MinimumPollers": 5, "MaximumPollers": 4}}, "less than or equal"),
        ({"ProvisionedPollerConfig": {"PollerGroupName": "g"}}, UNSUPPORTED.format("PollerGroupName")),
        (
            {"ProvisionedPollerConfig": {"MinimumPollers": 2}, "ScalingConfig": {"MaximumConcurrency": 2}},
            "exclude each other",
        ),
        ({"EventSourceArn": f"arn:aws:sqs:{HERE}:none"}, "AWS.SimpleQueueService.NonExistentQueue"),
        (
            {"EventSourceArn": f"arn:aws:sqs:{HERE}:q.fifo", "MaximumBatchingWindowInSeconds": 1},
            "Batching window is not supported for FIFO queues",
        ),
        (
            {"EventSourceArn": f"arn:aws:sqs:{HERE}:brief"},
            "Queue visibility timeout: 5 seconds is less than Function timeout: 10 seconds",
        ),
        ({"EventSourceArn": f"arn:aws:kafka:{HERE}:cluster/c/1"}, "cannot draw from Amazon MSK and Apache Kafka yet"),
        ({"EventSourceArn": f"arn:aws:mq:{HERE}:broker:b:1"}, "cannot draw from Amazon MQ yet"),
        ({"EventSourceArn": f"arn:aws:rds:{HERE}:cluster:c"}, "cannot draw from Amazon DocumentDB yet"),
        ({"EventSourceArn": f"arn:aws:s3:{HERE}:b"}, "cannot draw from s3 yet"),
        ({"SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["a:1"]}}}, "self-managed Apache Kafka"),
        ({"FunctionName": "nobody"}, "Function does not exist"),
        ({"FunctionName": "f:7"}, "Function does not exist"),
        ({"Tags": {"aws:mine": "1"}}, "reserved for internal use"),
    ],
)
def test_mappings_that_cannot_be_are_refused(lambda_: Any, more: dict[str, Any], words: str) -> None:
    request = {"EventSourceArn": f"arn:aws:sqs:{HERE}:q", "FunctionName": "f", **more}
    code, message = refusal(lambda_.create_event_source_mapping, **request)
    assert code == "InvalidParameterValueException"
    assert words in message
    assert lambda_.list_event_source_mappings()["EventSourceMappings"] == []


@pytest.mark.parametrize(
    "more",
    [
        {"BatchSize": 0},
        {"BatchSize": 10_001},
        {"MaximumBatchingWindowInSeconds": 301},
        {"ScalingConfig": {"MaximumConcurrency": 1}},
        {"ScalingConfig": {"MaximumConcurrency": 1001}},
        {"ProvisionedPollerConfig": {"MaximumPollers": 10_001}},
        {"FunctionResponseTypes": ["Everything"]},
    ],
)
def test_values_beyond_the_models_bounds_are_not_valid(lambda_: Any, shared_node: RunningNode, more: Any) -> None:
    client = shared_node.client("lambda", config={"parameter_validation": False})
    request = {"EventSourceArn": f"arn:aws:sqs:{HERE}:q", "FunctionName": "f", **more}
    assert refusal(client.create_event_source_mapping, **request)[0] == "ValidationException"


def test_without_a_source_there_is_none_to_recognise(lambda_: Any) -> None:
    said = ("InvalidParameterValueException", "Unrecognized event source.")
    assert refusal(lambda_.create_event_source_mapping, FunctionName="f") == said


def test_what_asks_for_nothing_is_no_parameter_of_another_kind(emptied: Any) -> None:
    """Tools send the empty values of parameters that a queue's mapping does not have."""
    nothing: dict[str, Any] = {
        "BisectBatchOnFunctionError": False,
        "TumblingWindowInSeconds": 0,
        "DestinationConfig": {"OnFailure": {"Destination": ""}},
        "KMSKeyArn": "",
        "SourceAccessConfigurations": [],
        "FilterCriteria": {},
        "ScalingConfig": {},
        "MetricsConfig": {"Metrics": []},
    }
    shown = settled(emptied, made(emptied, **nothing), "Enabled")
    assert nothing.keys() & shown.keys() == set()


def test_a_mapping_is_shown_as_it_was_made_and_goes_through_awss_states(emptied: Any) -> None:
    made_as = {
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 5,
        "FilterCriteria": {"Filters": [{"Pattern": '{"body": ["a"]}'}]},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MetricsConfig": {"Metrics": ["EventCount"]},
        "ScalingConfig": {"MaximumConcurrency": 2},
    }
    answer = emptied.create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{HERE}:q", FunctionName="f", Tags={"a": "1"}, **made_as
    )
    uuid = answer["UUID"]
    assert (answer["State"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("Creating", 202)
    shown = settled(emptied, uuid, "Enabled")
    wanted = {
        **made_as,
        "UUID": uuid,
        "EventSourceMappingArn": f"arn:aws:lambda:{HERE}:event-source-mapping:{uuid}",
        "EventSourceArn": f"arn:aws:sqs:{HERE}:q",
        "FunctionArn": f"{FUNCTION}:f",
        "State": "Enabled",
        "StateTransitionReason": "USER_INITIATED",
        "LastProcessingResult": "No records processed",
    }
    assert {name: shown[name] for name in shown if name not in ("LastModified", "ResponseMetadata")} == wanted
    changed = emptied.update_event_source_mapping(UUID=uuid, BatchSize=7, ScalingConfig={}, FilterCriteria={})
    assert (changed["State"], changed["BatchSize"]) == ("Updating", 7)
    assert {"ScalingConfig", "FilterCriteria"} & changed.keys() == set()
    assert changed["LastModified"] >= shown["LastModified"]
    assert emptied.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Disabling"
    settled(emptied, uuid, "Disabled")
    assert emptied.update_event_source_mapping(UUID=uuid, MetricsConfig={"Metrics": []})["State"] == "Updating"
    assert "MetricsConfig" not in settled(emptied, uuid, "Disabled")
    assert emptied.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    settled(emptied, uuid, "Enabled")
    assert emptied.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    gone(emptied, uuid)
    assert refusal(emptied.get_event_source_mapping, UUID=uuid) == (
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    )


def test_one_that_was_made_disabled_is_so_at_once(emptied: Any) -> None:
    request = {"EventSourceArn": f"arn:aws:sqs:{HERE}:q", "FunctionName": "f", "Enabled": False}
    assert emptied.create_event_source_mapping(**request)["State"] == "Disabled"


def test_a_mapping_of_a_store_that_knew_no_work_rows_is_tended(emptied: Any, shared_node: RunningNode) -> None:
    def forget(tx: Any) -> None:
        tx.lock("work", "all")
        tx.run("DELETE FROM work_items WHERE kind = ?", mappings.KIND)

    uuid = made(emptied, Enabled=False)
    ended = made(emptied, "q.fifo", Enabled=False)
    emptied.update_event_source_mapping(UUID=uuid, Enabled=True)
    settled(emptied, uuid, "Enabled")
    store = shared_node.node.store
    shared_node.run(store.write(forget))
    shared_node.run(store.write(mappings.first))
    tended = shared_node.run(store.read(lambda tx: tx.all("SELECT name FROM work_items WHERE kind = ?", mappings.KIND)))
    assert [row["name"] for row in tended] == [f"lambda.mapping {uuid}"]
    assert settled(emptied, ended, "Disabled")


def test_provisioned_pollers_have_both_bounds_and_can_be_taken_away(emptied: Any) -> None:
    uuid = made(emptied, ProvisionedPollerConfig={"MinimumPollers": 3})
    shown = settled(emptied, uuid, "Enabled")
    assert shown["ProvisionedPollerConfig"] == {"MinimumPollers": 3, "MaximumPollers": 200}
    code, message = refusal(emptied.update_event_source_mapping, UUID=uuid, ScalingConfig={"MaximumConcurrency": 5})
    assert (code, "exclude each other" in message) == ("InvalidParameterValueException", True)
    more = {"ProvisionedPollerConfig": {}, "ScalingConfig": {"MaximumConcurrency": 5}}
    changed = emptied.update_event_source_mapping(UUID=uuid, **more)
    assert ("ProvisionedPollerConfig" in changed, changed["ScalingConfig"]) == (False, {"MaximumConcurrency": 5})


@pytest.mark.parametrize("name", ["f", "function:f", f"{FUNCTION}:f", "000000000000:function:f"])
def test_a_function_may_be_named_in_every_form(emptied: Any, name: str) -> None:
    uuid = made(emptied, function=name)
    (found,) = emptied.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    assert (found["UUID"], found["FunctionArn"]) == (uuid, f"{FUNCTION}:f")


def test_the_same_mapping_is_made_only_once_and_others_of_the_queue_may_be(emptied: Any) -> None:
    arn = f"arn:aws:sqs:{HERE}:q"
    uuid = made(emptied, function="f")
    said = (
        f'An event source mapping with SQS arn (" {arn} ") and function (" f ") already exists. Please update or'
        f" delete the existing mapping with UUID {uuid}"
    )
    same = {"EventSourceArn": arn, "FunctionName": "f"}
    assert refusal(emptied.create_event_source_mapping, **same) == ("ResourceConflictException", said)
    assert status_of(emptied.create_event_source_mapping, **same) == 409
    others = [made(emptied, function=name, Enabled=False) for name in ("f:1", "f:live", "g")]
    code, message = refusal(emptied.update_event_source_mapping, UUID=others[0], FunctionName="f")
    assert (code, message) == ("ResourceConflictException", said)
    assert emptied.update_event_source_mapping(UUID=others[0], FunctionName="f:1")["FunctionArn"].endswith(":f:1")
    changed = emptied.update_event_source_mapping(UUID=others[0], FunctionName="f:$LATEST")
    assert changed["FunctionArn"] == f"{FUNCTION}:f:$LATEST"


def test_mappings_are_listed_in_pages_by_function_and_by_queue(emptied: Any) -> None:
    wanted = {made(emptied, function=name, Enabled=False) for name in ("f", "f:1", "g")}
    of_fifo = made(emptied, "q.fifo", "g", Enabled=False)
    pages = list(emptied.get_paginator("list_event_source_mappings").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["EventSourceMappings"]) for page in pages] == [3, 1]
    assert {each["UUID"] for page in pages for each in page["EventSourceMappings"]} == {*wanted, of_fifo}

    def listed(**by: str) -> set[str]:
        found = emptied.list_event_source_mappings(**by)["EventSourceMappings"]
        return {
            f"{each['EventSourceArn'].rsplit(':', 1)[1]} {each['FunctionArn'][len(FUNCTION) + 1 :]}" for each in found
        }

    assert listed(EventSourceArn=f"arn:aws:sqs:{HERE}:q") == {"q f", "q f:1", "q g"}
    assert listed(FunctionName="g") == {"q g", "q.fifo g"}
    assert listed(FunctionName="f:1") == {"q f:1"}
    assert listed(FunctionName="g", EventSourceArn=f"arn:aws:sqs:{HERE}:q.fifo") == {"q.fifo g"}
    assert listed(FunctionName="f:live") == set()
    code, _ = refusal(emptied.list_event_source_mappings, Marker="of nobody")
    assert code == "InvalidParameterValueException"


def test_a_mapping_has_tags_that_go_with_it(emptied: Any) -> None:
    uuid = made(emptied, Tags={"a": "1"}, Enabled=False)
    arn = emptied.get_event_source_mapping(UUID=uuid)["EventSourceMappingArn"]
    assert emptied.list_tags(Resource=arn)["Tags"] == {"a": "1"}
    emptied.tag_resource(Resource=arn, Tags={"b": "2"})
    emptied.untag_resource(Resource=arn, TagKeys=["a"])
    assert emptied.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    emptied.delete_event_source_mapping(UUID=uuid)
    gone(emptied, uuid)
    for operation, more in (
        (emptied.list_tags, {}),
        (emptied.tag_resource, {"Tags": {"a": "b"}}),
        (emptied.untag_resource, {"TagKeys": ["a"]}),
    ):
        assert refusal(operation, Resource=arn, **more)[0] == "ResourceNotFoundException"


def test_a_mapping_that_is_not_there_or_anothers_is_not_found(emptied: Any, shared_node: RunningNode) -> None:
    uuid = made(emptied, Enabled=False)
    stranger = shared_node.client("lambda", key="111111111111")
    elsewhere = shared_node.client("lambda", region="eu-west-1")
    nobody = "00000000-0000-0000-0000-000000000000"
    for client, asked in ((emptied, nobody), (stranger, uuid), (elsewhere, uuid)):
        said = ("ResourceNotFoundException", "The resource you requested does not exist.")
        assert refusal(client.get_event_source_mapping, UUID=asked) == said
        assert refusal(client.update_event_source_mapping, UUID=asked) == said
        assert refusal(client.delete_event_source_mapping, UUID=asked) == said
    assert stranger.list_event_source_mappings()["EventSourceMappings"] == []


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_a_change_waits_for_the_one_before_and_is_refused_when_that_takes_long(
    emptied: Any, shared_node: RunningNode, operation: str
) -> None:
    """A state that lasts, as Disabling does while a batch is in work."""
    uuid = made(emptied, Enabled=False)

    def put(state: str) -> None:
        def write(tx: Any) -> None:
            tx.lock("lambda", uuid)
            tx.run("UPDATE lambda_mappings SET state = ? WHERE uuid = ?", state, uuid)
            tx.wake(mappings.wake_name(uuid))

        shared_node.run(shared_node.node.store.write(write))

    def late() -> None:
        shared_node.wait_for_listener(mappings.wake_name(uuid))
        shared_node.advance(11)

    change = getattr(emptied, f"{operation}_event_source_mapping")
    said = ("ResourceInUseException", f"Cannot {operation} the event source mapping because it is in use.")
    put("Deleting")
    assert refusal(change, UUID=uuid) == said
    put("Disabling")
    waiting = threading.Thread(target=late)
    waiting.start()
    assert refusal(change, UUID=uuid) == said
    waiting.join()
    put("Disabled")


def test_where_rights_are_enforced_the_role_must_be_allowed_to_draw(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        iam, client = node.client("iam"), node.client("lambda")
        trust = (
            '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",'
            ' "Principal": {"Service": "lambda.amazonaws.com"}}}'
        )
        iam.create_role(RoleName=ROLE.rsplit("/", 1)[1], AssumeRolePolicyDocument=trust)
        deploy(client, "f", Timeout=10)
        arn = queue(node, "q")
        role = {"RoleName": ROLE.rsplit("/", 1)[1], "PolicyName": "p"}
        needed: list[str] = []
        for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            code, message = refusal(client.create_event_source_mapping, EventSourceArn=arn, FunctionName="f")
            assert code == "InvalidParameterValueException"
            assert message == (f"The provided execution role does not have permissions to call {action} on SQS")
            needed.append(f'"sqs:{action}"')
            allow = f'{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": [{", ".join(needed)}],'
            iam.put_role_policy(**role, PolicyDocument=f'{allow} "Resource": "{arn}"}}}}')
        uuid = client.create_event_source_mapping(EventSourceArn=arn, FunctionName="f")["UUID"]
        settled(client, uuid, "Enabled")
        iam.delete_role_policy(**role)
        node.settle()
        shown = client.get_event_source_mapping(UUID=uuid)
        said = "PROBLEM: The provided execution role does not have permissions to call ReceiveMessage on SQS"
        assert (shown["State"], shown["LastProcessingResult"]) == ("Enabled", said)
