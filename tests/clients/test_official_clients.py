"""Functions on the runtime clients that AWS publishes, and on bare sockets, in real sandboxes."""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.request
from typing import Any

import pytest

from tests.clients.builds import ALL, GO, NODEJS, RUST, SHELL, Client
from tests.clients.builds import C as BARE
from tests.clients.conftest import Deployed
from tests.functions import call
from tests.running_node import RunningNode
from wakeful import limits, names
from wakeful.environments.version import Invocation, Outcome
from wakeful.services.lambda_ import runs
from wakeful.services.lambda_.references import of_arn

pytestmark = pytest.mark.slow

each_client = pytest.mark.parametrize("client", ALL, ids=lambda client: client.name)
each_that_streams = pytest.mark.parametrize(
    "client", [each for each in ALL if each.streams], ids=lambda each: each.name
)

RUST_ERROR = "&alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>"
HANDLED = {"go": "errorString", "rust": RUST_ERROR, "nodejs": "RangeError"}
"""What each client makes of an error that the function returned; ours say Our.Error."""


@each_client
def test_an_event_comes_with_its_whole_context(lambda_: Any, deployed: Deployed, client: Client) -> None:
    name = deployed(client)
    application = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
    context = {"client": dict.fromkeys(application, "x"), "custom": {"colour": "blue"}, "env": {"make": "m"}}
    encoded = base64.b64encode(json.dumps(context).encode()).decode()
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    answer = lambda_.invoke(FunctionName=arn, Payload=json.dumps({"text": "né"}), ClientContext=encoded, LogType="Tail")
    seen = json.loads(answer["Payload"].read())
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "FunctionError" not in answer, (seen, log)
    assert seen["event"] == {"text": "né"}
    assert (seen["requestId"], seen["arn"]) == (answer["ResponseMetadata"]["RequestId"], arn)
    assert f"START RequestId: {seen['requestId']}" in log
    assert 5000 < seen["remainingMs"] <= 10_000
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};.*", seen["trace"])
    assert seen.get("custom", (seen.get("context") or {}).get("custom")) == {"colour": "blue"}
    assert (seen["name"], seen["version"], seen["memory"]) == (name, "$LATEST", 512)
    assert seen["logGroup"] == f"/aws/lambda/{name}"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", seen["logStream"])


@each_client
def test_the_identity_of_a_mobile_caller_comes_along(confined: RunningNode, deployed: Deployed, client: Client) -> None:
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{deployed(client)}"
    identity = {"cognitoIdentityId": "us-east-1:who", "cognitoIdentityPoolId": "us-east-1:where"}

    async def invoked() -> Outcome:
        version = (await runs.target(confined.node, of_arn(arn))).pick()
        invocation = Invocation(names.new_uuid(), b"{}", arn, cognito_identity=json.dumps(identity))
        return await confined.node.environments.invoke(version, invocation)

    outcome = confined.run(invoked())
    assert outcome.error is None, outcome.payload
    assert json.loads(outcome.payload)["identity"] == identity


@each_client
def test_the_environment_is_used_again(lambda_: Any, deployed: Deployed, client: Client) -> None:
    seen = [call(lambda_, deployed(client), {}).payload for _ in range(3)]
    assert len({each["logStream"] for each in seen}) == 1
    assert len({each["requestId"] for each in seen}) == 3
    assert [each["count"] - seen[0]["count"] for each in seen] == [0, 1, 2]


@each_client
def test_an_error_that_was_handled_keeps_the_environment(lambda_: Any, deployed: Deployed, client: Client) -> None:
    name = deployed(client)
    before = call(lambda_, name, {}).payload
    failed = call(lambda_, name, {"do": "fail"})
    after = call(lambda_, name, {}).payload
    assert (failed.status, failed.error) == (200, "Unhandled")
    assert failed.payload["errorMessage"] == "as asked"
    assert failed.payload["errorType"] == HANDLED.get(client.name, "Our.Error")
    assert (after["logStream"], after["count"]) == (before["logStream"], before["count"] + 2)


