"""Lambda's metrics, as CloudWatch tells them of real functions."""

from __future__ import annotations

import http.client
import json
import textwrap
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.errors import refusal
from tests.functions import call, deploy
from tests.running_node import RunningNode
from wakeful.environments.version import Invocation, Outcome, Version
from wakeful.services.lambda_.measuring import UnderWay

pytestmark = pytest.mark.slow

CODE = """
import json, time
def handler(event, context):
    if event == "fail":
        raise ValueError("no")
    if isinstance(event, float):
        time.sleep(event)
    if event == "sell":
        print(json.dumps({"_aws": {"CloudWatchMetrics": [{"Namespace": "Shop", "Dimensions": [["Where"]],
            "Metrics": [{"Name": "Sold", "Unit": "Count"}]}]}, "Where": "till", "Sold": [2, 3]}))
"""


def metric(
    node: RunningNode, name: str, stat: str = "Sum", namespace: str = "AWS/Lambda", **dimensions: str
) -> list[float]:
    """What CloudWatch has of the last and the next hours, oldest first."""
    now = datetime.fromtimestamp(node.node.clock.now(), UTC)
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    asked = {"Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": named}, "Period": 60, "Stat": stat}
    found = node.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "q", "MetricStat": asked}],
        StartTime=now - timedelta(hours=12),
        EndTime=now + timedelta(hours=1),
        ScanBy="TimestampAscending",
    )
    values: list[float] = found["MetricDataResults"][0]["Values"]
    return values


def total(node: RunningNode, name: str, **dimensions: str) -> float:
    return sum(metric(node, name, **dimensions))


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def at_once(*calls: Callable[[], Any]) -> None:
    threads = [threading.Thread(target=each) for each in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_every_run_counts_for_all_for_its_function_and_for_what_was_called(client: Any, node: RunningNode) -> None:
    deploy(client, code=CODE)
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    for name, event in (("f", None), ("f", "fail"), ("f:1", None), ("f:live", None), ("f:live", "fail")):
        call(client, name, event=event)
    assert total(node, "Invocations") == total(node, "Invocations", FunctionName="f") == 5
    assert total(node, "Errors") == 2
    assert total(node, "Errors", FunctionName="f", Resource="f") == 1
    assert total(node, "Invocations", FunctionName="f", Resource="f:1") == 1
    assert total(node, "Errors", FunctionName="f", Resource="f:1") == 0
    assert total(node, "Invocations", FunctionName="f", Resource="f:live", ExecutedVersion="1") == 2
    assert total(node, "Throttles", FunctionName="f") == 0
    assert max(metric(node, "ConcurrentExecutions", "Maximum")) == 1
    (shortest, longest) = (metric(node, "Duration", stat, FunctionName="f") for stat in ("Minimum", "Maximum"))
    assert 0 < min(shortest) <= max(longest) < 3000
    runs = node.run(node.node.telemetry.recent_notes(kind="run", limit=10))
    assert sum(metric(node, "Duration")) == pytest.approx(sum(run.duration_ms for run in runs))


def test_what_may_not_run_is_throttled_and_no_invocation(client: Any, node: RunningNode) -> None:
    deploy(client, code=CODE)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    for _ in range(3):
        assert refusal(client.invoke, FunctionName="f")[0] == "TooManyRequestsException"
    assert refusal(client.invoke_with_response_stream, FunctionName="f")[0] == "TooManyRequestsException"
    assert total(node, "Throttles", FunctionName="f", Resource="f") == 4
    assert metric(node, "Invocations") == metric(node, "ConcurrentExecutions", "Maximum") == []


def test_concurrency_is_the_most_there_was(client: Any, node: RunningNode) -> None:
    deploy(client, code=CODE)
    deploy(client, "g", code=CODE)
    client.put_function_concurrency(FunctionName="g", ReservedConcurrentExecutions=50)
    clients = [node.client("lambda") for _ in range(4)]
    at_once(
        *(lambda each=each, name=name: call(each, name, event=0.6) for each, name in zip(clients, "fffg", strict=True))
    )
    assert max(metric(node, "ConcurrentExecutions", "Maximum")) == 4
    assert max(metric(node, "ConcurrentExecutions", "Maximum", FunctionName="f")) == 3
    assert max(metric(node, "ConcurrentExecutions", "Maximum", FunctionName="g", Resource="g")) == 1
    assert max(metric(node, "UnreservedConcurrentExecutions", "Maximum")) == 3
    assert max(metric(node, "ClaimedAccountConcurrency", "Maximum")) == 53


def test_what_does_not_find_provisioned_concurrency_spills_over(client: Any, node: RunningNode) -> None:
    deploy(client, code=CODE)
    client.publish_version(FunctionName="f")
    client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=2)
    until(lambda: client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="1")["Status"] == "READY")
    call(client, "f:1")
    called = {"FunctionName": "f", "Resource": "f:1"}
    assert total(node, "ProvisionedConcurrencyInvocations", **called) == 1
    assert total(node, "ProvisionedConcurrencySpilloverInvocations", **called) == 0
    assert max(metric(node, "ProvisionedConcurrencyUtilization", "Maximum", **called)) == 0.5
    clients = [node.client("lambda") for _ in range(3)]
    at_once(*(lambda each=each: call(each, "f:1", event=0.6) for each in clients))
    assert total(node, "ProvisionedConcurrencyInvocations", **called) == 3
    assert total(node, "ProvisionedConcurrencySpilloverInvocations", **called) == 1
    assert total(node, "ProvisionedConcurrencySpilloverInvocations", FunctionName="f") == 1
    assert total(node, "ProvisionedConcurrencySpilloverInvocations") == 1
    assert max(metric(node, "ProvisionedConcurrentExecutions", "Maximum", **called)) == 2
    assert max(metric(node, "ProvisionedConcurrencyUtilization", "Maximum", **called)) == 1
    assert max(metric(node, "ClaimedAccountConcurrency", "Maximum")) == 5
    call(client, "f")
    assert total(node, "ProvisionedConcurrencyInvocations") == 3


