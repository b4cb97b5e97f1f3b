"""HTTP/2 with prior knowledge, as a client of it sees the server; and what a hostile one cannot do."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    InformationalResponseReceived,
    PingAckReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes

from tests.gateway.test_server import Site
from tests.running_node import RunningNode
from wakeful import limits
from wakeful.clock import Clock
from wakeful.gateway.http2 import Http2Connection
from wakeful.gateway.server import Servers

HEAD = [(":method", "POST"), (":scheme", "http"), (":authority", "here"), (":path", "/a?b=c")]


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, window: int = 65_535) -> None:
        self._reader, self._writer = reader, writer
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.h2.initiate_connection()
        self.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.statuses: dict[int, int] = {}
        self.bodies: dict[int, bytearray] = {}
        self.ended: set[int] = set()
        self.resets: dict[int, int] = {}
        self.was_told_to_continue = False
        self.pings = 0
        self.is_closed = False
        self.flush()

    def flush(self) -> None:
        self._writer.write(self.h2.data_to_send())

    async def hear(self) -> None:
        """What the server says next is noted; or that it has ended the connection."""
        try:
            async with asyncio.timeout(30):
                data = await self._reader.read(65_536)
        except ConnectionResetError:
            data = b""
        self.is_closed = not data
        for event in self.h2.receive_data(data) if data else ():
            self._note(event)
        self.flush()

    def _note(self, event: Event) -> None:
        if isinstance(event, InformationalResponseReceived):
            self.was_told_to_continue = True
        elif isinstance(event, StreamReset):
            self.ended.add(event.stream_id)
            self.resets[event.stream_id] = int(event.error_code)
        elif isinstance(event, ResponseReceived):
            self.statuses[event.stream_id] = int(dict(event.headers)[b":status"])
        elif isinstance(event, DataReceived):
            self.bodies.setdefault(event.stream_id, bytearray()).extend(event.data or b"")
            self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        elif isinstance(event, PingAckReceived):
            self.pings += 1
        elif isinstance(event, StreamEnded):
            self.ended.add(event.stream_id)

    async def until_closed(self) -> None:
        while not self.is_closed:
            await self.hear()

    async def ask(self, body: bytes = b"", head: list[tuple[str, str]] = HEAD) -> int:
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, head, end_stream=not body)
        self.flush()
        while body:
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size, len(body))
            if room:
                self.h2.send_data(number, body[:room], end_stream=room == len(body))
                body = body[room:]
                self.flush()
            else:
                await self.hear()
        return number

    async def answers(self, *numbers: int) -> list[tuple[int, bytes]]:
        """Status and body of each."""
        while not self.ended.issuperset(numbers):
            assert not self.is_closed
            await self.hear()
        return [(self.statuses.get(number, 0), bytes(self.bodies.get(number, b""))) for number in numbers]


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    site = Site(Servers(Clock()))
    await site.open()
    yield site
    await site.close()


async def connected(site: Site, window: int = 65_535) -> Client:
    return Client(*await site.connect(), window)


async def test_streams_of_one_connection_are_answered_side_by_side(site: Site) -> None:
    client = await connected(site)
    numbers = [await client.ask(b"x" * size) for size in (0, 10, 300_000)]
    assert await client.answers(*numbers) == [(200, b"0"), (200, b"10"), (200, b"300000")]
    assert {scope["http_version"] for scope in site.seen} == {"2"}
    assert dict(site.seen[0]["headers"])[b"host"] == b"here"
    assert (site.seen[0]["raw_path"], site.seen[0]["query_string"]) == (b"/a", b"b=c")


async def test_the_beginning_may_come_byte_by_byte(site: Site) -> None:
    reader, writer = await site.connect()
    begun = H2Connection(H2Configuration(client_side=True))
    begun.initiate_connection()
    begun.send_headers(1, HEAD, end_stream=True)
    for byte in begun.data_to_send():
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(0)
    events: list[Event] = []
    while not any(isinstance(event, StreamEnded) for event in events):
        events += begun.receive_data(await reader.read(65_536))
    assert any(isinstance(event, ResponseReceived) for event in events)


async def test_what_begins_like_http_2_and_is_not_is_refused(site: Site) -> None:
    reader, _ = await site.connect(b"PRI * HTTP/2.0\r\n\r\nnonsense that goes on\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400")


async def test_a_client_that_breaks_the_protocol_is_told_and_let_go(site: Site) -> None:
    client = await connected(site)
    await client.hear()
    client._writer.write(b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00")  # a window that grows by nothing
    await client.until_closed()
    assert site.servers.connections == []


async def test_who_announces_a_frame_without_end_is_let_go_before_it_is_whole(site: Site) -> None:
    client = await connected(site)
    await client.hear()
    client._writer.write(b"\xff\xff\xff" + b"\x00" * limits.HTTP_HEAD_BYTES_MAX)
    await client.until_closed()
    assert site.servers.connections == []


async def test_a_connection_has_its_place_and_gives_it_back(site: Site) -> None:
    clients = [await connected(site) for _ in range(5)]
    for client in clients:
        await client.answers(await client.ask())
    one_too_many, _ = await site.connect(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert await one_too_many.read() == b""
    for client in clients:
        client._writer.close()
    while site.servers.connections:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
    client = await connected(site)
    number = await client.ask()
    assert (await client.answers(number))[0][0] == 200


async def test_who_asks_for_nothing_is_let_go_and_who_waits_for_an_answer_is_not(site: Site) -> None:
    idle, waiting = await connected(site), await connected(site)
    await idle.hear()
    site.may_answer.clear()
    number = await waiting.ask()
    await site.was_asked.wait()
    site.wait(limits.HTTP_KEEP_ALIVE_S + 1)
    await idle.until_closed()
    site.may_answer.set()
    assert await waiting.answers(number) == [(200, b"0")]


async def test_who_does_not_go_on_with_a_body_is_let_go(site: Site) -> None:
    client = await connected(site)
    client.h2.send_headers(1, HEAD)
    client.h2.send_data(1, b"half")
    client.flush()
    while not site.seen:
        await client.hear()
    site.wait(limits.HTTP_SILENCE_S + 1)
    await client.until_closed()
    assert site.servers.connections == []


async def test_who_takes_requests_back_again_and_again_is_let_go(site: Site) -> None:
    client = await connected(site)
    site.may_answer.clear()
    for _ in range(limits.HTTP2_RESETS_MAX + 200):
        number = client.h2.get_next_available_stream_id()
        client.h2.send_headers(number, HEAD, end_stream=True)
        client.h2.reset_stream(number)
    client.flush()
    await client.until_closed()
    assert site.servers.connections == []


async def test_who_takes_a_request_back_now_and_then_is_not_let_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP2_RESETS_MAX", 2)
    client = await connected(site)
    for _ in range(5):
        number = await client.ask()
        client.h2.reset_stream(number)
        client.flush()
        assert await client.answers(await client.ask()) == [(200, b"0")]


async def test_a_client_that_says_farewell_still_has_the_answers_it_waits_for(site: Site) -> None:
    client = await connected(site)
    site.may_answer.clear()
    number = await client.ask()
    await site.was_asked.wait()
    # GOAWAY, and what Node.js sends after it: the connection's window grows by one.
    client._writer.write(bytes.fromhex("000008070000000000 00000000 00000000 000004080000000000 00000001"))
    refused = await client.ask()
    assert await client.answers(refused) == [(0, b"")]
    site.may_answer.set()
    assert await client.answers(number) == [(200, b"0")]
    await client.until_closed()


async def test_a_body_that_nobody_read_takes_no_room_from_the_next(site: Site) -> None:
    client = await connected(site)
    await client.hear()
    for _ in range(2 * limits.HTTP2_WINDOW_BYTES // 60_000):
        number = client.h2.get_next_available_stream_id()
        client.h2.send_headers(number, HEAD)
        for _ in range(4):
            client.h2.send_data(number, b"x" * 15_000)
        client.h2.reset_stream(number)
        client.flush()
        while client.h2.outbound_flow_control_window < limits.HTTP2_WINDOW_BYTES // 4:
            await client.hear()
    answered = await client.ask(b"x" * 300_000)
    assert await client.answers(answered) == [(200, b"300000")]


async def test_windows_that_grow_by_the_settings_let_an_answer_go_on(site: Site) -> None:
    client = await connected(site, window=0)
    number = await client.ask()
    while number not in client.statuses:
        await client.hear()
    assert number not in client.bodies
    client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 100})
    client.flush()
    assert await client.answers(number) == [(200, b"0")]


async def test_frames_with_nothing_in_them_are_not_kept(site: Site) -> None:
    client = await connected(site)
    await client.hear()
    [connection] = [each for each in site.servers.connections if isinstance(each, Http2Connection)]
    client.h2.send_headers(1, HEAD)
    for _ in range(1000):
        client.h2.send_data(1, b"")
    connection.data_received(client.h2.data_to_send())
    assert connection._exchanges[1]._pieces == []
    client.h2.end_stream(1)
    client.flush()
    assert await client.answers(1) == [(200, b"0")]


async def test_a_server_that_stops_lets_what_has_begun_end(site: Site) -> None:
    client = await connected(site)
    site.may_answer.clear()
    number = await client.ask()
    await site.was_asked.wait()
    for connection in site.servers.connections:
        connection.shutdown()
    refused = await client.ask()
    assert await client.answers(refused) == [(0, b"")]
    site.may_answer.set()
    assert await client.answers(number) == [(200, b"0")]
    await client.until_closed()


class Large(Site):
    """Answers more than the system's buffers take."""

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(4 * limits.HTTP2_UNREAD_BYTES_MAX)})


