"""Responses that are streamed through the Runtime API: passed on as they come, broken off, too large, in error."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.test_environment import custom
from tests.environments.test_runtime_api import NEXT, Client, Server, error, transition
from tests.environments.world import until
from wakeful import limits
from wakeful.environments.runtime_api import Phase
from wakeful.environments.streamed import StreamedResponse
from wakeful.environments.version import Invocation

RESPONSE = "/2018-06-01/runtime/invocation/id/response"
HEAD = f"POST {RESPONSE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n".encode()
STREAMING = HEAD + b"Lambda-Runtime-Function-Response-Mode: streaming\r\n"
ENDING = b"0\r\n\r\n"


class Taken:
    """A sink that keeps what it got. While it is `full`, it wants no more."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.content_type = ""
        self.resume: Callable[[], None] = lambda: None
        self.is_full = False
        self.on_piece: Callable[[], object] = lambda: None

    def begin(self, content_type: str, resume: Callable[[], None]) -> None:
        self.content_type = content_type
        self.resume = resume

    def write(self, piece: bytes) -> bool:
        self.pieces.append(piece)
        self.on_piece()
        return not self.is_full

    @property
    def all(self) -> bytes:
        return b"".join(self.pieces)


async def running(server: Server, sink: Taken | None = None) -> Client:
    return await server.running(Invocation("id", b"{}", "arn", sink=sink))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def streamed(server: Server) -> StreamedResponse:
    kind, response = server.told.heard[-1]
    assert kind == "streamed"
    assert isinstance(response, StreamedResponse)
    return response


async def test_pieces_are_passed_on_as_they_come() -> None:
    sink = Taken()
    async with Server() as server:
        client = await running(server, sink)
        client.writer.write(STREAMING + b"Content-Type: text/html\r\n\r\n" + chunk(b"first"))
        await until(lambda: sink.pieces == [b"first"])
        assert (server.api.phase, server.told.heard[-1]) == (Phase.STREAMING, ("streams",))
        client.writer.write(chunk(b"second") + ENDING)
        assert (await client.answer())[0] == 202
        assert (sink.pieces, sink.content_type) == ([b"first", b"second"], "text/html")
        assert (streamed(server).payload, streamed(server).is_error) == (b"", False)
        assert server.api.phase is Phase.RESPONDED


async def test_chunks_that_do_not_say_how_they_are_meant_are_streamed_to_who_asked_for_a_stream() -> None:
    sink = Taken()
    async with Server() as server:
        client = await running(server, sink)
        client.writer.write(HEAD + b"\r\n" + chunk(b"first"))
        await until(lambda: sink.pieces == [b"first"])
        client.writer.write(chunk(b"second") + ENDING)
        assert (await client.answer())[0] == 202
        assert sink.all == b"firstsecond"
    async with Server() as server:  # nobody asked for a stream: it is an answer like any other
        client = await running(server)
        client.writer.write(HEAD + b"\r\n" + chunk(b"first") + chunk(b"second") + ENDING)
        assert (await client.answer())[0] == 202
        assert server.told.heard[-1] == ("answered", b"firstsecond")


async def test_without_a_sink_they_are_kept() -> None:
    async with Server() as server:
        client = await running(server)
        client.writer.write(STREAMING + b"\r\n" + chunk(b"first") + chunk(b"second") + ENDING)
        assert (await client.answer())[0] == 202
        assert streamed(server).payload == b"firstsecond"


async def test_an_error_in_the_trailers_is_the_responses_error() -> None:
    sink = Taken()
    document = b'{"errorType":"E","errorMessage":"m"}'
    trailers = (
        b"Lambda-Runtime-Function-Error-Type: My.Error\r\nLambda-Runtime-Function-Error-Body: %b\r\n\r\n"
        % base64.b64encode(document)
    )
    async with Server() as server:
        client = await running(server, sink)
        client.writer.write(STREAMING + b"\r\n" + chunk(b"part") + b"0\r\n" + trailers)
        assert (await client.answer())[0] == 202
        response = streamed(server)
        assert (sink.pieces, response.payload, response.is_error) == ([b"part"], document, True)
        assert (response._broken_by, response.error_type) == ("My.Error", None)


