"""Records of what became of asynchronous invocations, in every kind of destination, in AWS's form."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.functions import deploy, wait_until_updated
from tests.running_node import RunningNode
from tests.services.lambda_.test_measuring import total
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import destinations
from wakeful.services.lambda_.destinations import Record, Response
from wakeful.services.lambda_.references import Reference

HERE = "us-east-1:000000000000"
ARN = f"arn:aws:lambda:{HERE}:function:f"
CODE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no luck")
    return {"got": event, "big": "x" * event.get("big", 0)}
"""
F = Reference("000000000000", "us-east-1", "f")
JSON = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists, max_leaves=5)


def queue(node: RunningNode, name: str = "q") -> tuple[str, str]:
    """(URL, ARN)"""
    return node.client("sqs").create_queue(QueueName=name)["QueueUrl"], f"arn:aws:sqs:{HERE}:{name}"


def bodies(node: RunningNode, url: str) -> list[Any]:
    """What the queue had; it is empty then."""
    sqs = node.client("sqs")
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in found]


def configure(client: Any, name: str = "f", **sides: str) -> None:
    config = {side: {"Destination": arn} for side, arn in sides.items()}
    client.put_function_event_invoke_config(FunctionName=name, DestinationConfig=config)


def send(node: RunningNode, event: Any, name: str = "f") -> str:
    """The request's id; everything that it causes, retries among it, has happened."""
    answer = node.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())
    node.advance(600)
    return str(answer["ResponseMetadata"]["RequestId"])


@pytest.mark.slow
def test_a_success_and_a_failure_are_told_in_awss_form(node: RunningNode, client: Any) -> None:
    (good, good_arn), (bad, bad_arn) = queue(node, "good"), queue(node, "bad")
    deploy(client, code=CODE)
    configure(client, OnSuccess=good_arn, OnFailure=bad_arn)
    request_id = send(node, {"a": 1})
    (record,) = bodies(node, good)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("timestamp"))
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{ARN}:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"a": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"got": {"a": 1}, "big": ""},
    }
    request_id = send(node, {"fail": True})
    (record,) = bodies(node, bad)
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": f"{ARN}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorMessage"] == "no luck"
    assert bodies(node, good) == []


@pytest.mark.slow
def test_an_alias_has_destinations_of_its_own_and_its_record_says_which_version_ran(
    node: RunningNode, client: Any
) -> None:
    url, arn = queue(node)
    deploy(client, code=CODE)
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    configure(client, "f:live", OnSuccess=arn)
    send(node, {}, "f")
    assert bodies(node, url) == []
    send(node, {}, "f:live")
    (record,) = bodies(node, url)
    assert record["requestContext"]["functionArn"] == f"{ARN}:live"
    assert record["responseContext"]["executedVersion"] == "1"


@pytest.mark.slow
def test_topics_and_functions_get_the_record_and_a_dead_letter_goes_beside_it(node: RunningNode, client: Any) -> None:
    (url, arn), (dead, dead_arn) = queue(node), queue(node, "dead")
    sns = node.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    deploy(client, "g", code=CODE)
    deploy(client, code=CODE, DeadLetterConfig={"TargetArn": dead_arn})
    configure(client, OnSuccess=f"arn:aws:lambda:{HERE}:function:g", OnFailure=topic)
    configure(client, "g", OnSuccess=arn)
    send(node, {"a": 1})
    (of_g,) = bodies(node, url)
    assert of_g["requestPayload"]["requestContext"]["condition"] == "Success"
    assert of_g["requestPayload"]["requestPayload"] == {"a": 1}
    assert bodies(node, dead) == []
    send(node, {"fail": True})
    (of_f,) = bodies(node, url)
    assert of_f["requestContext"]["condition"] == "RetriesExhausted"
    assert bodies(node, dead) == [{"fail": True}]


@pytest.mark.slow
def test_a_bus_gets_an_event_of_lambda(node: RunningNode, client: Any) -> None:
    url, arn = queue(node)
    events = node.client("events")
    bus = events.create_event_bus(Name="b")["EventBusArn"]
    events.put_rule(Name="r", EventBusName="b", EventPattern=json.dumps({"source": ["lambda"]}))
    events.put_targets(Rule="r", EventBusName="b", Targets=[{"Id": "1", "Arn": arn}])
    deploy(client, code=CODE)
    configure(client, OnSuccess=bus, OnFailure=bus)
    send(node, {"a": 1})
    send(node, {"fail": True})
    told = sorted(bodies(node, url), key=lambda event: str(event["detail-type"]))
    assert [event["detail-type"] for event in told] == [
        f"Lambda Function Invocation Result - {outcome}" for outcome in ("Failure", "Success")
    ]
    for event in told:
        assert event["resources"] == [bus, f"{ARN}:$LATEST"]
        assert (event["account"], event["region"], event["source"]) == ("000000000000", "us-east-1", "lambda")
        assert event["detail"]["version"] == "1.0"
    assert told[1]["detail"]["requestPayload"] == {"a": 1}


