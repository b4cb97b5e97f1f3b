"""Asynchronous invocations: safe at once, tried three times, then a dead letter; all in the node's own time."""

from __future__ import annotations

import itertools
import json
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.functions import deploy
from tests.running_node import RunningNode, running_node
from tests.services.lambda_.test_measuring import metric, total

pytestmark = pytest.mark.slow

FAIL = "def handler(event, context):\n    print('tried', event)\n    raise ValueError('no luck')\n"


def invoke_event(client: Any, event: Any = None, name: str = "f") -> str:
    answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    return str(answer["ResponseMetadata"]["RequestId"])


def runs(node: RunningNode) -> list[Any]:
    return list(reversed(node.run(node.node.telemetry.recent_notes(kind="run", limit=100))))


@pytest.fixture
def queue(node: RunningNode) -> tuple[str, str]:
    """(URL, ARN)"""
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def letters(node: RunningNode, url: str) -> list[Any]:
    answer = node.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    return list(answer.get("Messages", []))


def test_an_event_is_answered_at_once_and_runs_by_itself(node: RunningNode, client: Any) -> None:
    deploy(client)
    request_id = invoke_event(client, {"a": 1})
    node.settle()
    (run,) = runs(node)
    assert (run.id, run.status) == (request_id, "ok")


def test_a_failing_event_is_tried_again_after_one_and_two_minutes_and_then_is_a_dead_letter(
    node: RunningNode, client: Any, queue: tuple[str, str]
) -> None:
    url, arn = queue
    deploy(client, code=FAIL, DeadLetterConfig={"TargetArn": arn})
    request_id = invoke_event(client, {"a": 1})
    node.settle()
    assert len(runs(node)) == 1
    node.advance(59)
    assert len(runs(node)) == 1
    node.advance(2)
    assert len(runs(node)) == 2
    assert letters(node, url) == []
    node.advance(121)
    tries = runs(node)
    assert len(tries) == 3
    assert {run.id for run in tries} == {request_id}
    pauses = [later.at - earlier.at for earlier, later in itertools.pairwise(tries)]
    assert pauses == [pytest.approx(60, abs=5), pytest.approx(120, abs=5)]
    (letter,) = letters(node, url)
    assert json.loads(letter["Body"]) == {"a": 1}
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes == {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": "no luck"}
    node.advance(6 * 3600)
    assert len(runs(node)) == 3


def test_an_event_that_fails_once_is_done_with_its_second_try(node: RunningNode, client: Any, tmp_path: Path) -> None:
    code = """
        import os
        def handler(event, context):
            if not os.path.exists(event):
                open(event, "w").close()
                raise ValueError("the first time")
        """
    deploy(client, code=textwrap.dedent(code))
    invoke_event(client, str(tmp_path / "mark"))
    node.advance(600)
    assert [run.status for run in runs(node)] == ["Unhandled", "ok"]


def test_without_a_dead_letter_queue_the_event_ends_with_its_third_try(node: RunningNode, client: Any) -> None:
    deploy(client, code=FAIL)
    invoke_event(client)
    node.advance(24 * 3600)
    assert len(runs(node)) == 3


def test_an_event_for_a_function_that_has_gone_is_dropped(node: RunningNode, client: Any) -> None:
    deploy(client, code=FAIL)
    invoke_event(client)
    node.settle()
    client.delete_function(FunctionName="f")
    node.advance(3600)
    assert len(runs(node)) == 1


def test_an_event_whose_function_cannot_be_run_is_tried_for_six_hours_and_then_is_a_dead_letter(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        url = node.client("sqs").create_queue(QueueName="dead")["QueueUrl"]
        role(node, allows="sqs:SendMessage")
        client = node.client("lambda")
        arn = "arn:aws:sqs:us-east-1:000000000000:dead"
        deploy(client, Role="arn:aws:iam::000000000000:role/r", DeadLetterConfig={"TargetArn": arn})
        node.client("iam").update_assume_role_policy(RoleName="r", PolicyDocument=trusting("ec2.amazonaws.com"))
        request_id = invoke_event(client, {"a": 1})
        node.advance(3600)
        assert letters(node, url) == []
        node.advance(6 * 3600)
        (letter,) = letters(node, url)
        found = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
        assert (found["RequestID"], found["ErrorCode"]) == (request_id, "403")
        assert "sts:AssumeRole" in found["ErrorMessage"]
        assert letter["Body"] == '{"a": 1}'


def trusting(service: str) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": trust})


def role(node: RunningNode, *, allows: str) -> None:
    iam = node.client("iam")
    allow = {"Effect": "Allow", "Action": allows, "Resource": "*"}
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting("lambda.amazonaws.com"))
    document = json.dumps({"Version": "2012-10-17", "Statement": allow})
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)