async def test_while_it_streams_a_runtime_does_nothing_else() -> None:
    sink = Taken()
    async with Server() as server:
        client = await running(server, sink)
        client.writer.write(STREAMING + b"\r\n" + chunk(b"a"))
        await until(lambda: sink.pieces)
        other = await server.client()
        for method, path, wanted in (
            ("GET", NEXT, "Ready"),
            ("POST", RESPONSE, "InvocationResponse"),
            ("POST", RESPONSE.replace("response", "error"), "InvocationErrorResponse"),
        ):
            status, body = await other.ask(method, path)
            assert (status, json.loads(body)) == (403, transition("InvocationResponse", wanted))


@pytest.mark.parametrize("request_id", ["other", "id"])
async def test_a_stream_that_may_not_begin_is_refused_and_not_passed_on(request_id: str) -> None:
    sink = Taken()
    async with Server() as server:
        client = await running(server, sink)
        if request_id == "id":
            assert (await client.ask("POST", RESPONSE, b"done"))[0] == 202
        client.writer.write(STREAMING.replace(b"/id/", f"/{request_id}/".encode()) + b"\r\n" + chunk(b"a") + ENDING)
        status, _, body = await client.answer()
        refusals = {
            "other": (400, error("InvalidRequestID", "Invalid request ID")),
            "id": (403, transition("RuntimeResponseSentState", "InvocationResponse")),
        }
        assert (status, json.loads(body)) == refusals[request_id]
        assert not sink.pieces


async def test_a_connection_that_is_lost_in_the_middle_truncates_the_response() -> None:
    sink = Taken()
    async with Server() as server:
        client = await running(server, sink)
        client.writer.write(STREAMING + b"\r\n" + chunk(b"part"))
        await until(lambda: sink.pieces)
        client.writer.close()
        await until(lambda: server.told.heard[-1][0] == "streamed")
        response = streamed(server)
        assert (response.error_type, response.is_truncated) == ("Runtime.TruncatedResponse", True)
        await server.ready()


async def test_a_runtime_waits_for_a_caller_who_reads_slowly() -> None:
    sink = Taken()
    sink.is_full = True
    async with Server() as server:
        client = await running(server, sink)
        client.writer.write(STREAMING + b"\r\n" + chunk(b"first"))
        await until(lambda: sink.pieces)
        client.writer.write(chunk(b"second") + ENDING)
        other = await server.client()
        for _ in range(20):  # round trips, in which it would have been read
            assert (await other.ask("GET", "/2018-06-01/ping"))[0] == 200
        assert sink.pieces == [b"first"]
        sink.is_full = False
        sink.resume()
        assert (await client.answer())[0] == 202
        assert sink.pieces == [b"first", b"second"]


@pytest.mark.parametrize("has_sink", [True, False])
async def test_a_response_that_is_too_large_is_cut_and_refused(monkeypatch: pytest.MonkeyPatch, has_sink: bool) -> None:
    monkeypatch.setattr(limits, "STREAMED_RESPONSE_BYTES_MAX" if has_sink else "RESPONSE_BYTES_MAX", 10)
    sink = Taken() if has_sink else None
    async with Server() as server:
        client = await running(server, sink)
        client.writer.write(STREAMING + b"\r\n" + chunk(b"12345678") + chunk(b"90ab") + chunk(b"cd") + ENDING)
        status, _, body = await client.answer()
        refusal = error("RequestEntityTooLarge", "Exceeded maximum allowed payload size (10 bytes).")
        assert (status, json.loads(body)) == (413, refusal)
        response = streamed(server)
        assert json.loads(response.payload)["errorType"] == response.error_type == "Function.ResponseSizeTooLarge"
        assert sink is None or sink.all == b"1234567890"


