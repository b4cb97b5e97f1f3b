"""Recursive loops: an event comes to a function sixteen times and no more, on the ways on which Lambda looks."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.errors import refusal, status_of
from tests.functions import ECHO, call, deploy
from tests.running_node import RunningNode
from wakeful import limits
from wakeful.fabric.trace import Trace

pytestmark = pytest.mark.slow

SELF = """
import boto3, json, os
lambda_ = boto3.client("lambda")
def handler(event, context):
    lambda_.invoke(FunctionName="f", InvocationType="Event", Payload=json.dumps(event))
"""
TO_QUEUE = """
import boto3
sqs = boto3.client("sqs")
def handler(event, context):
    for record in event["Records"]:
        sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="q")["QueueUrl"], MessageBody=record["body"])
"""


def runs(node: RunningNode) -> list[Any]:
    return list(node.run(node.node.telemetry.recent_notes(kind="run", limit=200)))


def dropped(node: RunningNode, name: str = "f") -> float:
    node.run(node.node.telemetry.flush())
    statistics = node.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="RecursiveInvocationsDropped",
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime=node.node.clock.now() - 3600,
        EndTime=node.node.clock.now() + 3600,
        Period=7200,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in statistics["Datapoints"]))


def looped(node: RunningNode, service: str, arn: str, times: int) -> Any:
    """A client that stands where the function would, after so many rounds."""
    trace = Trace("1-6b013b54-11c38355981ad1c45133a798")
    for _ in range(times):
        trace = trace.through(arn)
    client = node.new_client(service)
    client.meta.events.register(
        "before-sign.*.*", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", trace.header)
    )
    return client


def queue(node: RunningNode, name: str, **attributes: str) -> tuple[str, str]:
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def test_a_function_that_invokes_itself_runs_sixteen_times_and_then_its_event_is_a_dead_letter(
    node: RunningNode, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    url, dead = queue(node, "dead")
    deploy(client, code=SELF, Timeout=30, DeadLetterConfig={"TargetArn": dead})
    client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"a": 1}')
    node.settle()
    node.advance(600)
    assert [run.status for run in runs(node)] == ["ok"] * limits.LAMBDA_RECURSION_MAX
    (letter,) = node.client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(letter["Body"]) == {"a": 1}
    assert "recursive loop" in letter["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert letter["MessageAttributes"]["ErrorCode"]["StringValue"] == "400"
    assert dropped(node) == 1
    assert "a recursive loop through" in caplog.text


def test_a_loop_through_a_queue_ends_and_its_message_goes_to_the_queues_own_dead_letters(
    node: RunningNode, client: Any
) -> None:
    url, dead = queue(node, "dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    source_url, source = queue(node, "q", VisibilityTimeout="30", RedrivePolicy=redrive)
    deploy(client, code=TO_QUEUE, Timeout=30)
    client.create_event_source_mapping(FunctionName="f", EventSourceArn=source)
    node.client("sqs").send_message(QueueUrl=source_url, MessageBody="round")
    node.settle()
    node.advance(120)
    assert len(runs(node)) == limits.LAMBDA_RECURSION_MAX
    (letter,) = node.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert letter["Body"] == "round"
    assert dropped(node) == 1


def test_a_synchronous_invocation_in_a_loop_is_refused(node: RunningNode, client: Any) -> None:
    arn = deploy(client, code=ECHO)
    assert looped(node, "lambda", arn, limits.LAMBDA_RECURSION_MAX - 1).invoke(FunctionName="f")["StatusCode"] == 200
    caught = looped(node, "lambda", arn, limits.LAMBDA_RECURSION_MAX)
    code, message = refusal(caught.invoke, FunctionName="f")
    assert code == "RecursiveInvocationException"
    assert "recursive loop" in message
    assert status_of(caught.invoke_with_response_stream, FunctionName="f") == 400
    assert status_of(caught.invoke, FunctionName=f"{arn}:$LATEST") == 400, "whichever version is asked for"
    assert dropped(node) == 3


def test_a_header_is_read_as_boto3_sends_it(node: RunningNode, client: Any) -> None:
    arn = deploy(client, code=ECHO)
    trace = Trace("1-6b013b54-11c38355981ad1c45133a798").through("another")
    for _ in range(limits.LAMBDA_RECURSION_MAX):
        trace = trace.through(arn)
    quoted = quote(trace.header, safe="-=;:+&[]{}\"',")
    assert "|" in trace.header
    assert "|" not in quoted
    caught = node.new_client("lambda")
    caught.meta.events.register(
        "before-sign.*.*", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", quoted)
    )
    assert refusal(caught.invoke, FunctionName="f")[0] == "RecursiveInvocationException"


def test_who_allows_loops_has_them_until_the_nodes_own_end(
    node: RunningNode, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = deploy(client, code=ECHO)
    assert client.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Terminate"
    put = client.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")
    assert put["RecursiveLoop"] == client.get_function_recursion_config(FunctionName=arn)["RecursiveLoop"] == "Allow"
    assert looped(node, "lambda", arn, 100).invoke(FunctionName="f")["StatusCode"] == 200
    monkeypatch.setattr(limits, "HOPS_MAX", 20)
    client.put_function_recursion_config(FunctionName="f", RecursiveLoop="Terminate")
    client.delete_function(FunctionName="f")
    deploy(client, code=SELF, Timeout=30)
    client.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")
    client.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
    node.settle()
    assert len(runs(node)) == 21


def test_the_setting_is_of_a_function_that_is_there_and_goes_with_it(client: Any) -> None:
    assert refusal(client.get_function_recursion_config, FunctionName="f")[0] == "ResourceNotFoundException"
    put = client.put_function_recursion_config
    assert refusal(put, FunctionName="f", RecursiveLoop="Allow")[0] == "ResourceNotFoundException"
    deploy(client)
    assert status_of(put, FunctionName="f", RecursiveLoop="Perhaps") == 400
    put(FunctionName="f", RecursiveLoop="Allow")
    client.delete_function(FunctionName="f")
    deploy(client)
    assert client.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Terminate"


def test_of_a_batch_what_does_not_loop_is_run(node: RunningNode, client: Any) -> None:
    source_url, source = queue(node, "q", VisibilityTimeout="30")
    code = "def handler(event, context):\n    print([record['body'] for record in event['Records']])\n"
    arn = deploy(client, code=code)
    node.client("sqs").send_message(QueueUrl=source_url, MessageBody="sound")
    looped(node, "sqs", arn, limits.LAMBDA_RECURSION_MAX).send_message(QueueUrl=source_url, MessageBody="looped")
    mapping = client.create_event_source_mapping(FunctionName="f", EventSourceArn=source)["UUID"]
    node.settle()
    assert [run.status for run in runs(node)] == ["ok"]
    counts = node.client("sqs").get_queue_attributes(QueueUrl=source_url, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "1"
    result = client.get_event_source_mapping(UUID=mapping)["LastProcessingResult"]
    assert result.startswith("PROBLEM: Lambda has detected your function being invoked in a recursive loop")


def test_what_is_behind_a_loop_in_its_group_waits_for_it(node: RunningNode, client: Any) -> None:
    url, source = queue(node, "q.fifo", FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout="30")
    code = "def handler(event, context):\n    print([record['body'] for record in event['Records']])\n"
    arn = deploy(client, code=code)
    caught, sqs = looped(node, "sqs", arn, limits.LAMBDA_RECURSION_MAX), node.client("sqs")
    caught.send_message(QueueUrl=url, MessageBody="looped", MessageGroupId="a")
    sqs.send_message(QueueUrl=url, MessageBody="behind", MessageGroupId="a")
    sqs.send_message(QueueUrl=url, MessageBody="sound", MessageGroupId="b")
    client.create_event_source_mapping(FunctionName="f", EventSourceArn=source)
    node.settle()
    node.run(node.node.telemetry.flush())
    said = [event["message"] for event in lines(node)]
    assert [line for line in said if line.startswith("[")] == ["['sound']\n"]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "2"


def lines(node: RunningNode) -> list[Any]:
    found = node.client("logs").filter_log_events(logGroupName="/aws/lambda/f")
    return list(found["events"])


def test_the_lineage_goes_through_sns_and_s3_and_not_through_eventbridge(node: RunningNode, client: Any) -> None:
    arn = deploy(client, code=ECHO)
    sns, s3, events = node.client("sns"), node.client("s3"), node.client("events")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    looped(node, "sns", arn, limits.LAMBDA_RECURSION_MAX).publish(TopicArn=topic, Message="m")
    node.settle()
    assert (len(runs(node)), dropped(node)) == (0, 1)
    s3.create_bucket(Bucket="bucket")
    told = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    client.add_permission(
        FunctionName="f", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    s3.put_bucket_notification_configuration(Bucket="bucket", NotificationConfiguration=told)
    looped(node, "s3", arn, limits.LAMBDA_RECURSION_MAX).put_object(Bucket="bucket", Key="k", Body=b"b")
    node.settle()
    assert (len(runs(node)), dropped(node)) == (0, 2)
    events.put_rule(Name="r", EventPattern='{"source": ["my.app"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    entry = {"Source": "my.app", "DetailType": "d", "Detail": "{}"}
    looped(node, "events", arn, limits.LAMBDA_RECURSION_MAX).put_events(Entries=[entry])
    node.settle()
    assert (len(runs(node)), dropped(node)) == (1, 2)


def test_a_function_sees_its_lineage_in_its_trace_header(client: Any) -> None:
    deploy(client, code="import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n")
    assert call(client).payload.rpartition(";")[2].startswith("Lineage=")
