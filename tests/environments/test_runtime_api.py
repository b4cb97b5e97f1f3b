"""The Runtime API as runtimes see it: statuses, bodies and headers are those of AWS's own emulator."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as some

from tests.environments.world import until
from tests.examples import examples
from wakeful import limits
from wakeful.environments.extensions_api import ExtensionsApi
from wakeful.environments.runtime_api import Phase, RuntimeApi
from wakeful.environments.runtime_connection import Connection
from wakeful.environments.streamed import StreamedResponse
from wakeful.environments.version import Invocation, Version
from wakeful.fabric.trace import Trace

NEXT = "/2018-06-01/runtime/invocation/next"
VERSION = Version(
    arn="arn:aws:lambda:us-east-1:000000000000:function:f",
    name="f",
    version="7",
    account="000000000000",
    region="us-east-1",
    revision="1",
    runtime="provided.al2023",
    handler="f.handler",
    code=Path("/nowhere"),
    role_arn="arn:aws:iam::000000000000:role/r",
)
TRACE = Trace("1-5bef4de7-ad49b0e87f6ef6c87fc2e700")


class Told:
    """What the environment hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def runtime_is_ready(self) -> None:
        self.heard.append(("ready",))

    def runtime_answered(self, payload: bytes) -> None:
        self.heard.append(("answered", payload))

    def runtime_failed(self, payload: bytes, error_type: str | None) -> None:
        self.heard.append(("failed", payload, error_type))

    def runtime_refused(self, error_type: str, message: str) -> None:
        self.heard.append(("refused", error_type, message))

    def runtime_streams(self, response: StreamedResponse) -> None:
        self.heard.append(("streams",))

    def runtime_streamed(self, response: StreamedResponse) -> None:
        self.heard.append(("streamed", response))

    def extensions_are_registered(self) -> None:
        self.heard.append(("extensions registered",))

    def extensions_are_ready(self) -> None:
        self.heard.append(("extensions ready",))

    def runtime_failed_to_start(self, payload: bytes, error_type: str | None) -> None:
        self.heard.append(("failed to start", payload, error_type))


class Server:
    """`async with` a served Runtime API, to whose sandbox these extensions belong."""

    def __init__(self, *external: str) -> None:
        self._external = external

    def make(self, told: Told) -> RuntimeApi:
        return RuntimeApi(told, ExtensionsApi(told, VERSION, self._external))

    async def __aenter__(self) -> Self:
        self.told = Told()
        self.api = self.make(self.told)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self.api), sock=listener)
        self._clients: list[Client] = []
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.writer.close()
        self._server.close()
        self.api.close()
        self.api.close()
        await until(lambda: not self.api.connections)

    async def client(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self._clients.append(client)
        return client

    async def ready(self) -> Client:
        """A client that waits for an event."""
        client = await self.client()
        client.send("GET", NEXT)
        await until(lambda: self.told.heard[-1:] == [("ready",)])
        return client

    async def running(self, invocation: Invocation | None = None) -> Client:
        """A client that has an event."""
        client = await self.ready()
        self.api.give(invocation or Invocation("id", b"{}", "arn", TRACE), 1000)
        await client.answer()
        return client


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, method: str, path: str, body: bytes = b"", *headers: str) -> None:
        head = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
        if method != "GET" and not any(header.startswith("Transfer-Encoding") for header in headers):
            head.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join([*head, "", ""]).encode() + body)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)).decode()
        first, *lines = head.strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        body = await self.reader.readexactly(int(headers.get("Content-Length", 0)))
        return int(first.split(" ")[1]), headers, body

    async def ask(self, method: str, path: str, body: bytes = b"", *headers: str) -> tuple[int, bytes]:
        self.send(method, path, body, *headers)
        status, _, answer = await self.answer()
        return status, answer

    async def is_closed(self) -> bool:
        try:
            return await asyncio.wait_for(self.reader.read(), 10) == b""
        except ConnectionError:
            return True


def error(kind: str, message: str) -> dict[str, str]:
    return {"errorType": kind, "errorMessage": message}


def transition(start: str, end: str) -> dict[str, str]:
    message = f"State transition from {start} to {end} failed for runtime. Error: State transition is not allowed"
    return error("InvalidStateTransition", message)