def test_a_streamed_response_may_have_200_mb() -> None:
    assert StreamedResponse(Taken(), None, lambda: None).bytes_max == 209_715_200


# --- real runtimes ---------------------------------------------------------------------------------------------------

# Streams "first", waits until the file `go` is there, then does what follows.
STREAM = """
{
  printf first
  while [ ! -e $TMP/go ]; do sleep 0.01; done
  {then}
} | curl -sS -o /dev/null -X POST -T - -H 'Transfer-Encoding: chunked' \
    -H 'Lambda-Runtime-Function-Response-Mode: streaming' -H 'Content-Type: text/plain' "$api/invocation/$id/response"
"""


def shell(tmp_path: Path, then: str, after: str = "") -> dict[str, str]:
    return custom(tmp_path, STREAM.strip().replace("{then}", then).replace("$TMP", str(tmp_path)) + after)


@pytest.mark.slow
async def test_a_shell_script_streams(make_world: MakeWorld, tmp_path: Path) -> None:
    sink = Taken()
    sink.on_piece = (tmp_path / "go").touch  # the first piece comes before the response is over, or it never is
    async with make_world() as world:
        version = world.version(shell(tmp_path, "printf second"), runtime="provided.al2023")
        outcome = await world.invoke(version, sink=sink)
        assert (sink.all, sink.content_type) == (b"firstsecond", "text/plain")
        assert (outcome.error, outcome.payload, outcome.streamed_bytes) == (None, b"", 11)
        assert (await world.invoke(version)).payload == b"firstsecond"
        assert outcome.environment_id == next(iter(world.pool._environments)).id


@pytest.mark.slow
async def test_an_exit_in_the_middle_ends_the_stream(make_world: MakeWorld, tmp_path: Path) -> None:
    sink = Taken()
    sink.on_piece = (tmp_path / "go").touch
    leave = f"touch {tmp_path}/told; sleep 60"
    after = f" &\nwhile [ ! -e {tmp_path}/told ]; do sleep 0.01; done; exit 7\n"
    async with make_world() as world:
        version = world.version(shell(tmp_path, leave, after), runtime="provided.al2023")
        outcome = await world.invoke(version, sink=sink)
        assert sink.pieces == [b"first"]
        assert (outcome.error, outcome.error_type) == ("Unhandled", "Runtime.ExitError")
        assert outcome.broken_by == "Runtime.ExitError"
        assert json.loads(outcome.payload)["errorMessage"].endswith("exit status 7")


@pytest.mark.slow
async def test_a_timeout_in_the_middle_ends_the_stream(make_world: MakeWorld, tmp_path: Path) -> None:
    sink = Taken()
    async with make_world() as world:
        version = world.version(shell(tmp_path, ":"), runtime="provided.al2023", timeout_s=1.0)
        outcome = await world.invoke(version, sink=sink)
        assert sink.pieces == [b"first"]
        assert (outcome.error, outcome.status, outcome.broken_by) == ("Unhandled", "timeout", "Sandbox.Timedout")
        assert json.loads(outcome.payload)["errorMessage"].endswith("Task timed out after 1.00 seconds")
        assert any("Status: timeout" in line for line in world.lines)


@pytest.mark.slow
async def test_what_is_broken_off_is_told_when_the_runtime_goes_on(make_world: MakeWorld, tmp_path: Path) -> None:
    sink = Taken()
    after = f" &\nwhile [ ! -e {tmp_path}/go ]; do sleep 0.01; done; kill -9 $!\n"
    sink.on_piece = (tmp_path / "go").touch
    async with make_world() as world:
        version = world.version(shell(tmp_path, "sleep 60", after), runtime="provided.al2023")
        outcome = await world.invoke(version, sink=sink)
        assert (outcome.broken_by, outcome.error_type) == ("Runtime.TruncatedResponse", "Runtime.TruncatedResponse")
        assert world.pool.counts.environments == 1