def test_an_error_with_many_words_arrives_although_go_sends_them_in_a_header_too(
    lambda_: Any, deployed: Deployed
) -> None:
    failed = call(lambda_, deployed(GO), {"do": "fail", "bytes": 900_000})
    assert (failed.payload["errorMessage"], failed.payload["errorType"]) == ("as asked" + "!" * 900_000, "errorString")


@each_client
def test_a_crash_fails_its_event_alone(lambda_: Any, deployed: Deployed, client: Client) -> None:
    name = deployed(client)
    before = call(lambda_, name, {}).payload
    crashed = call(lambda_, name, {"do": "panic"})
    after = call(lambda_, name, {}).payload
    assert crashed.error == "Unhandled"
    if client is RUST:  # which catches it, and goes on
        assert crashed.payload["errorMessage"] == "Lambda panicked: as asked"
        assert after["logStream"] == before["logStream"]
        return
    if client in (GO, NODEJS):  # which tell of it, and end
        assert crashed.payload["errorMessage"] == "as asked"
        assert crashed.payload["errorType"] == {GO: "string", NODEJS: "TypeError"}[client]
    else:
        assert crashed.payload["errorType"] == "Runtime.ExitError"
        assert crashed.payload["errorMessage"].endswith("Error: Runtime exited with error: signal: aborted")
    assert after["logStream"] != before["logStream"]
    assert after["count"] == 1