async def test_an_event_comes_with_its_headers() -> None:
    async with Server() as server:
        client = await server.ready()
        invocation = Invocation(
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            b'{"a": 1}',
            "arn:aws:lambda:us-east-1:123456789012:function:f:alias",
            TRACE,
            client_context='{"custom":\r\n {"é": 1}}',
            cognito_identity='{"cognitoIdentityId": "i"}',
            tenant_id="t",
        )
        server.api.give(invocation, 1542409706888)
        status, headers, body = await client.answer()
        assert (status, body) == (200, b'{"a": 1}')
        assert headers == {
            "Content-Type": "application/json",
            "Content-Length": "8",
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": "1542409706888",
            "Lambda-Runtime-Invoked-Function-Arn": invocation.invoked_arn,
            "Lambda-Runtime-Trace-Id": TRACE.header,
            "Lambda-Runtime-Client-Context": '{"custom":   {"é": 1}}',  # on one line
            "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId": "i"}',
            "Lambda-Runtime-Aws-Tenant-Id": "t",
        }


async def test_an_event_is_answered_and_the_next_is_asked_for_on_the_same_connection() -> None:
    async with Server() as server:
        client = await server.running()
        status, body = await client.ask("POST", "/2018-06-01/runtime/invocation/id/response", b"answer")
        assert (status, body) == (202, b'{"status":"OK"}\n')
        client.send("GET", NEXT)
        await until(lambda: server.told.heard == [("ready",), ("answered", b"answer"), ("ready",)])
        server.api.give(Invocation("second", b"{}", "arn"), 1)
        assert (await client.answer())[1]["Lambda-Runtime-Aws-Request-Id"] == "second"


async def test_an_answer_and_the_next_question_in_one_piece_get_their_replies_in_order() -> None:
    async with Server() as server:
        client = await server.running()
        client.send("POST", "/2018-06-01/runtime/invocation/id/response", b"answer")
        client.send("GET", NEXT)
        await until(lambda: server.told.heard[-1] == ("ready",) and len(server.told.heard) == 3)
        server.api.give(Invocation("second", b"{}", "arn"), 1)
        assert (await client.answer())[0] == 202
        assert (await client.answer())[1]["Lambda-Runtime-Aws-Request-Id"] == "second"


async def test_an_error_comes_with_its_type() -> None:
    async with Server() as server:
        client = await server.running()
        status, _ = await client.ask(
            "POST",
            "/2018-06-01/runtime/invocation/id/error",
            b'{"errorMessage": "m"}',
            "Lambda-Runtime-Function-Error-Type: Function.Reason",
            f"Lambda-Runtime-Function-XRay-Error-Cause: {'x' * 1_000_000}",
        )
        assert status == 202
        assert server.told.heard[-1] == ("failed", b'{"errorMessage": "m"}', "Function.Reason")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (
            b'{"errorMessage":"m","errorType":"t","stackTrace":[],"errorCause":{}}',
            b'{"errorMessage":"m","errorType":"t","stackTrace":[]}',
        ),
        (b"{", b'"Invalid error body"'),
        (b"[]", b'"Invalid error body"'),
    ],
)
async def test_a_cause_in_an_error_is_for_tracing_only(sent: bytes, shown: bytes) -> None:
    async with Server() as server:
        client = await server.running()
        kind = "Content-Type: application/vnd.aws.lambda.error.cause+json"
        await client.ask("POST", "/2018-06-01/runtime/invocation/id/error", sent, kind)
        assert server.told.heard[-1] == ("failed", shown, None)


async def test_a_failed_init_is_told_once_and_ends_the_conversation() -> None:
    async with Server() as server:
        client = await server.client()
        kind = "Lambda-Runtime-Function-Error-Type: Runtime.NoSuchHandler"
        assert (await client.ask("POST", "/2018-06-01/runtime/init/error", b"{}", kind))[0] == 202
        assert server.told.heard == [("failed to start", b"{}", "Runtime.NoSuchHandler")]
        status, body = await client.ask("POST", "/2018-06-01/runtime/init/error", b"{}", kind)
        assert (status, json.loads(body)) == (403, transition("InitError", "InitError"))
        status, body = await client.ask("GET", NEXT)
        assert (status, json.loads(body)) == (403, transition("InitError", "Ready"))


@pytest.mark.parametrize("verb", ["response", "error"])
async def test_an_answer_to_another_event_is_refused(verb: str) -> None:
    async with Server() as server:
        client = await server.running()
        status, body = await client.ask("POST", f"/2018-06-01/runtime/invocation/other/{verb}", b"x")
        assert (status, json.loads(body)) == (400, error("InvalidRequestID", "Invalid request ID"))
        assert server.told.heard == [("ready",)]
        assert (await client.ask("POST", f"/2018-06-01/runtime/invocation/id/{verb}", b"x"))[0] == 202


