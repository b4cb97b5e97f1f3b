"""The API of mappings on streams, through boto3: what is refused and why, and what is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.functions import ROLE, deploy
from tests.running_node import RunningNode, running_node
from tests.services.dynamodb.following import make_table
from tests.services.lambda_.stream_stage import Journals
from wakeful.fabric import journal

HERE = "us-east-1:000000000000"
STREAM = f"arn:aws:kinesis:{HERE}:stream/s"
FUNCTION = f"arn:aws:lambda:{HERE}:function"
UNSUPPORTED = "Unsupported {} parameter for given event source mapping type."


@pytest.fixture(scope="module")
def lambda_(shared_node: RunningNode) -> Iterator[Any]:
    """A function that never runs, a stream that stays empty, and what may be told of failures."""
    node = shared_node.node
    before, node.streams = node.streams, {**node.streams, "kinesis": Journals()}
    shared_node.run(node.store.write(journal.open_shard, STREAM, "s0"))
    client = shared_node.client("lambda")
    deploy(client, "f", Timeout=10)
    shared_node.client("sqs").create_queue(QueueName="failed")
    shared_node.client("s3").create_bucket(Bucket="failed")
    yield client
    node.streams = before


@pytest.fixture
def emptied(lambda_: Any, shared_node: RunningNode) -> Iterator[Any]:
    """Leaves no mapping behind."""
    yield lambda_
    shared_node.settle()
    for each in lambda_.list_event_source_mappings()["EventSourceMappings"]:
        lambda_.delete_event_source_mapping(UUID=each["UUID"])
    shared_node.settle()


def filtering(pattern: str) -> dict[str, Any]:
    return {"FilterCriteria": {"Filters": [{"Pattern": pattern}]}}


def failing_to(arn: str) -> dict[str, Any]:
    return {"DestinationConfig": {"OnFailure": {"Destination": arn}}}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"StartingPosition": None},
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must"
            " not be null.",
        ),
        ({"StartingPosition": "AT_TIMESTAMP"}, "Need to specify a timestamp"),
        ({"StartingPositionTimestamp": 1.0}, "only valid with AT_TIMESTAMP"),
        (
            {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 9_999_999_999.0},
            "StartingPositionTimestamp cannot be in the future.",
        ),
        (
            {"StartingPosition": "AT_TIMESTAMP", "EventSourceArn": f"arn:aws:dynamodb:{HERE}:table/t/stream/1"},
            f"Unsupported starting position for arn type: arn:aws:dynamodb:{HERE}:table/t/stream/1",
        ),
        (
            {
                "EventSourceArn": f"arn:aws:dynamodb:{HERE}:table/t/stream/1",
                "ParallelizationFactor": 1,
                "Queues": ["q"],
            },
            UNSUPPORTED.format("Queues"),
        ),
        ({"EventSourceArn": f"{STREAM[:-1]}none"}, f"Stream not found: {STREAM[:-1]}none"),
        ({"EventSourceArn": f"arn:aws:dynamodb:{HERE}:table/t/stream/1"}, "Stream not found: "),
        ({"MaximumRecordAgeInSeconds": 59}, "must be -1, or between 60 and 604800"),
        ({"MaximumRecordAgeInSeconds": 0}, "must be -1, or between 60 and 604800"),
        ({"TumblingWindowInSeconds": 1, "ParallelizationFactor": 2}, "ParallelizationFactor must be 1"),
        ({"ScalingConfig": {"MaximumConcurrency": 2}}, UNSUPPORTED.format("ScalingConfig")),
        ({"ProvisionedPollerConfig": {"MinimumPollers": 2}}, UNSUPPORTED.format("ProvisionedPollerConfig")),
        ({"Topics": ["t1"]}, UNSUPPORTED.format("Topics")),
        ({"KMSKeyArn": f"arn:aws:kms:{HERE}:key/1"}, "Wakeful does not have KMSKeyArn"),
        ({"MetricsConfig": {"Metrics": ["ErrorCount"]}}, "Unsupported metric ErrorCount"),
        (filtering("no pattern"), "Invalid filter pattern definition."),
        (filtering('{"data": ["text"]}'), "Invalid filter pattern definition."),
        (
            filtering('{"$or": [{"eventName": ["x"]}, {"data": [{"prefix": "t"}]}]}'),
            "Invalid filter pattern definition.",
        ),
        (
            {"EventSourceArn": f"arn:aws:dynamodb:{HERE}:table/t/stream/1", **filtering('{"dynamodb": ["text"]}')},
            "Invalid filter pattern definition.",
        ),
        (
            {"DestinationConfig": {"OnSuccess": {"Destination": f"arn:aws:sqs:{HERE}:failed"}}},
            UNSUPPORTED.format("DestinationConfig"),
        ),
        (failing_to(f"{FUNCTION}:f"), "The provided destination config"),
        (failing_to(f"arn:aws:events:{HERE}:event-bus/b"), "The provided destination config"),
        (failing_to(f"arn:aws:sqs:{HERE}:q.fifo"), "FIFO-type Amazon SQS queues aren't supported as a destination."),
        (failing_to(f"arn:aws:sqs:{HERE}:none"), f"The destination ARN arn:aws:sqs:{HERE}:none is invalid."),
        (failing_to("arn:aws:s3:::none"), "The destination ARN arn:aws:s3:::none is invalid."),
        ({"FunctionName": "nobody"}, "Function does not exist"),
    ],
)
def test_mappings_on_streams_that_cannot_be_are_refused(lambda_: Any, more: dict[str, Any], words: str) -> None:
    request = {"EventSourceArn": STREAM, "FunctionName": "f", "StartingPosition": "LATEST", **more}
    request = {name: value for name, value in request.items() if value is not None}
    code, message = refusal(lambda_.create_event_source_mapping, **request)
    assert code == "InvalidParameterValueException"
    assert words in message
    assert lambda_.list_event_source_mappings()["EventSourceMappings"] == []


@pytest.mark.parametrize(
    "more",
    [
        {"BatchSize": 10_001},
        {"ParallelizationFactor": 11},
        {"ParallelizationFactor": 0},
        {"MaximumRetryAttempts": -2},
        {"MaximumRetryAttempts": 10_001},
        {"MaximumRecordAgeInSeconds": 604_801},
        {"TumblingWindowInSeconds": 901},
        {"MaximumBatchingWindowInSeconds": 301},
        {"StartingPosition": "SOMEWHERE"},
    ],
)
def test_values_beyond_the_models_bounds_are_not_valid(lambda_: Any, shared_node: RunningNode, more: Any) -> None:
    client = shared_node.client("lambda", config={"parameter_validation": False})
    request = {"EventSourceArn": STREAM, "FunctionName": "f", "StartingPosition": "LATEST", **more}
    assert refusal(client.create_event_source_mapping, **request)[0] == "ValidationException"


def test_a_mapping_on_a_stream_is_shown_with_all_that_holds(emptied: Any, shared_node: RunningNode) -> None:
    answer = emptied.create_event_source_mapping(EventSourceArn=STREAM, FunctionName="f", StartingPosition="LATEST")
    assert answer["State"] == "Creating"
    shared_node.settle()
    shown = emptied.get_event_source_mapping(UUID=answer["UUID"])
    assert {name: shown[name] for name in shown if name not in ("LastModified", "ResponseMetadata")} == {
        "UUID": answer["UUID"],
        "EventSourceMappingArn": f"arn:aws:lambda:{HERE}:event-source-mapping:{answer['UUID']}",
        "EventSourceArn": STREAM,
        "FunctionArn": f"{FUNCTION}:f",
        "StartingPosition": "LATEST",
        "BatchSize": 100,
        "BisectBatchOnFunctionError": False,
        "DestinationConfig": {"OnFailure": {}},
        "FunctionResponseTypes": [],
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
        "TumblingWindowInSeconds": 0,
        "State": "Enabled",
        "StateTransitionReason": "User action",
        "LastProcessingResult": "No records processed",
    }
    said = {
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 0,
        "MaximumRecordAgeInSeconds": 60,
        "ParallelizationFactor": 10,
        **failing_to(f"arn:aws:sqs:{HERE}:failed"),
    }
    changed = emptied.update_event_source_mapping(UUID=answer["UUID"], **said)
    assert {name: changed[name] for name in said} == said
    shared_node.settle()
    more = {"TumblingWindowInSeconds": 30}
    assert "must be 1" in refusal(emptied.update_event_source_mapping, UUID=answer["UUID"], **more)[1]
    for destination in ("arn:aws:s3:::failed", ""):
        changed = emptied.update_event_source_mapping(UUID=answer["UUID"], **failing_to(destination))
        wanted = {"Destination": destination} if destination else {}
        assert changed["DestinationConfig"] == {"OnFailure": wanted}
        shared_node.settle()


def test_the_same_stream_is_mapped_on_a_function_once(emptied: Any) -> None:
    request = {"EventSourceArn": STREAM, "FunctionName": "f", "StartingPosition": "TRIM_HORIZON"}
    uuid = emptied.create_event_source_mapping(**request)["UUID"]
    assert refusal(emptied.create_event_source_mapping, **request) == (
        "ResourceConflictException",
        f'The event source arn (" {STREAM} ") and function (" f ") provided mapping already exists. Please update or'
        f" delete the existing mapping with UUID {uuid}",
    )


@pytest.mark.slow
def test_where_rights_are_enforced_the_role_must_be_allowed_to_read(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        iam, client = node.client("iam"), node.client("lambda")
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
        name = ROLE.rsplit("/", 1)[1]
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(statement))
        deploy(client, "f", Timeout=10)
        arn = make_table(node)
        request = {"EventSourceArn": arn, "FunctionName": "f", "StartingPosition": "LATEST"}
        said = (
            f"Cannot access stream {arn}. Please ensure the role can perform the GetRecords, GetShardIterator,"
            " DescribeStream, and ListStreams Actions on your stream in IAM."
        )
        allowed = [{"Effect": "Allow", "Action": "dynamodb:ListStreams", "Resource": "*"}]
        for action in ("GetRecords", "GetShardIterator", "DescribeStream"):
            assert refusal(client.create_event_source_mapping, **request) == ("InvalidParameterValueException", said)
            allowed.append({"Effect": "Allow", "Action": f"dynamodb:{action}", "Resource": arn})
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*allowed))
        uuid = client.create_event_source_mapping(**request)["UUID"]
        node.settle()
        iam.delete_role_policy(RoleName=name, PolicyName="p")
        node.settle()
        assert client.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == f"PROBLEM: {said}"


def policy(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