async def test_who_takes_frames_of_any_size_is_not_taken_for_one_who_does_not_read() -> None:
    site = Large(Servers(Clock()))
    await site.open()
    client = await connected(site, window=2**30)
    client.h2.update_settings({SettingCodes.MAX_FRAME_SIZE: 2**24 - 1})
    client.h2.increment_flow_control_window(2**30)
    client.flush()
    [(status, body)] = await client.answers(await client.ask())
    assert (status, len(body)) == (200, 4 * limits.HTTP2_UNREAD_BYTES_MAX)
    await site.close()


# --- a node ----------------------------------------------------------------------------------------------------------


def signed(shared_node: RunningNode, service: str, target: str, body: bytes) -> list[tuple[str, str]]:
    headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", f"{shared_node.endpoint}/", data=body, headers=headers)
    SigV4Auth(Credentials("test", "test"), service, "us-east-1").add_auth(request)
    authority = shared_node.endpoint.removeprefix("http://")
    head = [(":method", "POST"), (":scheme", "http"), (":authority", authority), (":path", "/")]
    return [*head, *((name.lower(), value) for name, value in request.headers.items())]


async def test_an_api_answers_over_http_2_and_a_large_answer_waits_for_its_reader(shared_node: RunningNode) -> None:
    sqs = shared_node.client("sqs")
    url = sqs.create_queue(QueueName="over-http-2")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m" * 200_000)
    host, port = shared_node.endpoint.removeprefix("http://").split(":")
    client = Client(*await asyncio.open_connection(host, int(port)), window=1000)
    body = json.dumps({"QueueUrl": url}).encode()
    number = await client.ask(body, signed(shared_node, "sqs", "AmazonSQS.ReceiveMessage", body))
    [(status, answer)] = await client.answers(number)
    client._writer.close()
    assert status == 200
    assert json.loads(answer)["Messages"][0]["Body"] == "m" * 200_000


NODE_JS = """
const http2 = require('http2');
const session = http2.connect(process.argv[1]);
const request = session.request({':method': 'GET', ':path': '/_wakeful/health'});
let status, body = '';
request.on('response', (headers) => { status = headers[':status']; });
request.on('data', (piece) => { body += piece; });
request.on('end', () => { console.log(status, body); session.close(); });
request.end();
"""


@pytest.mark.slow
def test_nodes_own_client_is_understood(shared_node: RunningNode, tmp_path: Path) -> None:
    program = shutil.which("node")
    if program is None:
        pytest.skip("Node.js is not here")
    script = tmp_path / "client.js"
    script.write_text(NODE_JS.replace("argv[1]", "argv[2]"))
    said = subprocess.run(
        [program, script, shared_node.endpoint], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.startswith("200 ")
