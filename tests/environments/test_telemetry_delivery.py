"""How batches reach a listener, and what a listener that fails, hangs or is not there does to its own records."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.environments.world import until
from wakeful import limits
from wakeful.environments.telemetry_buffer import Buffer, Record, Room
from wakeful.environments.telemetry_delivery import Subscriber, Wakefulness
from wakeful.environments.telemetry_request import TELEMETRY, Destination, Subscription

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


class Listener:
    """Takes requests and answers with what it was told to; None: not at all."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.batches: list[list[dict[str, Any]]] = []
        self.heads: list[str] = []
        self.connections = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def listen(self, port: int = 0) -> int:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return int(self.server.sockets[0].getsockname()[1])

    def texts(self) -> list[list[Any]]:
        return [[record["record"] for record in batch] for batch in self.batches]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(line for line in head.split("\r\n") if line.startswith("Content-Length: "))
                self.heads.append(head)
                self.batches.append(json.loads(await reader.readexactly(int(length.split(" ")[1]))))
                answer = self.answers.pop(0) if self.answers else OK
                if answer is not None:
                    writer.write(answer)
                    if b"\r\nContent-Length" not in answer:
                        writer.close()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def close(self) -> None:
        self.server.close()
        for writer in self._writers:
            writer.close()


class Subscribed:
    def __init__(self, subscriber: Subscriber, wakefulness: Wakefulness) -> None:
        self.subscriber = subscriber
        self.wakefulness = wakefulness

    def say(self, *texts: str) -> None:
        for text in texts:
            self.subscriber.put(Record(0.0, "function", text))

    async def idle(self) -> None:
        self.subscriber.flush()
        await asyncio.wait_for(self.subscriber.is_idle.wait(), 10)


@asynccontextmanager
async def subscribed(
    port: int,
    *,
    is_http: bool = True,
    timeout_s: float = 0.01,
    items: int = 1000,
    connector: Callable[[], Any] | None = None,
    types: tuple[str, ...] = ("platform", "function"),
) -> AsyncIterator[Subscribed]:
    async def connect() -> socket.socket:
        made = socket.socket()
        made.setblocking(False)
        return made

    wanted = Subscription(
        TELEMETRY, "2022-12-13", types, Destination(is_http, port, path="/a?b"), items, 262_144, timeout_s
    )
    wakefulness = Wakefulness()
    buffer = Buffer(items, 262_144, timeout_s, Room(limits.TELEMETRY_WAITING_BYTES_MAX))
    subscriber = Subscriber("x", wanted, buffer, connector or connect, wakefulness, lambda: 0.0, has_objects=False)
    task = asyncio.get_running_loop().create_task(subscriber.run())
    try:
        yield Subscribed(subscriber, wakefulness)
    finally:
        task.cancel()
        await asyncio.wait([task])
        subscriber.give_up()  # as whoever cancels does
        assert subscriber.is_idle.is_set()
        assert buffer.is_empty


async def test_records_come_in_order_over_one_connection() -> None:
    listener = Listener()
    async with subscribed(await listener.listen()) as to:
        to.say("1", "2")
        await to.idle()
        to.say("3")
        await to.idle()
        assert listener.texts() == [["1", "2"], ["3"]]
        assert listener.connections == 1
        assert listener.heads[0].startswith("POST /a?b HTTP/1.1\r\nHost: sandbox.localdomain:")
        assert "Content-Type: application/json\r\n" in listener.heads[0]
    listener.close()


async def test_a_batch_comes_when_it_is_old_without_being_asked_for() -> None:
    listener = Listener()
    async with subscribed(await listener.listen(), timeout_s=0.02) as to:
        to.say("1")
        await until(lambda: listener.texts() == [["1"]])
        to.say("2")
        await until(lambda: listener.texts() == [["1"], ["2"]])
    listener.close()


@pytest.mark.parametrize("steps", range(8))
async def test_who_is_told_to_stop_stops_though_the_listener_ends_in_that_moment(steps: int) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            async with subscribed(int(server.getsockname()[1])) as to:
                to.say("1")
                to.subscriber.flush()
                accepted, _ = await loop.sock_accept(server)
                await loop.sock_recv(accepted, 65_536)
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                accepted.close()  # with a reset
                server.close()
                for _ in range(steps):  # in which of the loop's turns the end of both comes together
                    await asyncio.sleep(0)


async def test_full_batches_do_not_wait() -> None:
    listener = Listener()
    async with subscribed(await listener.listen(), timeout_s=30, items=2) as to:
        to.say("1")
        await asyncio.sleep(0)
        to.say("2", "3")
        await until(lambda: listener.texts() == [["1", "2"]])
    listener.close()


async def test_lines_go_over_tcp() -> None:
    lines: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            lines.append(line)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with subscribed(server.sockets[0].getsockname()[1], is_http=False) as to:
        to.say("1", "two\nlines")
        await to.idle()
        await until(lambda: len(lines) == 2)
        assert [json.loads(line)["record"] for line in lines] == ["1", "two\nlines"]
    server.close()