@each_client
def test_an_exit_in_the_middle_is_told_with_its_status(lambda_: Any, deployed: Deployed, client: Client) -> None:
    name = deployed(client)
    left = call(lambda_, name, {"do": "exit"})
    assert (left.error, left.payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert left.payload["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")
    assert call(lambda_, name, {}).payload["count"] == 1


@each_client
def test_who_takes_too_long_is_killed(lambda_: Any, deployed: Deployed, client: Client) -> None:
    name = deployed(client, "-brief", Timeout=1)
    late = call(lambda_, name, {"do": "sleep"})
    assert (late.error, late.payload["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert late.payload["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert "Status: timeout" in late.log
    assert call(lambda_, name, {}).payload["count"] == 1


@each_client
def test_an_exit_before_the_first_event_is_told_with_its_status(
    lambda_: Any, deployed: Deployed, client: Client
) -> None:
    left = call(lambda_, deployed(client, "-leaves", variables={"INIT": "exit"}), {})
    assert (left.error, left.payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert left.payload["errorMessage"].endswith("Error: Runtime exited with error: exit status 4")
    assert "Phase: invoke\tStatus: error\tError Type: Runtime.ExitError" in left.log, "it was not tried again"


@pytest.mark.parametrize("client", [NODEJS, BARE, SHELL], ids=lambda client: client.name)
def test_a_client_that_cannot_start_says_why(lambda_: Any, deployed: Deployed, client: Client) -> None:
    told = call(lambda_, deployed(client, "-fails", variables={"INIT": "error"}), {})
    assert (told.error, told.payload["errorMessage"]) == ("Unhandled", "not today")
    assert told.payload["errorType"] == {NODEJS: "TypeError"}.get(client, "Our.InitError")


@pytest.mark.parametrize("client", [GO, RUST, NODEJS, BARE], ids=lambda client: client.name)
def test_an_answer_that_is_too_large_fails_its_event_alone(lambda_: Any, deployed: Deployed, client: Client) -> None:
    name = deployed(client)
    most = limits.RESPONSE_BYTES_MAX - 2  # without the quotes
    assert call(lambda_, name, {"do": "large", "bytes": most}).payload == "x" * most
    refused = call(lambda_, name, {"do": "large", "bytes": most + 1})
    assert (refused.error, refused.payload["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
    assert call(lambda_, name, {}).error is None


# --- streaming --------------------------------------------------------------------------------------------------------


def of_streaming(deployed: Deployed, client: Client, suffix: str = "") -> str:
    """Node.js says with the handler whether it streams; the others with what they return."""
    if client is NODEJS:
        return deployed(client, f"-streams{suffix}", Handler="index.streaming")
    return deployed(client, suffix)


@each_that_streams
def test_the_first_piece_is_there_before_the_last_is_written(lambda_: Any, deployed: Deployed, client: Client) -> None:
    name = of_streaming(deployed, client)
    answer = lambda_.invoke_with_response_stream(FunctionName=name, Payload=json.dumps({"do": "stream"}))
    events = iter(answer["EventStream"])
    begun = next(events)["PayloadChunk"]["Payload"]
    while not begun.endswith(b"first|"):  # Rust writes metadata before it
        begun += next(events)["PayloadChunk"]["Payload"]
    read_at_ms = time.time() * 1000
    *pieces, end = list(events)
    assert read_at_ms < int(b"".join(piece["PayloadChunk"]["Payload"] for piece in pieces))
    assert end == {"InvokeComplete": {}}


@each_that_streams
def test_a_failure_in_the_middle_is_told_at_the_end(lambda_: Any, deployed: Deployed, client: Client) -> None:
    name = of_streaming(deployed, client)
    answer = lambda_.invoke_with_response_stream(FunctionName=name, Payload=json.dumps({"do": "break"}))
    *pieces, end = list(answer["EventStream"])
    assert b"first|" in b"".join(piece["PayloadChunk"]["Payload"] for piece in pieces)
    code = {GO: "errorString", RUST: "Runtime.ExitError", NODEJS: "RangeError", BARE: "Our.Error"}[client]
    assert end["InvokeComplete"]["ErrorCode"] == code
    if client is GO:
        assert json.loads(end["InvokeComplete"]["ErrorDetails"])["errorMessage"] == "in the middle"


@pytest.mark.parametrize("client", [GO, RUST, NODEJS], ids=lambda client: client.name)
def test_metadata_before_the_first_piece_arrives_as_it_was_written(
    lambda_: Any, deployed: Deployed, client: Client
) -> None:
    name = of_streaming(deployed, client)
    answer = lambda_.invoke_with_response_stream(FunctionName=name, Payload=json.dumps({"do": "http"}))
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    body = b"".join(event["PayloadChunk"]["Payload"] for event in answer["EventStream"] if "PayloadChunk" in event)
    metadata, _, rest = body.partition(bytes(8))
    told = json.loads(metadata)
    assert (told["statusCode"], told["headers"]["a"], rest) == (201, "b", b"one two")


@pytest.mark.parametrize("client", [GO, RUST, NODEJS], ids=lambda client: client.name)
def test_a_function_url_streams_what_the_function_writes(
    confined: RunningNode, lambda_: Any, deployed: Deployed, client: Client
) -> None:
    name = of_streaming(deployed, client, "-url")
    lambda_.create_function_url_config(FunctionName=name, AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    (url_id,) = re.findall(r"//([a-z0-9]+)\.", lambda_.get_function_url_config(FunctionName=name)["FunctionUrl"])
    request = urllib.request.Request(f"{confined.endpoint}/_wakeful/urls/{url_id}/", headers={"do": "http"})
    with urllib.request.urlopen(request) as answer:
        assert (answer.status, answer.headers["a"], answer.read()) == (201, "b", b"one two")


@pytest.mark.parametrize("client", [GO, RUST, BARE], ids=lambda client: client.name)
def test_who_asks_for_the_whole_gets_the_pieces_together(lambda_: Any, deployed: Deployed, client: Client) -> None:
    answer = lambda_.invoke(FunctionName=deployed(client), Payload=json.dumps({"do": "stream"}))
    assert re.search(rb"first\|\d{13}$", answer["Payload"].read())
    assert "FunctionError" not in answer
