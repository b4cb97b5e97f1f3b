"""All 23 operations through botocore, in today's JSON protocol and in the query protocol of older clients."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.aws_cli import aws_cli
from tests.running_node import REGION, RunningNode
from wakeful.wire import sqs_query

OWNER = "000000000000"


def query_client(node: RunningNode, folder: Path) -> Any:
    """As clients of before November 2023: botocore's own query protocol, on a model of that kind."""
    model = dict(sqs_query.model().raw)
    metadata = {**model["metadata"], "protocols": ["query"]}
    for newer in ("awsQueryCompatible", "jsonVersion", "targetPrefix"):
        metadata.pop(newer, None)
    place = folder / "sqs" / "2012-11-05"
    place.mkdir(parents=True)
    place.joinpath("service-2.json").write_text(json.dumps({**model, "metadata": metadata}))
    session = botocore.session.Session()
    session.set_config_variable("data_path", str(folder))
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
    client = session.create_client(
        "sqs", endpoint_url=node.endpoint, config=Config(retries={"max_attempts": 0}), **keys
    )
    assert client.meta.service_model.metadata["protocol"] == "query"
    return client


@pytest.fixture(scope="module", params=["json", "query"])
def sqs(shared_node: RunningNode, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Any:
    if request.param == "json":
        return shared_node.client("sqs")
    return query_client(shared_node, tmp_path_factory.mktemp("models"))


class Journey:
    """Calls operations and remembers which."""

    def __init__(self, sqs: Any, prefix: str) -> None:
        self.sqs, self.prefix = sqs, prefix
        self.called: set[str] = set()

    def __call__(self, operation: str, /, **request: Any) -> Any:
        self.called.add(operation)
        return getattr(self.sqs, operation)(**request)

    def make(self, name: str, **attributes: str) -> str:
        return str(self("create_queue", QueueName=self.prefix + name, Attributes=attributes)["QueueUrl"])

    def attribute(self, url: str, name: str) -> str:
        answer = self("get_queue_attributes", QueueUrl=url, AttributeNames=[name])
        return str(answer["Attributes"][name])


@pytest.fixture
def journey(sqs: Any) -> Iterator[Journey]:
    yield Journey(sqs, sqs.meta.service_model.metadata["protocol"] + "-")


def test_every_operation_does_its_work(journey: Journey, shared_node: RunningNode) -> None:
    letters = journey.make("letters")
    arn = journey.attribute(letters, "QueueArn")
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url = journey.make("q", VisibilityTimeout="0", RedrivePolicy=policy)
    manage(journey, url, letters)
    exchange(journey, url)
    redrive(journey, url, letters, arn, shared_node)
    journey("purge_queue", QueueUrl=url)
    journey("delete_queue", QueueUrl=url)
    names = journey.sqs.meta.method_to_api_mapping
    assert {names[each] for each in journey.called} == set(journey.sqs.meta.service_model.operation_names)
    assert len(journey.called) == 23


def manage(journey: Journey, url: str, letters: str) -> None:
    assert journey("get_queue_url", QueueName=journey.prefix + "q", QueueOwnerAWSAccountId=OWNER)["QueueUrl"] == url
    page = journey("list_queues", QueueNamePrefix=journey.prefix, MaxResults=1)
    rest = journey("list_queues", QueueNamePrefix=journey.prefix, MaxResults=1, NextToken=page["NextToken"])
    assert page["QueueUrls"] + rest["QueueUrls"] == [letters, url]
    assert journey("list_dead_letter_source_queues", QueueUrl=letters)["queueUrls"] == [url]
    journey("set_queue_attributes", QueueUrl=url, Attributes={"DelaySeconds": "0", "MaximumMessageSize": "2048"})
    assert journey.attribute(url, "MaximumMessageSize") == "2048"
    journey("tag_queue", QueueUrl=url, Tags={"team": "a", "gone": "b"})
    journey("untag_queue", QueueUrl=url, TagKeys=["gone"])
    assert journey("list_queue_tags", QueueUrl=url)["Tags"] == {"team": "a"}
    journey("add_permission", QueueUrl=url, Label="l", AWSAccountIds=["111122223333"], Actions=["SendMessage"])
    assert json.loads(journey.attribute(url, "Policy"))["Statement"][0]["Sid"] == "l"
    journey("remove_permission", QueueUrl=url, Label="l")


def exchange(journey: Journey, url: str) -> None:
    attributes = {
        "text": {"DataType": "String", "StringValue": "grüße & <more>"},
        "bytes": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"},
    }
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    sent = journey(
        "send_message", QueueUrl=url, MessageBody="m", MessageAttributes=attributes, MessageSystemAttributes=header
    )
    assert {"MessageId", "MD5OfMessageBody", "MD5OfMessageAttributes", "MD5OfMessageSystemAttributes"} <= sent.keys()
    asked = {"MaxNumberOfMessages": 10, "VisibilityTimeout": 60, "MessageSystemAttributeNames": ["All"]}
    (got,) = journey("receive_message", QueueUrl=url, **asked, MessageAttributeNames=["te.*", "bytes", "text"])[
        "Messages"
    ]
    assert got["MessageAttributes"] == attributes
    assert got["Attributes"]["AWSTraceHeader"] == header["AWSTraceHeader"]["StringValue"]
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"
    handle = {"QueueUrl": url, "ReceiptHandle": got["ReceiptHandle"]}
    journey("change_message_visibility", **handle, VisibilityTimeout=90)
    journey("delete_message", **handle)

    entries = [{"Id": "good", "MessageBody": "a"}, {"Id": "long", "MessageBody": "x" * 2049}]
    answer = journey("send_message_batch", QueueUrl=url, Entries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["good"]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("long", "InvalidParameterValue", True)
    (got,) = journey("receive_message", QueueUrl=url, VisibilityTimeout=60)["Messages"]
    both = [{"Id": "0", "ReceiptHandle": got["ReceiptHandle"]}, {"Id": "1", "ReceiptHandle": "nonsense"}]
    hide = [{**each, "VisibilityTimeout": 70} for each in both]
    for answer in (
        journey("change_message_visibility_batch", QueueUrl=url, Entries=hide),
        journey("delete_message_batch", QueueUrl=url, Entries=both),
    ):
        assert [each["Id"] for each in answer["Successful"]] == ["0"]
        assert [(each["Id"], each["Code"]) for each in answer["Failed"]] == [("1", "ReceiptHandleIsInvalid")]


def redrive(journey: Journey, url: str, letters: str, arn: str, node: RunningNode) -> None:
    journey("send_message", QueueUrl=url, MessageBody="dies")
    assert journey("receive_message", QueueUrl=url)["Messages"]
    assert "Messages" not in journey("receive_message", QueueUrl=url)
    assert journey.attribute(letters, "ApproximateNumberOfMessages") == "1"
    journey("start_message_move_task", SourceArn=arn)
    node.settle()
    (task,) = journey("list_message_move_tasks", SourceArn=arn)["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    for body in "ab":
        journey("send_message", QueueUrl=letters, MessageBody=body)
    slow = journey(
        "start_message_move_task",
        SourceArn=arn,
        DestinationArn=journey.attribute(url, "QueueArn"),
        MaxNumberOfMessagesPerSecond=1,
    )["TaskHandle"]
    assert journey("cancel_message_move_task", TaskHandle=slow)["ApproximateNumberOfMessagesMoved"] <= 1


NONE = f"https://sqs.us-east-1.amazonaws.com/{OWNER}/none"
GONE = "AWS.SimpleQueueService.NonExistentQueue"
DEEP = "[" * 100_000
SQUARE = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:d", "maxReceiveCount": "\u00b2"})
ENTRY = {"Id": "0", "ReceiptHandle": "h", "VisibilityTimeout": 0}
ERRORS: list[tuple[str, dict[str, Any], str, int]] = [
    ("add_permission", {"QueueUrl": NONE, "Label": "l", "AWSAccountIds": ["1"], "Actions": ["*"]}, GONE, 400),
    ("cancel_message_move_task", {"TaskHandle": "nonsense"}, "InvalidParameterValue", 400),
    ("cancel_message_move_task", {"TaskHandle": b64encode(DEEP.encode()).decode()}, "InvalidParameterValue", 400),
    ("change_message_visibility", {"QueueUrl": NONE, "ReceiptHandle": "h", "VisibilityTimeout": 0}, GONE, 400),
    ("change_message_visibility_batch", {"QueueUrl": NONE, "Entries": [ENTRY]}, GONE, 400),
    ("create_queue", {"QueueName": "with space"}, "InvalidParameterValue", 400),
    ("create_queue", {"QueueName": "q", "Attributes": {"DelaySeconds": "901"}}, "InvalidAttributeValue", 400),
    ("create_queue", {"QueueName": "q", "Attributes": {"DelaySeconds": "\u0663"}}, "InvalidAttributeValue", 400),
    ("create_queue", {"QueueName": "q", "Attributes": {"Policy": DEEP}}, "InvalidAttributeValue", 400),
    ("create_queue", {"QueueName": "q", "Attributes": {"RedrivePolicy": DEEP}}, "InvalidParameterValue", 400),
    ("create_queue", {"QueueName": "q", "Attributes": {"RedrivePolicy": SQUARE}}, "InvalidParameterValue", 400),
    ("delete_message", {"QueueUrl": NONE, "ReceiptHandle": "h"}, GONE, 400),
    ("delete_message_batch", {"QueueUrl": NONE, "Entries": [{"Id": "0", "ReceiptHandle": "h"}]}, GONE, 400),
    ("delete_queue", {"QueueUrl": NONE}, GONE, 400),
    ("get_queue_attributes", {"QueueUrl": NONE, "AttributeNames": ["All"]}, GONE, 400),
    ("get_queue_attributes", {"QueueUrl": NONE, "AttributeNames": ["Nonsense"]}, "InvalidAttributeName", 400),
    ("get_queue_url", {"QueueName": "none"}, GONE, 400),
    ("list_dead_letter_source_queues", {"QueueUrl": NONE}, GONE, 400),
    ("list_message_move_tasks", {"SourceArn": f"arn:aws:sqs:us-east-1:{OWNER}:no"}, "ResourceNotFoundException", 404),
    ("list_queue_tags", {"QueueUrl": NONE}, GONE, 400),
    ("list_queues", {"MaxResults": 1001}, "InvalidParameterValue", 400),
    ("list_queues", {"NextToken": "no token"}, "InvalidParameterValue", 400),
    ("purge_queue", {"QueueUrl": NONE}, GONE, 400),
    ("receive_message", {"QueueUrl": NONE}, GONE, 400),
    ("receive_message", {"QueueUrl": NONE, "MaxNumberOfMessages": 11}, "InvalidParameterValue", 400),
    ("remove_permission", {"QueueUrl": NONE, "Label": "l"}, GONE, 400),
    ("send_message", {"QueueUrl": NONE, "MessageBody": "m"}, GONE, 400),
    ("send_message", {"QueueUrl": "http://[", "MessageBody": "m"}, "InvalidAddress", 404),
    ("send_message_batch", {"QueueUrl": NONE, "Entries": [{"Id": "0", "MessageBody": "m"}]}, GONE, 400),
    ("set_queue_attributes", {"QueueUrl": NONE, "Attributes": {"DelaySeconds": "1"}}, GONE, 400),
    ("start_message_move_task", {"SourceArn": f"arn:aws:sqs:us-east-1:{OWNER}:no"}, "ResourceNotFoundException", 404),
    ("tag_queue", {"QueueUrl": NONE, "Tags": {"a": "b"}}, GONE, 400),
    ("untag_queue", {"QueueUrl": NONE, "TagKeys": ["a"]}, GONE, 400),
]


def test_every_operation_says_what_is_wrong(sqs: Any) -> None:
    is_query = sqs.meta.service_model.metadata["protocol"] == "query"
    for operation, request, code, status in ERRORS:
        with pytest.raises(ClientError) as refused:
            getattr(sqs, operation)(**request)
        answer = refused.value.response
        assert answer["Error"]["Code"] == code, operation
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == (status if is_query else 400), operation
        assert answer["ResponseMetadata"]["RequestId"], operation
    names = sqs.meta.method_to_api_mapping
    assert {names[each[0]] for each in ERRORS} == set(sqs.meta.service_model.operation_names)


def test_what_a_batch_may_not_be_is_told_for_all_of_it(sqs: Any, journey: Journey) -> None:
    url = journey.make("batches")
    entry = {"Id": "0", "MessageBody": "m"}
    older = "AWS.SimpleQueueService."
    for entries, code in (
        ([], f"{older}EmptyBatchRequest"),
        ([entry, entry], f"{older}BatchEntryIdsNotDistinct"),
        ([{**entry, "Id": "no id!"}], f"{older}InvalidBatchEntryId"),
        ([{**entry, "Id": str(number)} for number in range(11)], f"{older}TooManyEntriesInBatchRequest"),
        ([{"Id": str(each), "MessageBody": "x" * 600_000} for each in range(2)], f"{older}BatchRequestTooLong"),
    ):
        with pytest.raises(ClientError) as refused:
            sqs.send_message_batch(QueueUrl=url, Entries=entries)
        assert refused.value.response["Error"]["Code"] == code


@pytest.mark.slow
def test_the_aws_cli_sends_receives_and_deletes(shared_node: RunningNode) -> None:
    with aws_cli(shared_node.endpoint) as aws:

        def sqs(*words: str) -> Any:
            result = aws.run("sqs", *words, "--endpoint-url", shared_node.endpoint)
            assert (result.code, result.err) == (0, ""), result
            return result.answer if result.out.strip() else None

        url = sqs("create-queue", "--queue-name", "cli", "--attributes", "VisibilityTimeout=60")["QueueUrl"]
        assert sqs("get-queue-url", "--queue-name", "cli")["QueueUrl"] == url
        sqs("send-message", "--queue-url", url, "--message-body", "m", "--message-group-id", "tenant")
        (got,) = sqs("receive-message", "--queue-url", url, "--attribute-names", "All")["Messages"]
        assert got["Attributes"]["MessageGroupId"] == "tenant"
        sqs("delete-message", "--queue-url", url, "--receipt-handle", got["ReceiptHandle"])
        shown = sqs("get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
        assert shown["ApproximateNumberOfMessagesNotVisible"] == "0"
        sqs("purge-queue", "--queue-url", url)
        sqs("delete-queue", "--queue-url", url)
        result = aws.run("sqs", "create-queue", "--queue-name", "cli", "--endpoint-url", shared_node.endpoint)
        assert result.code != 0
        assert "You must wait 60 seconds after deleting a queue" in result.err
