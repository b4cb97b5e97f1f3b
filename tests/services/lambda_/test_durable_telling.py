"""What the world hears of durable executions, and what else than Invoke begins them."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.functions import wait_until_updated
from tests.running_node import RunningNode, running_node
from tests.services.lambda_.durable_functions import Puppet, begin, deploy_durable, status
from tests.services.lambda_.test_events import letters, role
from tests.services.lambda_.test_measuring import metric

pytestmark = pytest.mark.slow

RETURN = "def run(durable, event, context):\n    return event\n"
FAIL = "def run(durable, event, context):\n    raise ValueError('no luck')\n"


def queue(node: RunningNode, name: str) -> tuple[str, str]:
    """(URL, ARN)"""
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def test_status_changes_are_events_on_the_default_bus_also_where_policies_hold(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        role(node, allows="lambda:*")
        url, arn = queue(node, "heard")
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": allow})
        node.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
        events = node.client("events")
        pattern = {"source": ["aws.lambda"], "detail-type": ["Durable Execution Status Change"]}
        events.put_rule(Name="r", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
        client = node.client("lambda")
        deploy_durable(client, RETURN, Role="arn:aws:iam::000000000000:role/r")
        execution = begin(client, 1, DurableExecutionName="one")
        node.settle()
        heard = sorted((json.loads(each["Body"]) for each in letters(node, url)), key=lambda each: len(each["detail"]))
    assert [each["detail"]["status"] for each in heard] == ["RUNNING", "SUCCEEDED"]
    detail = heard[1]["detail"]
    assert (detail["durableExecutionArn"], detail["durableExecutionName"]) == (execution, "one")
    assert detail["functionArn"].endswith(":function:f:$LATEST")
    assert detail["startTimestamp"] <= detail["endTimestamp"]
    assert "endTimestamp" not in heard[0]["detail"]


def test_executions_are_measured(node: RunningNode, client: Any) -> None:
    deploy_durable(client, RETURN)
    deploy_durable(client, FAIL, "g")
    for name in ("f", "f", "g"):
        begin(client, 1, name)
    node.settle()
    assert sum(metric(node, "DurableExecutionStarted")) == 3
    assert sum(metric(node, "DurableExecutionStarted", FunctionName="f")) == 2
    assert sum(metric(node, "DurableExecutionSucceeded", FunctionName="f", Resource="f:$LATEST")) == 2
    assert sum(metric(node, "DurableExecutionFailed", FunctionName="g")) == 1
    assert max(metric(node, "DurableExecutionDuration", "Maximum")) > 0
    assert max(metric(node, "ApproximateRunningDurableExecutions", "Maximum")) >= 1
    assert min(metric(node, "ApproximateRunningDurableExecutions", "Minimum")) == 0


def test_the_event_of_an_execution_that_failed_goes_to_the_dead_letter_queue(node: RunningNode, client: Any) -> None:
    url, arn = queue(node, "dead")
    deploy_durable(client, FAIL, DeadLetterConfig={"TargetArn": arn})
    execution = begin(client, {"a": 1})
    node.settle()
    (letter,) = letters(node, url)
    assert json.loads(letter["Body"]) == {"a": 1}
    found = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert found == {"RequestID": execution.split("/")[-1], "ErrorCode": "200", "ErrorMessage": "no luck"}
    client.invoke(FunctionName="f:$LATEST", Payload=b"1")
    assert letters(node, url) == []


def test_a_record_of_an_execution_begun_by_an_event_goes_to_the_destinations_of_what_was_invoked(
    node: RunningNode, client: Any
) -> None:
    (good, good_arn), (bad, bad_arn) = queue(node, "good"), queue(node, "bad")
    function = deploy_durable(client, "def run(durable, event, context):\n    return 7 // event['by']\n")
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    config = {"OnSuccess": {"Destination": good_arn}, "OnFailure": {"Destination": bad_arn}}
    client.put_function_event_invoke_config(FunctionName="f:live", DestinationConfig=config)
    begin(client, {"by": 1})
    client.invoke(FunctionName="f:live", Payload=b'{"by": 0}')
    succeeded, failed = (begin(client, {"by": by}, Qualifier="live") for by in (2, 0))
    node.settle()
    (told,) = (json.loads(each["Body"]) for each in letters(node, good))
    assert told.pop("timestamp").endswith("Z")
    assert told == {
        "version": "1.0",
        "requestContext": {
            "requestId": succeeded.split("/")[-1],
            "functionArn": f"{function}:live",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"by": 2},
        "responseContext": {"statusCode": 200, "executedVersion": "1"},
        "responsePayload": 3,
    }
    (told,) = (json.loads(each["Body"]) for each in letters(node, bad))
    assert told["requestContext"]["requestId"] == failed.split("/")[-1]
    assert told["requestContext"]["condition"] == "RetriesExhausted"
    assert told["responseContext"]["functionError"] == "Unhandled"
    assert told["responsePayload"]["errorType"] == "ZeroDivisionError"


def test_an_event_from_elsewhere_begins_an_execution(node: RunningNode, client: Any) -> None:
    arn = deploy_durable(client, RETURN)
    topic = node.client("sns").create_topic(Name="t")["TopicArn"]
    node.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=f"{arn}:$LATEST")
    node.client("sns").publish(TopicArn=topic, Message="hello")
    node.settle()
    (execution,) = client.list_durable_executions_by_function(FunctionName="f")["DurableExecutions"]
    assert execution["Status"] == "SUCCEEDED"
    found = client.get_durable_execution(DurableExecutionArn=execution["DurableExecutionArn"])
    assert json.loads(found["Result"])["Records"][0]["Sns"]["Message"] == "hello"


def test_a_mapping_waits_for_the_whole_execution(node: RunningNode, tmp_path: Path) -> None:
    puppet = Puppet(node, tmp_path / "puppet")
    client = puppet.client
    url, arn = queue(node, "work")
    ask = {"EventSourceArn": arn, "FunctionName": "f"}
    unqualified = "You cannot invoke a durable function using an unqualified ARN."
    assert refusal(client.create_event_source_mapping, **ask)[1] == unqualified
    client.create_event_source_mapping(EventSourceArn=arn, FunctionName="f:$LATEST")
    node.client("sqs").send_message(QueueUrl=url, MessageBody="hello")
    event = puppet.invoked()
    (root,) = event["InitialExecutionState"]["Operations"]
    assert json.loads(root["ExecutionDetails"]["InputPayload"])["Records"][0]["body"] == "hello"
    attributes = {"QueueUrl": url, "AttributeNames": ["ApproximateNumberOfMessagesNotVisible"]}
    waiting = node.client("sqs").get_queue_attributes(**attributes)["Attributes"]
    assert waiting == {"ApproximateNumberOfMessagesNotVisible": "1"}
    puppet.answers("SUCCEEDED", Result="null")
    node.settle()
    assert node.client("sqs").get_queue_attributes(**attributes)["Attributes"] == {
        "ApproximateNumberOfMessagesNotVisible": "0"
    }


def test_a_url_answers_with_the_result(node: RunningNode, client: Any) -> None:
    deploy_durable(client, RETURN.replace("return event", "return {'statusCode': 201, 'body': 'done'}"))
    version = client.publish_version(FunctionName="f")["Version"]
    client.create_alias(FunctionName="f", Name="live", FunctionVersion=version)
    url = client.create_function_url_config(FunctionName="f", Qualifier="live", AuthType="NONE")["FunctionUrl"]
    id = url.partition("//")[2].partition(".")[0]
    with urllib.request.urlopen(f"{node.endpoint}/_wakeful/urls/{id}/") as answer:
        assert (answer.status, answer.read()) == (201, b"done")


def test_what_changes_meanwhile_counts_for_executions_to_come(node: RunningNode, client: Any) -> None:
    deploy_durable(client, "def run(durable, event, context):\n    durable.wait('1', 100)\n", timeout_s=300)
    arn = begin(client)
    node.settle()
    client.update_function_configuration(FunctionName="f", DurableConfig={"ExecutionTimeout": 1})
    wait_until_updated(client, "f")
    node.advance(101)
    assert status(client, arn) == "SUCCEEDED"