def test_a_dead_letter_that_cannot_be_delivered_harms_nobody(node: RunningNode, client: Any) -> None:
    deploy(client, code=FAIL, DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:000000000000:none"})
    invoke_event(client)
    node.advance(3600)
    assert len(runs(node)) == 3
    notes = node.run(node.node.telemetry.recent_notes(kind="event", limit=10))
    assert [note.status for note in notes] == ["NO_RESOURCE"]


def test_an_event_outlives_the_node(tmp_path: Path) -> None:
    with running_node(tmp_path / "data") as node:
        client = node.client("lambda")
        deploy(client, code=FAIL)
        invoke_event(client)
        node.settle()
        assert len(runs(node)) == 1
    with running_node(tmp_path / "data") as node:
        node.advance(3600)
        assert len(runs(node)) == 3


# --- what may be configured of retries and age ------------------------------------------------------------------------


def records(node: RunningNode, url: str) -> list[Any]:
    found = letters(node, url)
    for letter in found:
        node.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
    return [json.loads(letter["Body"]) for letter in found]


def test_as_many_retries_are_made_as_were_asked_for(node: RunningNode, client: Any, queue: tuple[str, str]) -> None:
    url, arn = queue
    deploy(client, code=FAIL)
    for retries in (0, 1):
        client.put_function_event_invoke_config(
            FunctionName="f",
            MaximumRetryAttempts=retries,
            DestinationConfig={"OnFailure": {"Destination": arn}},
        )
        before = len(runs(node))
        invoke_event(client)
        node.advance(3600)
        assert len(runs(node)) - before == retries + 1
        (record,) = records(node, url)
        assert record["requestContext"]["condition"] == "RetriesExhausted"
        assert record["requestContext"]["approximateInvokeCount"] == retries + 1


def test_an_event_that_would_be_too_old_for_its_retry_is_given_up(
    node: RunningNode, client: Any, queue: tuple[str, str]
) -> None:
    url, arn = queue
    deploy(client, code=FAIL)
    client.put_function_event_invoke_config(
        FunctionName="f", MaximumEventAgeInSeconds=120, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    invoke_event(client)
    node.advance(3600)
    assert len(runs(node)) == 2
    (record,) = records(node, url)
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responsePayload"]["errorMessage"] == "no luck"


def test_a_throttled_event_is_tried_until_the_sixth_hour(
    node: RunningNode, client: Any, queue: tuple[str, str]
) -> None:
    url, arn = queue
    deploy(client, DeadLetterConfig={"TargetArn": arn})
    client.put_function_event_invoke_config(FunctionName="f", DestinationConfig={"OnFailure": {"Destination": arn}})
    with throttled(node):
        begun = node.node.clock.now()
        invoke_event(client, {"a": 1})
        node.advance(6 * 3600 - 60)
        assert letters(node, url) == []
        tries = int(total(node, "Throttles", FunctionName="f"))
        assert 6 * 3600 / 300 < tries < 6 * 3600 / 300 + 9, "from one second to five minutes, doubling"
        node.advance(3600)
    assert node.node.clock.now() - begun > 6 * 3600
    found = {"MessageAttributes" in letter: letter for letter in letters(node, url)}
    record = json.loads(found[False]["Body"])
    told = datetime.fromisoformat(record["timestamp"]).timestamp()
    assert told - begun == pytest.approx(6 * 3600, abs=5)
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert record["responseContext"] == {"statusCode": 429}
    attributes = {name: value["StringValue"] for name, value in found[True]["MessageAttributes"].items()}
    assert (attributes["ErrorCode"], attributes["ErrorMessage"]) == ("429", "Rate Exceeded.")
    assert total(node, "AsyncEventsDropped", FunctionName="f") == 1
    assert runs(node) == []


def test_a_throttled_event_runs_as_soon_as_there_is_room(node: RunningNode, client: Any) -> None:
    deploy(client)
    with throttled(node):
        invoke_event(client)
        node.advance(100)
    node.advance(100)
    assert [run.status for run in runs(node)] == ["ok"]
    ages = metric(node, "AsyncEventAge", "Maximum", FunctionName="f")
    assert 100_000 <= max(ages) <= 200_000, "in milliseconds"


@contextmanager
def throttled(node: RunningNode) -> Iterator[None]:
    """There is no room in the account, though the function has nothing reserved."""
    admission = node.node.environments._admission
    whole, admission._concurrency_max = admission._concurrency_max, 0
    try:
        yield
    finally:
        admission._concurrency_max = whole


def test_with_nothing_reserved_an_event_goes_to_the_destination_without_a_try(
    node: RunningNode, client: Any, queue: tuple[str, str]
) -> None:
    url, arn = queue
    deploy(client, DeadLetterConfig={"TargetArn": arn})
    client.put_function_event_invoke_config(FunctionName="f", DestinationConfig={"OnFailure": {"Destination": arn}})
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    request_id = invoke_event(client, {"a": 1})
    node.settle()
    found = {"MessageAttributes" in letter: letter for letter in letters(node, url)}
    record = json.loads(found[False]["Body"])
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
        "condition": "ZeroReservedConcurrency",
        "approximateInvokeCount": 0,
    }
    assert "responseContext" not in record
    assert found[True]["Body"] == '{"a": 1}'
    assert set(found[True]["MessageAttributes"]) == {"RequestID", "ErrorMessage"}
    assert total(node, "AsyncEventsDropped", FunctionName="f") == 1


def test_a_megabyte_is_taken_and_a_byte_more_is_refused(node: RunningNode, client: Any) -> None:
    deploy(client, code="def handler(event, context):\n    return len(event)\n")
    whole = json.dumps("x" * (1024 * 1024 - 2)).encode()
    assert client.invoke(FunctionName="f", InvocationType="Event", Payload=whole)["StatusCode"] == 202
    node.settle()
    assert [run.status for run in runs(node)] == ["ok"]
    code, message = refusal(client.invoke, FunctionName="f", InvocationType="Event", Payload=b" " + whole)
    assert code == "RequestTooLargeException"
    assert message == "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"
    assert client.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