@pytest.mark.parametrize(("verb", "state"), [("response", "InvocationResponse"), ("error", "InvocationErrorResponse")])
async def test_a_second_answer_is_refused(verb: str, state: str) -> None:
    async with Server() as server:
        client = await server.running()
        await client.ask("POST", "/2018-06-01/runtime/invocation/id/response", b"x")
        status, body = await client.ask("POST", f"/2018-06-01/runtime/invocation/id/{verb}", b"x")
        assert (status, json.loads(body)) == (403, transition("RuntimeResponseSentState", state))
        assert server.told.heard == [("ready",), ("answered", b"x")]


async def test_nothing_can_be_answered_before_there_was_an_event() -> None:
    async with Server() as server:
        client = await server.client()
        status, body = await client.ask("POST", "/2018-06-01/runtime/invocation/id/response", b"x")
        assert (status, json.loads(body)["errorType"]) == (400, "InvalidRequestID")


async def test_init_cannot_fail_once_it_is_over() -> None:
    async with Server() as server:
        client = await server.running()
        status, body = await client.ask("POST", "/2018-06-01/runtime/init/error", b"{}")
        assert (status, json.loads(body)) == (403, transition("Running", "InitError"))


async def test_an_event_is_given_again_to_a_runtime_that_asks_again() -> None:
    async with Server() as server:
        await server.running()
        other = await server.client()
        other.send("GET", NEXT)
        assert (await other.answer())[1]["Lambda-Runtime-Aws-Request-Id"] == "id"
        assert server.told.heard == [("ready",)]


async def test_an_event_goes_to_a_connection_that_is_still_there() -> None:
    async with Server() as server:
        first = await server.ready()
        second = await server.client()
        second.send("GET", NEXT)
        await until(lambda: len(server.api.connections) == 2)
        first.writer.close()
        await until(lambda: len(server.api.connections) == 1)
        server.api.give(Invocation("id", b"{}", "arn"), 1)
        assert (await second.answer())[0] == 200


async def test_an_event_waits_for_a_runtime_that_lost_its_connection() -> None:
    async with Server() as server:
        client = await server.ready()
        client.writer.close()
        await until(lambda: not server.api.connections)
        server.api.give(Invocation("id", b"{}", "arn"), 1)
        other = await server.client()
        other.send("GET", NEXT)
        assert (await other.answer())[1]["Lambda-Runtime-Aws-Request-Id"] == "id"


async def test_a_response_that_is_too_large_is_read_to_its_end_and_refused() -> None:
    async with Server() as server:
        client = await server.running()
        body = b"x" * (limits.RESPONSE_BYTES_MAX + 1)
        status, answer = await client.ask("POST", "/2018-06-01/runtime/invocation/id/response", body)
        assert (status, json.loads(answer)) == (
            413,
            error("RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes)."),
        )
        assert server.told.heard[-1] == (
            "refused",
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        )
        assert server.api.phase is Phase.RESPONDED


async def test_a_body_may_come_in_chunks() -> None:
    async with Server() as server:
        client = await server.running()
        chunks = b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
        path = "/2018-06-01/runtime/invocation/id/response"
        assert (await client.ask("POST", path, chunks, "Transfer-Encoding: chunked"))[0] == 202
        assert server.told.heard[-1] == ("answered", b"abcdefg")


async def test_who_expects_to_be_told_to_continue_is() -> None:
    async with Server() as server:
        client = await server.running()
        head = "POST /2018-06-01/runtime/invocation/id/response HTTP/1.1\r\nHost: x\r\n"
        client.writer.write(f"{head}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n".encode())
        assert (await client.answer())[0] == 100
        client.writer.write(b"abc")
        assert (await client.answer())[0] == 202


async def test_an_unknown_response_mode_can_be_corrected() -> None:
    async with Server() as server:
        client = await server.running()
        path = "/2018-06-01/runtime/invocation/id/response"
        status, body = await client.ask("POST", path, b"x", "Lambda-Runtime-Function-Response-Mode: other")
        wrong = error("InvalidFunctionResponseMode", "Invalid function response mode")
        assert (status, json.loads(body)) == (400, wrong)
        assert (await client.ask("POST", path, b"x"))[0] == 202


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", NEXT, 405),
        ("GET", "/2018-06-01/runtime/invocation/id/response", 405),
        ("GET", "/2018-06-01/runtime/init/error", 405),
        ("GET", "/2018-06-01/runtime/invocation/id/other", 404),
        ("GET", "/2018-06-01/runtime/invocation/id", 404),
        ("POST", "/2018-06-01/runtime/invocation/a/b/response", 404),
        ("GET", "/", 404),
        ("GET", "/2018-06-01/ping", 200),
    ],
)
async def test_other_paths_and_methods_have_plain_answers(method: str, path: str, status: int) -> None:
    async with Server() as server:
        client = await server.client()
        assert (await client.ask(method, path))[0] == status
        assert (await client.ask("GET", "/2018-06-01/ping")) == (200, b"pong")  # and the connection is kept


