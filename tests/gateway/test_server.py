"""Clients that send too much, too slowly or too often, on real sockets."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from wakeful import limits
from wakeful.clock import Clock
from wakeful.gateway.server import ANSWER_WHOLE, ENDS_AT, HAS_LEFT, Connection, Servers

CONNECTIONS_MAX = 5

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Site:
    """A listening socket with an application that reads the whole body and says how long it was."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self.seen: list[dict[str, Any]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.was_asked = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        self._listening = await self.servers.serve(self._listener, self._app, connections_max=CONNECTIONS_MAX)

    async def connect(self, sent: bytes = b"") -> Streams:
        streams = await asyncio.open_connection("127.0.0.1", self._port)
        streams[1].write(sent)
        self._writers.append(streams[1])
        return streams

    def wait(self, seconds: float) -> None:
        """It is so much later for all connections."""
        now = asyncio.get_running_loop().time() + seconds
        for connection in self.servers.connections:
            connection.end_if_silent(now)

    async def close(self) -> None:
        self.may_answer.set()
        for writer in self._writers:
            writer.transport.abort()
        await self.servers.close(self._listening)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope)
        self.was_asked.set()
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        await self.may_answer.wait()
        body = b"%d" % size
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    servers = Servers(Clock())
    opened = Site(servers)
    await opened.open()
    yield opened
    await opened.close()


async def answered(streams: Streams) -> bytes:
    """All until the server closes the connection."""
    try:
        return await asyncio.wait_for(streams[0].read(), 10)
    except ConnectionError:
        return b""


async def send_without_end(streams: Streams, piece: bytes) -> int:
    """How much the server took before it had enough; no more than 16 MiB are tried."""
    sent = 0
    try:
        while sent < 16 << 20 and not streams[0].at_eof():
            streams[1].write(piece)
            sent += len(piece)
            await asyncio.wait_for(streams[1].drain(), 10)
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    return sent


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"GET /", b"a" * 65536),
        (b"GET / HTTP/1.1\r\nX: ", b"a" * 65536),
        (b"GET / HTTP/1.1\r\n", b"X: " + b"a" * 60000 + b"\r\n"),
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 10000),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 65536),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: " + b"a" * 60000 + b"\r\n"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a" * 65536),
    ],
    ids=["address", "header", "headers", "many headers", "chunk extension", "trailers", "trailer"],
)
async def test_what_is_not_a_body_has_an_end(site: Site, begin: bytes, piece: bytes) -> None:
    streams = await site.connect(begin)
    assert await send_without_end(streams, piece) < 16 << 20


