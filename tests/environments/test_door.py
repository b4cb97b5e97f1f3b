"""Who is let in, and who waits outside."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

from wakeful import limits
from wakeful.environments.door import Door
from wakeful.fabric.shares import Shares


class Guest(asyncio.Protocol):
    def __init__(self, inside: set[Guest]) -> None:
        self._inside = inside

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inside.add(self)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._inside.discard(self)


async def until(condition: object) -> None:
    async with asyncio.timeout(10):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.001)


def test_as_many_are_in_as_there_is_room_and_the_others_come_in_when_they_leave() -> None:
    async def main() -> None:
        inside: set[Guest] = set()
        with ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            door = Door(listener, lambda: Guest(inside), Shares().of("a"), lambda: len(inside) < 3)
            clients = [socket.create_connection(listener.getsockname()) for _ in range(5)]
            await until(lambda: len(inside) >= 3)
            await asyncio.sleep(2 * limits.DOOR_PAUSE_S)
            assert len(inside) <= 4  # one may be on its way in when another arrives
            for client in clients[:3]:
                client.close()
            loop = asyncio.get_running_loop()
            for client in clients[3:]:
                client.setblocking(False)
                await loop.sock_sendall(client, b"here")
                assert await asyncio.wait_for(loop.sock_recv(client, 10), 10) == b"here"
                client.close()
            door.close()
            door.close()

    asyncio.run(main())


def test_who_was_at_the_door_when_it_closed_is_sent_away() -> None:
    async def main() -> None:
        inside: set[Guest] = set()
        with ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            door = Door(listener, lambda: Guest(inside), Shares().of("a"), lambda: True)
            client = stack.enter_context(socket.create_connection(listener.getsockname()))
            client.setblocking(False)
            door._take()  # as the loop would have called it in this round
            door.close()
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 10), 10) == b""
            assert not inside

    asyncio.run(main())


def test_nobody_comes_in_before_the_tenant_has_made_up_for_what_it_had() -> None:
    async def main() -> None:
        inside: set[Guest] = set()
        shares = Shares()
        share = shares.of("a")
        with ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            share.spend(0.05)
            shares.asks(None)
            began = asyncio.get_running_loop().time()
            door = Door(listener, lambda: Guest(inside), share, lambda: True)
            stack.enter_context(socket.create_connection(listener.getsockname()))
            await until(lambda: inside)
            assert asyncio.get_running_loop().time() - began > 0.045
            door.close()
            for guest in set(inside):
                assert isinstance(guest.transport, asyncio.Transport)
                guest.transport.abort()
            await until(lambda: not inside)

    asyncio.run(main())