async def test_a_connection_is_closed_where_its_user_asks_for_it() -> None:
    async with Server() as server:
        client = await server.client()
        client.send("GET", NEXT, b"", "Connection: close")
        await until(lambda: server.told.heard == [("ready",)])
        server.api.give(Invocation("id", b"{}", "arn"), 1)
        assert (await client.answer())[0] == 200
        assert await client.is_closed()


async def test_who_speaks_while_waiting_is_cut_off() -> None:
    async with Server() as server:
        client = await server.ready()
        client.send("GET", NEXT)
        assert await client.is_closed()


async def test_a_head_without_end_is_cut_off() -> None:
    async with Server() as server:
        client = await server.client()
        client.writer.write(b"GET / HTTP/1.1\r\n")
        for number in range(30):
            client.writer.write(f"X-{number}: {'x' * 50_000}\r\n".encode())
        assert await client.is_closed()


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nX: ",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
    ],
    ids=["address", "header", "chunk extension", "trailer"],
)
async def test_nothing_that_is_not_a_body_is_without_end(begin: bytes) -> None:
    async with Server() as server:
        client = await server.client()
        client.writer.write(begin)
        with pytest.raises(ConnectionError):
            for _ in range(200):
                client.writer.write(b"a" * 65536)
                await client.writer.drain()
        await until(lambda: not server.api.connections)


async def test_who_asks_and_does_not_read_is_cut_off() -> None:
    async with Server() as server:
        client = await server.client()
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        client.writer.write(b"GET /2018-06-01/ping HTTP/1.1\r\n\r\n" * 100_000)
        await until(lambda: not server.api.connections)


async def test_an_event_is_not_sent_again_and_again_to_who_does_not_read_it() -> None:
    event = Invocation("r", b"e" * (6 << 20), "arn", TRACE)
    async with Server() as server:
        await server.running(event)
        askers = [await server.client() for _ in range(20)]
        for asker in askers:
            asker.reader._transport.pause_reading()  # type: ignore[attr-defined]
            asker.writer.write(f"GET {NEXT} HTTP/1.1\r\n\r\n".encode() * 100)
        await until(lambda: len(server.api.connections) < 5)
        assert sum(each.unread_bytes for each in server.api.connections) < 4 * len(event.payload)


async def test_bodies_that_are_begun_and_not_ended_are_kept_to_a_limit() -> None:
    async with Server() as server:
        clients = [await server.client() for _ in range(10)]
        for client in clients:
            client.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 6000000\r\n\r\n" + b"a" * 5_000_000)
        await until(lambda: len(server.api.connections) < 4)
        assert server.api.kept_bytes <= limits.RUNTIME_KEPT_BYTES_MAX
    assert server.api.kept_bytes == 0


async def test_an_upgrade_is_cut_off() -> None:
    async with Server() as server:
        client = await server.client()
        client.send("GET", "/", b"", "Connection: Upgrade", "Upgrade: websocket")
        assert await client.is_closed()


async def test_so_many_connections_and_no_more() -> None:
    async with Server() as server:
        for _ in range(limits.RUNTIME_CONNECTIONS_MAX):
            await server.client()
        await until(lambda: len(server.api.connections) == limits.RUNTIME_CONNECTIONS_MAX)
        assert await (await server.client()).is_closed()


def test_whatever_comes_the_server_goes_on() -> None:
    @examples(60, suppress_health_check=list(HealthCheck))
    @given(some.lists(some.binary(max_size=200) | some.sampled_from([b"GET / HTTP/1.1\r\n\r\n", b"POST"]), max_size=4))
    def try_it(pieces: list[bytes]) -> None:
        asyncio.run(send(pieces))

    async def send(pieces: list[bytes]) -> None:
        async with Server() as server:
            client = await server.client()
            for piece in pieces:
                client.writer.write(piece)
            other = await server.client()
            assert await other.ask("GET", "/2018-06-01/ping") == (200, b"pong")

    try_it()
