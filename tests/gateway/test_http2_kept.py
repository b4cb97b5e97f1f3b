"""What a client of HTTP/2 can make the server keep, who is let go, who is refused, and what nobody loses by that."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from tests.gateway.test_http2 import HEAD, Client, connected
from tests.gateway.test_server import Site
from wakeful import limits
from wakeful.clock import Clock
from wakeful.environments.door import Door
from wakeful.gateway.http2 import Http2Connection
from wakeful.gateway.server import ANSWER_WHOLE, ENDS_AT, HAS_LEFT, Servers


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    site = Site(Servers(Clock()))
    await site.open()
    yield site
    await site.close()


class Careless(Site):
    """Answers without having read the request: so much each, or after a while."""

    size = 100_000
    status = 200

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope)
        self.was_asked.set()
        await self.may_answer.wait()
        await scope["extensions"][ANSWER_WHOLE](self.status, [], bytes(self.size))


@pytest_asyncio.fixture
async def careless() -> AsyncIterator[Careless]:
    site = Careless(Servers(Clock()))
    await site.open()
    yield site
    await site.close()


async def answered_ping(client: Client) -> None:
    """All that was sent before has been heard."""
    client.h2.ping(b"12345678")
    client.flush()
    before = client.pings
    while client.pings == before:
        await client.hear()


async def test_what_waits_for_its_reader_is_not_added_to(careless: Careless, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP2_UNSENT_BYTES_MAX", 3 * careless.size)
    client = await connected(careless, window=0)
    numbers = [await client.ask() for _ in range(100)]
    await answered_ping(client)
    assert len(careless.seen) <= 3 + limits.HTTP2_ANSWERS_MAX
    client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 2 * careless.size})
    client.flush()
    assert await client.answers(*numbers) == [(200, bytes(careless.size))] * 100


async def test_who_leaves_too_much_unread_for_too_long_is_let_go(
    careless: Careless, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTP2_UNSENT_BYTES_MAX", 3 * careless.size)
    client, modest = await connected(careless, window=0), await connected(careless, window=0)
    for _ in range(100):
        await client.ask()
    number = await modest.ask()
    await answered_ping(client)
    await answered_ping(modest)
    careless.wait(limits.HTTP_SILENCE_S + 1)
    await client.until_closed()
    modest.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: careless.size})
    modest.flush()
    assert await modest.answers(number) == [(200, bytes(careless.size))]


async def test_those_that_take_long_are_in_nobodys_way(site: Site) -> None:
    client = await connected(site)
    site.may_answer.clear()
    numbers = [await client.ask() for _ in range(3 * limits.HTTP2_ANSWERS_MAX)]
    await answered_ping(client)
    assert len(site.seen) == limits.HTTP2_ANSWERS_MAX
    while len(site.seen) < len(numbers):
        site.wait(limits.HTTP2_ANSWER_S + 1)
        await asyncio.sleep(0)
    site.may_answer.set()
    assert await client.answers(*numbers) == [(200, b"0")] * len(numbers)


async def test_a_request_that_is_taken_back_before_it_began_never_begins(site: Site) -> None:
    client = await connected(site)
    site.may_answer.clear()
    numbers = [await client.ask() for _ in range(limits.HTTP2_ANSWERS_MAX)]
    taken_back, last = await client.ask(b"body"), await client.ask()
    client.h2.reset_stream(taken_back)
    await answered_ping(client)
    site.may_answer.set()
    await client.answers(*numbers, last)
    assert len(site.seen) == len(numbers) + 1


async def test_a_client_whose_body_we_do_not_read_is_not_silent(careless: Careless) -> None:
    client = await connected(careless)
    careless.may_answer.clear()
    client.h2.send_headers(1, HEAD)
    client.h2.send_data(1, b"half")
    await answered_ping(client)
    careless.wait(limits.HTTP_SILENCE_S + 1)
    careless.may_answer.set()
    client.h2.end_stream(1)
    client.flush()
    assert (await client.answers(1))[0][0] == 200


async def test_who_was_answered_late_has_its_time_to_ask_again(site: Site) -> None:
    client = await connected(site)
    await client.answers(await client.ask())
    [connection] = [each for each in site.servers.connections if isinstance(each, Http2Connection)]
    site.may_answer.clear()
    site.was_asked.clear()
    number = await client.ask()
    await site.was_asked.wait()
    connection._heard -= limits.HTTP_KEEP_ALIVE_S + 1  # so long ago it asked
    site.may_answer.set()
    await client.answers(number)
    site.wait(1)
    assert await client.answers(await client.ask()) == [(200, b"0")]


async def test_a_client_that_expects_to_be_told_to_go_on_is_told_when_its_body_is_wanted(site: Site) -> None:
    client = await connected(site)
    client.h2.send_headers(1, [*HEAD, ("expect", "100-continue")])
    client.flush()
    while not client.was_told_to_continue:
        await client.hear()
    client.h2.send_data(1, b"body", end_stream=True)
    client.flush()
    assert await client.answers(1) == [(200, b"4")]


async def test_a_client_whose_body_is_not_wanted_is_not_told_to_go_on(careless: Careless) -> None:
    client = await connected(careless)
    client.h2.send_headers(1, [*HEAD, ("expect", "100-continue")])
    client.flush()
    await client.answers(1)
    assert not client.was_told_to_continue


async def test_who_is_answered_early_may_send_its_body_to_the_end(careless: Careless) -> None:
    client = await connected(careless)
    number = await client.ask(bytes(3 * limits.HTTP2_WINDOW_BYTES))
    await client.answers(number)
    await answered_ping(client)
    assert client.resets == {}


async def test_who_is_answered_early_does_not_send_without_end(
    careless: Careless, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTP2_UNWANTED_BYTES_MAX", 50_000)
    client = await connected(careless)
    client.h2.send_headers(1, HEAD)
    client.flush()
    await client.answers(1)
    for _ in range(4):
        client.h2.send_data(1, bytes(15_000))
    client.flush()
    while not client.resets:
        await client.hear()
    assert client.resets == {1: ErrorCodes.NO_ERROR}


async def test_a_server_that_stops_refuses_what_has_not_begun(site: Site) -> None:
    client = await connected(site)
    site.may_answer.clear()
    numbers = [await client.ask() for _ in range(limits.HTTP2_ANSWERS_MAX + 20)]
    await answered_ping(client)
    for connection in site.servers.connections:
        connection.shutdown()
    late = await client.ask()
    await client.answers(late, *numbers[limits.HTTP2_ANSWERS_MAX :])
    assert set(client.resets) == {late, *numbers[limits.HTTP2_ANSWERS_MAX :]}
    assert set(client.resets.values()) == {ErrorCodes.REFUSED_STREAM}
    site.may_answer.set()
    begun = numbers[: limits.HTTP2_ANSWERS_MAX]
    assert await client.answers(*begun) == [(200, b"0")] * len(begun)
    await client.until_closed()


async def test_who_reads_nothing_does_not_keep_a_server_from_stopping(
    careless: Careless, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTP_SHUTDOWN_S", 0.01)
    client = await connected(careless, window=0)
    number = await client.ask()
    await answered_ping(client)
    await careless.servers.close(careless._listening)
    await client.until_closed()
    assert client.resets == {number: ErrorCodes.INTERNAL_ERROR}


async def test_a_server_that_stops_lets_a_body_that_it_does_not_want_come(careless: Careless) -> None:
    client = await connected(careless)
    client.h2.send_headers(1, HEAD)
    client.flush()
    await client.answers(1)
    for connection in careless.servers.connections:
        connection.shutdown()
    await answered_ping(client)
    client.h2.end_stream(1)
    client.flush()
    await client.until_closed()
    assert client.resets == {}


async def test_a_request_that_is_taken_back_at_once_is_not_refused_on_top(careless: Careless) -> None:
    client = await connected(careless)
    careless.may_answer.clear()
    number = await client.ask()
    await careless.was_asked.wait()
    for connection in careless.servers.connections:
        connection.shutdown()
    taken_back = client.h2.get_next_available_stream_id()
    client.h2.send_headers(taken_back, HEAD)
    client.h2.reset_stream(taken_back)
    await answered_ping(client)
    careless.may_answer.set()
    assert await client.answers(number) == [(200, bytes(careless.size))]


class Endless(Site):
    """Sends without end, until the client has left."""

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"][ENDS_AT](1000.0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not scope["extensions"][HAS_LEFT]():
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        self.was_asked.set()


@pytest.mark.parametrize("window", [0, 2**30])
async def test_an_answer_that_nobody_reads_ends_when_its_time_is_over(window: int) -> None:
    site = Endless(Servers(Clock()))
    await site.open()
    client = await connected(site, window)
    client.h2.increment_flow_control_window(2**30)
    await client.ask()
    connections: list[Http2Connection] = []
    while not (connections and any(each.is_on_its_way for each in connections[0]._exchanges.values())):
        await asyncio.sleep(0)
        connections = [each for each in site.servers.connections if isinstance(each, Http2Connection)]
    connections[0].end_if_over(999.0)
    assert 1 in connections[0]._exchanges
    connections[0].end_if_over(1000.0)
    await asyncio.wait_for(site.was_asked.wait(), 10)
    await site.close()


async def test_what_a_tenant_sends_is_heard_when_it_is_its_turn(site: Site) -> None:
    share = site.servers.shares.of("greedy")
    listener = socket.create_server(("127.0.0.1", 0))
    listening = await site.servers.serve(listener, site._app, share=share, enter=Door)
    streams = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
    client = Client(*streams)
    share._debt_s = 0.0  # which coming in has cost
    await client.answers(await client.ask())
    assert share.owes(time.monotonic())
    share.spend(limits.LOOP_DEBT_MAX_S)
    [connection] = [each for each in site.servers.connections if isinstance(each, Http2Connection)]
    site.servers.shares.asks(None)
    number = await client.ask()
    while connection._turn is None:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
    assert len(site.seen) == 1
    share._debt_s = 0.0
    assert await client.answers(number) == [(200, b"0")]
    streams[1].close()
    listening.close()
    listener.close()