def test_events_are_counted_as_they_come_age_and_are_given_up(client: Any, node: RunningNode) -> None:
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    deploy(client, code=CODE, DeadLetterConfig={"TargetArn": arn})
    sqs.delete_queue(QueueUrl=url)
    client.invoke(FunctionName="f", InvocationType="Event", Payload=b"null")
    client.invoke(FunctionName="f", InvocationType="Event", Payload=b'"fail"')
    node.advance(600)
    assert total(node, "AsyncEventsReceived", FunctionName="f", Resource="f") == 2
    assert total(node, "Invocations", FunctionName="f") == 4
    assert total(node, "AsyncEventsDropped", FunctionName="f") == 1
    assert total(node, "DeadLetterErrors", FunctionName="f") == 1
    assert sum(metric(node, "AsyncEventAge", "SampleCount")) == 4
    assert max(metric(node, "AsyncEventAge", "Maximum")) == pytest.approx(180_000, rel=0.05)


def test_requests_to_a_url_are_counted_by_what_they_were_answered(client: Any, node: RunningNode) -> None:
    deploy(client, code="def handler(event, context):\n    return {'statusCode': int(event['rawPath'][1:])}\n")
    url = urlsplit(client.create_function_url_config(FunctionName="f", AuthType="NONE")["FunctionUrl"])
    for status in (200, 204, 404, 503):
        connection = http.client.HTTPConnection("127.0.0.1", url.port, timeout=30)
        connection.request("GET", f"/{status}", headers={"Host": url.netloc})
        assert connection.getresponse().status == status
        connection.close()
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    connection = http.client.HTTPConnection("127.0.0.1", url.port, timeout=30)
    connection.request("GET", "/200", headers={"Host": url.netloc})
    assert connection.getresponse().status == 429
    connection.close()
    called = {"FunctionName": "f", "Resource": "f:$LATEST"}
    counts = [total(node, name, **called) for name in ("UrlRequestCount", "Url4xxCount", "Url5xxCount")]
    assert counts == [5, 2, 1]
    assert max(metric(node, "UrlRequestLatency", "Maximum", FunctionName="f")) > 0