async def test_a_body_may_be_long_and_in_many_pieces(site: Site) -> None:
    streams = await site.connect(b"POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(50_000):
        streams[1].write(b"10\r\n" + b"a" * 16 + b"\r\n")
        await streams[1].drain()
    streams[1].write(b"0\r\n\r\n")
    assert (await answered(streams)).endswith(b"\r\n\r\n800000")


async def test_a_trailer_is_no_header(site: Site) -> None:
    streams = await site.connect(
        b"POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Amz-Target: other\r\n\r\n"
    )
    assert (await answered(streams)).endswith(b"\r\n\r\n0")
    assert b"x-amz-target" not in dict(site.seen[0]["headers"])


async def test_requests_that_nobody_waits_for_do_not_pile_up(site: Site) -> None:
    site.may_answer.clear()
    streams = await site.connect(b"GET / HTTP/1.1\r\n\r\n" * (limits.HTTP_PIPELINE_MAX + 2))
    assert b"400 Bad Request" in await answered(streams)


async def test_a_few_requests_may_be_sent_ahead(site: Site) -> None:
    streams = await site.connect(b"GET / HTTP/1.1\r\n\r\n" * 9 + b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert (await answered(streams)).count(b"HTTP/1.1 200 OK") == 10


async def test_a_socket_has_so_many_connections_and_takes_others_when_some_end(site: Site) -> None:
    kept = [await site.connect(b"GET /") for _ in range(CONNECTIONS_MAX)]
    assert await answered(await site.connect(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")) == b""
    for _, writer in kept:
        writer.close()
    got = b""
    while b"200 OK" not in got:
        got = await answered(await site.connect(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"))


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"GET / HTTP/1.1\r\nX: y",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
        b"GET / HTTP/1.1\r\n\r\nGET / HTT",
    ],
    ids=["nothing", "half a head", "half a body", "half a second request"],
)
async def test_who_does_not_go_on_is_left(site: Site, begin: bytes) -> None:
    streams = await site.connect(begin)
    end = asyncio.create_task(answered(streams))
    while not end.done():
        site.wait(1000)
        await asyncio.sleep(0.001)
    await end


async def test_nothing_is_kept_of_a_socket_that_was_closed(site: Site) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listening = await site.servers.serve(listener, app)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()  # as a sandbox ends that is killed
    listening.close()
    kept = weakref.ref(app)
    del app, listening, reader, writer, listener
    while kept() is not None:
        gc.collect()
        await asyncio.sleep(0)


async def asked(site: Site, app: Any, requests: int) -> list[bytes]:
    """The heads of the answers to so many requests on one connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    listening = await site.servers.serve(listener, app)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
    heads = []
    for _ in range(requests):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        heads.append(await reader.readuntil(b"\r\n\r\n"))
    writer.close()
    listening.close()
    return heads


async def test_a_request_that_was_answered_is_no_work_for_the_collector(site: Site) -> None:
    class Mark:
        pass

    there: list[weakref.ref[Mark]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["mark"] = mark = Mark()
        there.append(weakref.ref(mark))
        await scope["extensions"][ANSWER_WHOLE](204, [], b"")

    gc.disable()
    try:
        await asked(site, app, 3)
        assert [mark() for mark in there[:2]] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "header",
    [(b"x", b"a\r\nset-cookie: b"), (b"x\r\ny", b"a"), (b"x", b"a\0"), (b"x y", b"a")],
    ids=["value", "name", "nothing", "space"],
)
async def test_no_header_of_an_answer_ends_its_line(site: Site, header: tuple[bytes, bytes]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await scope["extensions"][ANSWER_WHOLE](204, [(b"a", b"b"), header, (b"c", b"d")], b"")

    (head,) = await asked(site, app, 1)
    assert head.startswith(b"HTTP/1.1 500") and b"set-cookie" not in head


async def test_who_waits_for_an_answer_is_not_left(site: Site) -> None:
    site.may_answer.clear()
    streams = await site.connect(b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\na")
    await site.was_asked.wait()
    site.wait(1000)
    site.may_answer.set()
    assert b"200 OK" in await answered(streams)


async def test_who_goes_on_in_time_is_not_left(site: Site) -> None:
    streams = await site.connect(b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\n")
    await site.was_asked.wait()
    site.wait(limits.HTTP_SILENCE_S - 5)
    streams[1].write(b"a")
    assert b"200 OK" in await answered(streams)


async def test_an_answer_that_nobody_reads_ends_when_its_time_is_over(site: Site) -> None:
    ended = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"][ENDS_AT](1000.0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not scope["extensions"][HAS_LEFT]():
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        ended.set()

    listener = socket.create_server(("127.0.0.1", 0))
    listening = await site.servers.serve(listener, app)
    _, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1], limit=1)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    connections: list[Connection] = []
    while not (connections and connections[0].flow.write_paused):
        await asyncio.sleep(0)
        connections = [each for each in site.servers.connections if isinstance(each, Connection)]
    connections[0].end_if_over(999.0)
    assert not connections[0].transport.is_closing()
    connections[0].end_if_over(1000.0)
    await asyncio.wait_for(ended.wait(), 10)
    writer.close()
    listening.close()
