"""Invoke: what a function returns, how it fails, what is refused, and what is noted of every run."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.errors import refusal, status_of
from tests.functions import call, deploy, package, wait_until_updated
from tests.running_node import RunningNode

pytestmark = pytest.mark.slow


def test_a_function_gets_its_event_and_its_answer_comes_back(client: Any) -> None:
    deploy(client)
    events: tuple[Any, ...] = ({"a": [1, 2.5, None, "ü"]}, [], "text", 7, None, True)
    for event in events:
        answer = call(client, event=event)
        assert (answer.status, answer.payload, answer.error, answer.version) == (200, event, None, "$LATEST")


def test_no_payload_is_an_empty_object(client: Any) -> None:
    deploy(client)
    assert json.load(client.invoke(FunctionName="f")["Payload"]) == {}


def test_a_failing_function_is_answered_with_200_and_its_error(client: Any) -> None:
    deploy(client, code="def handler(event, context):\n    raise KeyError('missing')\n")
    answer = call(client)
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert answer.payload["errorType"] == "KeyError"
    assert answer.payload["errorMessage"] == "'missing'"
    assert any("index.py" in line for line in answer.payload["stackTrace"])


def test_a_function_that_takes_too_long_is_killed_and_the_next_call_starts_anew(client: Any) -> None:
    code = "import time\ndef handler(event, context):\n    time.sleep(60 if event else 0)\n    return 'in time'\n"
    deploy(client, code=code, Timeout=1)
    answer = call(client, event=1)
    assert answer.error == "Unhandled"
    assert answer.payload["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert call(client, event=0).payload == "in time"


def test_the_log_tail_has_what_the_function_said_between_start_and_report(client: Any) -> None:
    deploy(client, code="def handler(event, context):\n    print('said', event)\n")
    lines = call(client, event=5).log.splitlines()
    kinds = [line.split()[0] for line in lines]
    assert kinds[-4:] == ["START", "said", "END", "REPORT"]
    assert "Init Duration" in lines[-1]
    assert "Init Duration" not in call(client).log
    assert "LogResult" not in client.invoke(FunctionName="f")


def test_the_log_is_in_cloudwatch_logs(node: RunningNode, client: Any) -> None:
    deploy(client, code="def handler(event, context):\n    print('said', event)\n")
    call(client, event="this")
    node.settle()
    logs = node.client("logs")
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
    assert group["logGroupName"] == "/aws/lambda/f"
    (stream,) = logs.describe_log_streams(logGroupName="/aws/lambda/f")["logStreams"]
    assert "[$LATEST]" in stream["logStreamName"]
    messages = [event["message"] for event in logs.filter_log_events(logGroupName="/aws/lambda/f")["events"]]
    assert "said this\n" in messages
    assert any(message.startswith("REPORT RequestId: ") for message in messages)


def test_a_chosen_log_group_is_written_instead(node: RunningNode, client: Any) -> None:
    deploy(client, code="def handler(event, context):\n    print('hello')\n", LoggingConfig={"LogGroup": "mine"})
    call(client)
    node.settle()
    events = node.client("logs").filter_log_events(logGroupName="mine")["events"]
    assert "hello\n" in [event["message"] for event in events]


def test_a_dry_run_only_asks(client: Any) -> None:
    deploy(client, code="raise SystemExit('must not run')")
    assert client.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    assert refusal(client.invoke, FunctionName="g", InvocationType="DryRun")[0] == "ResourceNotFoundException"


def test_what_no_function_gets_is_refused(client: Any) -> None:
    deploy(client)
    code, message = refusal(client.invoke, FunctionName="f", Payload=b"{no json")
    assert code == "InvalidRequestContentException"
    assert message.startswith("Could not parse request body into json")
    large = json.dumps("x" * (6 * 1024 * 1024)).encode()
    assert refusal(client.invoke, FunctionName="f", Payload=large)[0] == "RequestTooLargeException"
    assert status_of(client.invoke, FunctionName="f", Payload=large) == 413
    event = json.dumps("x" * (1024 * 1024)).encode()
    assert refusal(client.invoke, FunctionName="f", Payload=event, InvocationType="Event")[0] == (
        "RequestTooLargeException"
    )
    assert refusal(client.invoke, FunctionName="f", ClientContext="no base64!")[0] == "InvalidRequestContentException"
    assert refusal(client.invoke, FunctionName="f", TenantId="t")[0] == "InvalidParameterValueException"
    assert refusal(client.invoke, FunctionName="f", Qualifier="9")[0] == "ResourceNotFoundException"


def test_the_client_context_arrives(client: Any) -> None:
    import base64

    deploy(client, code="def handler(event, context):\n    return context.client_context.custom\n")
    context = base64.b64encode(json.dumps({"custom": {"k": "v"}}).encode()).decode()
    assert json.load(client.invoke(FunctionName="f", ClientContext=context)["Payload"]) == {"k": "v"}


def test_a_function_is_called_right_after_it_was_made_without_waiting(client: Any) -> None:
    request = {"Runtime": "python3.11", "Role": "arn:aws:iam::000000000000:role/r", "Handler": "index.handler"}
    client.create_function(
        FunctionName="now", Code={"ZipFile": package(index__py="def handler(e, c):\n    return 1")}, **request
    )
    assert call(client, "now").payload == 1


def test_an_environment_is_used_again_and_dropped_with_its_code(client: Any) -> None:
    code = "count = 0\ndef handler(event, context):\n    global count\n    count += 1\n    return count\n"
    deploy(client, code=code)
    assert [call(client).payload for _ in range(3)] == [1, 2, 3]
    client.update_function_configuration(FunctionName="f", Description="another revision")
    wait_until_updated(client, "f")
    assert call(client).payload == 1


def test_nothing_is_kept_of_an_environment_that_is_gone(node: RunningNode, client: Any) -> None:
    deploy(
        client, code="import os\ndef handler(event, context):\n    print('last words', flush=True)\n    os._exit(1)\n"
    )
    for _ in range(3):
        assert call(client).error == "Unhandled"
    node.settle()
    assert node.node.attendant._streams == {}


def test_functions_call_aws_with_their_roles_credentials(node: RunningNode, client: Any) -> None:
    code = """
        import boto3, os

        def handler(event, context):
            identity = boto3.client("sts").get_caller_identity()
            boto3.client("sqs").send_message(QueueUrl=event, MessageBody="from inside")
            return identity["Arn"], os.environ["AWS_ACCESS_KEY_ID"][:4]
        """
    deploy(client, Code={"ZipFile": package(index__py=code)}, Timeout=30)
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn, key = call(client, event=url).payload
    assert arn.startswith("arn:aws:sts::000000000000:assumed-role/function/f")
    assert key == "ASIA"
    (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert message["Body"] == "from inside"


def test_the_node_itself_cannot_be_reached_from_inside(node: RunningNode, client: Any) -> None:
    code = """
        import os, urllib.request, urllib.error

        def handler(event, context):
            found = []
            for path in ("health", "clock", "notes"):
                try:
                    urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_wakeful/" + path)
                except urllib.error.HTTPError as error:
                    found.append(error.code)
            return found
        """
    deploy(client, Code={"ZipFile": package(index__py=code)})
    assert call(client).payload == [403, 403, 403]


def test_every_run_is_noted_with_its_price(node: RunningNode, client: Any) -> None:
    deploy(client, MemorySize=1024)
    answer = client.invoke(FunctionName="f")
    client.invoke(FunctionName="f")
    second, first = node.run(node.node.telemetry.recent_notes(kind="run", limit=10))
    assert first.id == answer["ResponseMetadata"]["RequestId"]
    assert (first.detail["cold"], second.detail["cold"]) == (True, False)
    assert first.detail["billed_ms"] == math.ceil(first.detail["init_ms"] + first.duration_ms)
    for note in (first, second):
        gb_s = note.detail["billed_ms"] / 1000
        assert note.detail["gb_s"] == pytest.approx(gb_s)
        assert note.detail["usd"] == pytest.approx(0.0000002 + gb_s * 0.0000166667)


def test_what_a_function_does_is_caused_by_its_run(node: RunningNode, client: Any) -> None:
    code = "import boto3\ndef handler(event, context):\n    boto3.client('sqs').list_queues()\n"
    deploy(client, code=code, Timeout=30)
    request_id = client.invoke(FunctionName="f")["ResponseMetadata"]["RequestId"]
    run = node.run(node.node.telemetry.note_by_id(request_id))
    (inner,) = [note for note in node.run(node.node.telemetry.notes_of(run.trace)) if note.kind == "call"]
    assert (inner.name, inner.cause, inner.hops) == ("sqs:ListQueues", request_id, run.hops + 1)


def test_the_older_asynchronous_operation_puts_the_event_into_the_queue(node: RunningNode, client: Any) -> None:
    deploy(client)
    answer = client.invoke_async(FunctionName="f", InvokeArgs=b'{"a": 1}')
    assert (answer["Status"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (202, 202)
    node.settle()
    (run,) = node.run(node.node.telemetry.recent_notes(kind="run", limit=10))
    assert (run.id, run.status) == (answer["ResponseMetadata"]["RequestId"], "ok")
    assert refusal(client.invoke_async, FunctionName="none", InvokeArgs=b"{}")[0] == "ResourceNotFoundException"
    for args, words in ((b"{", "Could not parse"), (b'"' + b"x" * 262_143 + b'"', "too large")):
        code, message = refusal(client.invoke_async, FunctionName="f", InvokeArgs=args)
        assert (code, words in message) == ("InvalidRequestContentException", True)