def test_what_a_function_prints_in_the_embedded_format_is_a_metric(client: Any, node: RunningNode) -> None:
    deploy(client, code=CODE)
    call(client, event="sell")
    until(lambda: metric(node, "Sold", namespace="Shop", Where="till") == [5])
    assert metric(node, "Sold", "SampleCount", namespace="Shop", Where="till") == [2]


def test_extensions_that_go_on_after_the_answer_are_measured(node: RunningNode) -> None:
    def outcome(duration_ms: float) -> Outcome:
        return Outcome(
            *(b"", None, None, "success", False, None, duration_ms, 1, 128, 20, b""),
            started_at=node.node.clock.now(),
            environment_id="e",
            log_stream="s",
        )

    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    version = Version(
        arn, "f", "$LATEST", "000000000000", "us-east-1", "r", "x", "h", node.node.config.data_dir, "role"
    )

    async def runs() -> None:
        UnderWay(node.node, version, Invocation("id", b"", arn)).over(outcome(25.0), answered=outcome(10.0))

    node.run(runs())
    assert metric(node, "PostRuntimeExtensionsDuration", "Maximum", FunctionName="f") == [15]
    assert metric(node, "Duration", "Maximum", FunctionName="f") == [25]


def test_measuring_a_run_costs_some_microseconds(node: RunningNode) -> None:
    """No bound that noise could break: what is tested is that nothing is written, and one entry made, per run."""
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    version = Version(arn, "f", "1", "000000000000", "us-east-1", "r", "x", "h", node.node.config.data_dir, "role")
    ended = Outcome(
        *(b"", None, None, "success", False, None, 1.5, 2, 128, 20, b""),
        started_at=node.node.clock.now(),
        environment_id="e",
        log_stream="s",
    )

    async def runs() -> tuple[int, float]:
        metrics = node.node.telemetry.metrics
        await node.node.telemetry.flush()
        begun = time.perf_counter()
        for _ in range(2000):
            UnderWay(node.node, version, Invocation("id", b"", arn + ":live")).over(ended)
        return len(metrics._buffer), (time.perf_counter() - begun) / 2000

    entries, each_s = node.run(runs())
    assert entries == 1
    print(json.dumps({"microseconds": each_s * 1e6}))
    assert total(node, "Invocations", FunctionName="f", Resource="f:live") == 2000


def test_a_mapping_that_counts_its_events_tells_what_became_of_them(client: Any, node: RunningNode) -> None:
    code = """
    def handler(event, context):
        bad = [record["messageId"] for record in event["Records"] if record["body"] == '{"kind": "bad"}']
        return {"batchItemFailures": [{"itemIdentifier": each} for each in bad]}
    """
    deploy(client, code=textwrap.dedent(code))
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    for kind in ("good", "good", "good", "bad", "other", "other"):
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"kind": kind}))
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    made = client.create_event_source_mapping(
        FunctionName="f",
        EventSourceArn=arn,
        MetricsConfig={"Metrics": ["EventCount"]},
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria={"Filters": [{"Pattern": '{"body": {"kind": ["good", "bad"]}}'}]},
    )
    assert made["MetricsConfig"] == {"Metrics": ["EventCount"]}
    node.settle()
    told = {
        name: total(node, name, EventSourceMappingUUID=made["UUID"])
        for name in ("PolledEventCount", "FilteredOutEventCount", "InvokedEventCount", "FailedInvokeEventCount")
    }
    assert list(told.values()) == [6, 2, 4, 1]
    assert total(node, "DeletedEventCount", EventSourceMappingUUID=made["UUID"]) == 5
    client.update_event_source_mapping(UUID=made["UUID"], MetricsConfig={"Metrics": []})
    node.settle()
    node.advance(60)
    assert total(node, "PolledEventCount", EventSourceMappingUUID=made["UUID"]) == 6