async def test_a_listener_that_is_not_there_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TELEMETRY_RETRY_S_RANGE", (0.001, 0.002))
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    refused = 0

    async def connector() -> socket.socket:
        nonlocal refused
        refused += 1
        made = socket.socket()
        made.setblocking(False)
        return made

    listener = Listener()
    async with subscribed(port, connector=connector) as to:
        to.say("1")
        await until(lambda: refused > 2 * limits.TELEMETRY_DELIVERY_TRIES_MAX)
        await listener.listen(port)
        await to.idle()
        assert listener.texts() == [["1"]]
    listener.close()


async def test_an_error_is_tried_again_and_a_batch_that_nobody_takes_is_told_as_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "TELEMETRY_RETRY_S_RANGE", (0.001, 0.002))
    bad = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    listener = Listener(bad, OK, *[bad] * limits.TELEMETRY_DELIVERY_TRIES_MAX)
    async with subscribed(await listener.listen()) as to:
        to.say("1")
        await to.idle()
        assert listener.texts() == [["1"], ["1"]]
        to.say("2")
        await to.idle()
        assert listener.texts()[2:-1] == [["2"]] * limits.TELEMETRY_DELIVERY_TRIES_MAX
        (told,) = listener.batches[-1]
        assert (told["type"], told["record"]["droppedRecords"]) == ("platform.logsDropped", 1)
    listener.close()


async def test_who_does_not_hear_of_the_platform_does_not_hear_of_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TELEMETRY_RETRY_S_RANGE", (0.001, 0.002))
    listener = Listener(*[b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"] * limits.TELEMETRY_DELIVERY_TRIES_MAX)
    async with subscribed(await listener.listen(), types=("function",)) as to:
        to.say("1")
        await to.idle()
        assert len(listener.batches) == limits.TELEMETRY_DELIVERY_TRIES_MAX
    listener.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\nfine",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\nX: 1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_answers_have_many_forms(answer: bytes) -> None:
    listener = Listener(answer)
    async with subscribed(await listener.listen()) as to:
        to.say("1")
        await to.idle()
        to.say("2")
        await to.idle()
        assert listener.texts() == [["1"], ["2"]]
    listener.close()


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"nonsense\r\nContent-Length\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: other\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nUpgrade: other\r\nConnection: Upgrade\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 100_000,
    ],
)
async def test_an_answer_that_is_none_is_not_waited_for_for_ever(
    answer: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TELEMETRY_ANSWER_S", 0.02)
    listener = Listener(answer)
    async with subscribed(await listener.listen()) as to:
        to.say("1")
        await to.idle()
        assert listener.texts() == [["1"], ["1"]]
        assert listener.connections == 2
    listener.close()


async def test_what_does_not_read_keeps_little_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TELEMETRY_ANSWER_S", 0.02)
    monkeypatch.setattr(limits, "TELEMETRY_RETRY_S_RANGE", (0.001, 0.002))
    silent = socket.create_server(("127.0.0.1", 0))  # it accepts nobody
    async with subscribed(silent.getsockname()[1]) as to:
        buffer = to.subscriber.buffer
        for _ in range(20):
            to.say(*["x" * 1000] * 500)
            assert len(buffer) <= 2 * 1000
            await asyncio.sleep(0.001)
        assert buffer._lost_records > 5000
    silent.close()


async def test_nothing_is_sent_while_the_sandbox_stands_still() -> None:
    listener = Listener(OK, None, OK)
    async with subscribed(await listener.listen()) as to:
        to.say("1")
        await to.idle()
        to.wakefulness.pause()
        to.say("2")
        to.subscriber.flush()
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert listener.texts() == [["1"]]
        to.wakefulness.resume()
        await until(lambda: listener.texts() == [["1"], ["2"]])
    listener.close()


async def test_time_that_the_sandbox_stood_still_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TELEMETRY_ANSWER_S", 0.05)
    listener = Listener(None)
    async with subscribed(await listener.listen()) as to:
        to.say("1")
        to.subscriber.flush()
        await until(lambda: listener.texts() == [["1"]])
        to.wakefulness.pause()
        await asyncio.sleep(0.1)
        to.wakefulness.resume()
        listener._writers[0].write(OK)
        await to.idle()
        assert listener.texts() == [["1"]]  # it was not asked twice
    listener.close()


async def test_a_connection_that_the_listener_closed_is_made_anew() -> None:
    listener = Listener()
    async with subscribed(await listener.listen()) as to:
        to.say("1")
        await to.idle()
        listener._writers[0].close()
        await listener._writers[0].wait_closed()
        to.say("2")
        await to.idle()
        assert listener.texts() == [["1"], ["2"]]
    listener.close()


async def test_no_socket_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TELEMETRY_RETRY_S_RANGE", (0.001, 0.002))

    asked = 0

    async def none() -> socket.socket:
        nonlocal asked
        asked += 1
        raise ConnectionAbortedError("no socket could be had from inside the sandbox")

    async with subscribed(1, connector=none) as to:
        to.say("1")
        await until(lambda: asked == 2 * limits.TELEMETRY_DELIVERY_TRIES_MAX)  # then for what was lost
