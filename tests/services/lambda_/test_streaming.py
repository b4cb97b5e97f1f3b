"""InvokeWithResponseStream: what functions write arrives as they write it, through an unmodified client."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.errors import refusal
from tests.functions import NODE_RUNTIME, deploy, needs_node, package
from tests.running_node import RunningNode
from wakeful import limits
from wakeful.services.lambda_.streaming import Pieces

STREAMING = """
    const fs = require("node:fs");
    const { Readable } = require("node:stream");
    const { pipeline } = require("node:stream/promises");
    const until = async (path) => {
      while (!fs.existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5));
    };

    exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
      console.log("begins");
      stream.setContentType("text/plain");
      stream.write("first");
      if (event.path) await until(event.path);
      if (event.what === "throw") throw new TypeError("in the middle");
      if (event.what === "exit") process.exit(3);
      if (event.what === "crash") setImmediate(() => { throw new Error("nobody catches"); });
      if (event.what) await new Promise(() => setInterval(() => {}, 1000));
      stream.write({ object: 1 });
      stream.end("last");
      if (event.done) fs.writeFileSync(event.done, String(context.awsRequestId));
    });

    exports.early = awslambda.streamifyResponse(async () => { throw new RangeError("at once"); });

    exports.http = awslambda.streamifyResponse(async (event, stream) => {
      stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: "b" } });
      await pipeline(Readable.from(["one", "two"]), stream);
    });

    exports.pipe = awslambda.streamifyResponse(async (event, stream) => {
      async function* source() {
        yield "first";
        await until(event.path);
        throw new Error("the source failed");
      }
      await pipeline(source(), stream);
    }, { highWaterMark: 4 });

    exports.late = awslambda.streamifyResponse(async (event, stream) => {
      setTimeout(() => console.log("afterwards"), 20);
      stream.end("done");
      try { stream.setContentType("text/html"); } catch (error) { console.log(error.name, error.message); }
      return 5;
    });

    exports.sync = awslambda.streamifyResponse(() => {});

    exports.large = awslambda.streamifyResponse(async (event, stream) => {
      const piece = Buffer.alloc(65536, "x");
      async function* source() { for (let i = 0; i < event.pieces; i++) yield piece; }
      await pipeline(source(), stream);
    });
    """

pytestmark = [pytest.mark.slow, needs_node]


def streaming(client: Any, handler: str = "handler", **settings: Any) -> None:
    code = {"ZipFile": package(index__js=STREAMING)}
    deploy(client, handler, Runtime=NODE_RUNTIME, Handler=f"index.{handler}", Code=code, **settings)


def invoke(client: Any, name: str = "handler", event: Any = None, **more: Any) -> Any:
    return client.invoke_with_response_stream(FunctionName=name, Payload=json.dumps(event or {}).encode(), **more)


def payload_and_end(events: Iterator[dict[str, Any]]) -> tuple[bytes, dict[str, str]]:
    """What was answered, and the last event, which is InvokeComplete."""
    *chunks, last = list(events)
    return b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks), last["InvokeComplete"]


def test_the_first_chunk_is_there_before_the_function_ends(client: Any, tmp_path: Path) -> None:
    streaming(client)
    answer = invoke(client, event={"path": str(tmp_path / "go")})
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    events = iter(answer["EventStream"])
    assert next(events) == {"PayloadChunk": {"Payload": b"first"}}
    (tmp_path / "go").touch()  # without this it never ends
    assert payload_and_end(events) == (b'{"object":1}last', {})


def test_a_caller_who_leaves_does_not_stop_the_function(node: RunningNode, client: Any, tmp_path: Path) -> None:
    streaming(client, Timeout=30)
    answer = invoke(client, event={"path": str(tmp_path / "go"), "done": str(tmp_path / "done")})
    next(iter(answer["EventStream"]))
    answer["EventStream"].close()
    (tmp_path / "go").touch()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert node.run(noted(node, request_id)).status == "ok"
    assert (tmp_path / "done").read_text() == request_id


def test_a_buffered_function_answers_in_one_chunk(client: Any) -> None:
    deploy(client)
    events = list(invoke(client, "f", {"a": 1}, LogType="Tail")["EventStream"])
    assert json.loads(events[0]["PayloadChunk"]["Payload"]) == {"a": 1}
    assert events[1:] == [{"InvokeComplete": {"LogResult": events[1]["InvokeComplete"]["LogResult"]}}]
    assert "REPORT RequestId: " in base64.b64decode(events[1]["InvokeComplete"]["LogResult"]).decode()


def test_a_buffered_function_that_fails_says_how(client: Any) -> None:
    deploy(client, code="def handler(event, context):\n    raise KeyError('missing')\n")
    payload, end = payload_and_end(invoke(client, "f")["EventStream"])
    assert (payload, end["ErrorCode"]) == (b"", "Unhandled")
    assert json.loads(end["ErrorDetails"])["errorType"] == "KeyError"


@pytest.mark.parametrize(
    ("event", "payload", "code", "words"),
    [
        ({"what": "throw"}, b"first", "TypeError", "in the middle"),
        ({"what": "hang"}, b"first", "Sandbox.Timedout", "Task timed out after 2.00 seconds"),
        ({"what": "exit", "path": "GO"}, b"first", "Runtime.ExitError", "exit status 3"),
        ({"what": "crash", "path": "GO"}, b"first", "Runtime.ExitError", "exit status 129"),
    ],
)
def test_what_goes_wrong_in_the_middle_ends_the_stream(
    client: Any, tmp_path: Path, event: dict[str, str], payload: bytes, code: str, words: str
) -> None:
    streaming(client, Timeout=2)
    go = tmp_path / "go"
    events = iter(invoke(client, event={**event, "path": str(go)}, LogType="Tail")["EventStream"])
    first = next(events)["PayloadChunk"]["Payload"]
    go.touch()
    rest, end = payload_and_end(events)
    assert (first + rest, end["ErrorCode"]) == (payload, code)
    assert words in json.loads(end["ErrorDetails"])["errorMessage"]
    assert "begins" in base64.b64decode(end["LogResult"]).decode()


@pytest.mark.parametrize(
    ("handler", "code", "words"),
    [
        ("early", "RangeError", "at once"),
        ("sync", "string", "Streaming does not support non-async handlers."),
    ],
)
def test_an_error_before_the_first_byte_is_in_the_stream_too(client: Any, handler: str, code: str, words: str) -> None:
    streaming(client, handler)
    payload, end = payload_and_end(invoke(client, handler)["EventStream"])
    assert (payload, end["ErrorCode"]) == (b"", code)
    assert json.loads(end["ErrorDetails"])["errorMessage"] == words


def test_a_pipeline_whose_source_fails_breaks_off_and_the_next_event_is_answered(client: Any, tmp_path: Path) -> None:
    streaming(client, "pipe")
    for _ in range(2):
        go = tmp_path / "go"
        events = iter(invoke(client, "pipe", {"path": str(go)}, LogType="Tail")["EventStream"])
        assert next(events) == {"PayloadChunk": {"Payload": b"first"}}
        go.touch()
        _, end = payload_and_end(events)
        assert end["ErrorCode"] == "Runtime.TruncatedResponse"
        assert "the source failed" in base64.b64decode(end["LogResult"]).decode()
        go.unlink()


def test_http_metadata_goes_before_the_first_piece(client: Any) -> None:
    streaming(client, "http")
    payload, _ = payload_and_end(invoke(client, "http")["EventStream"])
    assert payload == b'{"statusCode":201,"headers":{"a":"b"}}' + bytes(8) + b"onetwo"


def test_the_next_event_comes_when_the_event_loop_is_empty(client: Any) -> None:
    streaming(client, "late")
    for _ in range(2):
        payload, end = payload_and_end(invoke(client, "late", LogType="Tail")["EventStream"])
        log = base64.b64decode(end["LogResult"]).decode()
        assert payload == b"done"
        assert "Runtime.InvalidStreamingOperation Cannot set content-type, too late." in log
        assert "Streaming handlers ignore return values." in log
        assert "afterwards" in log


def test_invoke_gets_the_whole_of_a_streamed_answer(client: Any) -> None:
    streaming(client)
    answer = client.invoke(FunctionName="handler")
    assert (answer["Payload"].read(), answer.get("FunctionError")) == (b'first{"object":1}last', None)
    answer = client.invoke(FunctionName="handler", Payload=b'{"what": "throw"}')
    assert answer["FunctionError"] == "Unhandled"
    assert json.load(answer["Payload"])["errorMessage"] == "in the middle"


def test_a_large_answer_comes_whole_and_costs_beyond_six_megabytes(node: RunningNode, client: Any) -> None:
    streaming(client, "large", Timeout=60, MemorySize=1024)
    pieces = 30 * 16
    received, digest = 0, hashlib.sha256()
    for event in invoke(client, "large", {"pieces": pieces})["EventStream"]:
        if "PayloadChunk" in event:
            received += len(event["PayloadChunk"]["Payload"])
            digest.update(event["PayloadChunk"]["Payload"])
    assert (received, digest.digest()) == (pieces * 65536, hashlib.sha256(b"x" * pieces * 65536).digest())
    (note,) = node.run(node.node.telemetry.recent_notes(kind="run", limit=10))
    usd = 0.0000002 + note.detail["gb_s"] * 0.0000166667 + 24 / 1024 * 0.008
    assert note.detail["usd"] == pytest.approx(usd)
    answer = client.invoke(FunctionName="large", Payload=json.dumps({"pieces": pieces}).encode())
    assert json.load(answer["Payload"])["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_stream_that_is_too_large_says_so_at_its_end(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STREAMED_RESPONSE_BYTES_MAX", 100_000)
    streaming(client, "large")
    payload, end = payload_and_end(invoke(client, "large", {"pieces": 3})["EventStream"])
    assert (payload, end["ErrorCode"]) == (b"x" * 100_000, "Function.ResponseSizeTooLarge")


def test_a_function_waits_for_a_caller_who_does_not_read(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    most, is_held = 0, threading.Event()
    write = Pieces.write

    def watched(self: Pieces, piece: bytes) -> bool:
        nonlocal most
        may_go_on = write(self, piece)
        most = max(most, self._unread_bytes)
        if not may_go_on:
            is_held.set()
        return may_go_on

    monkeypatch.setattr(Pieces, "write", watched)
    streaming(client, "large", Timeout=60)
    answer = invoke(client, "large", {"pieces": 400})
    assert is_held.wait(30)
    payload, end = payload_and_end(answer["EventStream"])
    assert (len(payload), end) == (400 * 65536, {})
    assert most < 2 * limits.LAMBDA_STREAM_UNREAD_BYTES + 65536


def test_a_dry_run_runs_nothing(node: RunningNode, client: Any) -> None:
    streaming(client)
    answer = invoke(client, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert list(answer["EventStream"]) == []
    assert node.run(node.node.telemetry.recent_notes(kind="run", limit=10)) == []


def test_errors_before_the_stream_are_ordinary_errors(client: Any) -> None:
    code, _ = refusal(client.invoke_with_response_stream, FunctionName="nobody")
    assert code == "ResourceNotFoundException"
    deploy(client)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as refused:
        invoke(client, "f")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_a_streamed_run_is_noted_once_with_its_price(node: RunningNode, client: Any) -> None:
    streaming(client)
    answer = invoke(client)
    list(answer["EventStream"])
    (note,) = node.run(node.node.telemetry.recent_notes(kind="run", limit=10))
    assert note.id == answer["ResponseMetadata"]["RequestId"]
    assert note.detail["usd"] > 0


async def noted(node: RunningNode, request_id: str) -> Any:
    """The note of a run, once it is over."""
    while (note := await node.node.telemetry.note_by_id(request_id)) is None:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.002)
    return note


# --- the pieces on their way -----------------------------------------------------------------------------------------


async def test_who_leaves_holds_nobody_up() -> None:
    resumed = threading.Event()
    pieces = Pieces()
    pieces.begin("text/plain", resumed.set)
    assert pieces.write(b"x" * (limits.LAMBDA_STREAM_UNREAD_BYTES - 1))
    assert not pieces.write(b"x")
    pieces.leave()
    assert resumed.is_set()
    assert pieces.write(b"x" * limits.LAMBDA_STREAM_UNREAD_BYTES)


async def test_pieces_are_read_in_their_order_and_the_writer_goes_on_when_they_were_taken() -> None:
    resumed: list[str] = []
    pieces = Pieces()

    def go_on() -> None:
        resumed.append("once")
        pieces.write(b"c")
        pieces.end()

    pieces.begin("text/plain", go_on)
    pieces.write(b"a")
    pieces.write(b"b" * limits.LAMBDA_STREAM_UNREAD_BYTES)
    assert [piece[:1] async for piece in pieces.each()] == [b"a", b"b", b"c"]
    assert resumed == ["once"]