@pytest.mark.slow
def test_a_bucket_gets_records_of_failures_under_awss_names(node: RunningNode, client: Any) -> None:
    s3 = node.client("s3")
    s3.create_bucket(Bucket="records")
    deploy(client, code=CODE)
    configure(client, OnFailure="arn:aws:s3:::records")
    request_id = send(node, {"fail": True})
    (found,) = s3.list_objects_v2(Bucket="records")["Contents"]
    day = r"(\d{4})/(\d\d)/(\d\d)/\1-\2-\3T\d\d\.\d\d\.\d\d"
    assert re.fullmatch(rf"aws/lambda/async/f/{day}-[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}", found["Key"])
    record = json.loads(s3.get_object(Bucket="records", Key=found["Key"])["Body"].read())
    assert record["requestContext"]["requestId"] == request_id
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    s3.delete_object(Bucket="records", Key=found["Key"])
    s3.delete_bucket(Bucket="records")
    send(node, {"fail": True})
    assert total(node, "DestinationDeliveryFailures", FunctionName="f") == 1


@pytest.mark.slow
def test_what_a_destination_cannot_take_is_measured_and_harms_nobody(node: RunningNode, client: Any) -> None:
    url, arn = queue(node)
    deploy(client, code=CODE)
    sns = node.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    configure(client, OnSuccess=topic, OnFailure=arn)
    send(node, {"big": 300_000})  # a topic takes 256 KB
    assert total(node, "DestinationDeliveryFailures", FunctionName="f") == 1
    node.client("sqs").delete_queue(QueueUrl=url)
    send(node, {"fail": True})
    assert total(node, "DestinationDeliveryFailures", FunctionName="f") == 2
    assert total(node, "AsyncEventsDropped", FunctionName="f") == 1


@pytest.mark.slow
def test_nothing_is_told_where_the_function_has_gone(node: RunningNode, client: Any) -> None:
    url, arn = queue(node)
    deploy(client, code=CODE)
    configure(client, OnFailure=arn)
    client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"fail": true}')
    node.settle()
    client.delete_function(FunctionName="f")
    node.advance(3600)
    assert bodies(node, url) == []
    assert total(node, "AsyncEventsDropped", FunctionName="f") == 1


@pytest.mark.slow
def test_a_destination_that_is_configured_later_holds_for_events_that_wait(node: RunningNode, client: Any) -> None:
    url, arn = queue(node)
    deploy(client, code=CODE)
    client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"fail": true}')
    node.settle()
    configure(client, OnSuccess=arn)
    client.update_function_configuration(FunctionName="f", Timeout=4)
    wait_until_updated(client, "f")
    client.update_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    configure(client, OnFailure=arn)
    client.update_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    node.advance(600)
    (record,) = bodies(node, url)
    assert record["requestContext"]["approximateInvokeCount"] == 2


def record_of(payload: str = "{}", response: Response | None = None) -> Any:
    record = Record(F, "id", Trace("t"), "Success", 1, payload, response)
    return orjson.loads(record.text(0.25))


@given(JSON, JSON)
def test_payloads_stand_in_the_record_as_they_came(sent: Any, answered: Any) -> None:
    record = record_of(json.dumps(sent), Response(200, "1", None, json.dumps(answered).encode()))
    assert record["requestPayload"] == sent
    assert record["responsePayload"] == answered
    assert record["timestamp"] == "1970-01-01T00:00:00.250Z"


def test_numbers_in_payloads_keep_their_digits() -> None:
    text = Record(F, "id", Trace("t"), "Success", 1, '{"n": 1.10000000000000000000001}', None).text(0.0)
    assert b"1.10000000000000000000001" in text


def test_an_answer_that_is_no_json_is_text() -> None:
    assert record_of(response=Response(200, "1", None, b"\xffoh"))["responsePayload"] == "�oh"


def test_an_event_that_was_never_run_has_no_response() -> None:
    assert "responseContext" not in record_of()
    throttled = record_of(response=Response(429))
    assert (throttled["responseContext"], "responsePayload" in throttled) == ({"statusCode": 429}, False)


def test_a_record_in_a_bucket_is_named_by_its_function_and_its_second() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC).timestamp()
    assert destinations.key_of(F, now).startswith("aws/lambda/async/f/2026/01/02/2026-01-02T03.04.05-")
