"""Requests to HTTP endpoints: where they may go, and what counts as an answer."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.sns.receiver import receiver
from wakeful.fabric.processors import Processors
from wakeful.services.sns import web_client
from wakeful.services.sns.web_client import Answer, may_reach


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "::"),
        *("::ffff:169.254.169.254", "::169.254.169.254", "::ffff:0:169.254.169.254"),
        *("64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1"),
        *("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
    ],
)
def test_nothing_goes_where_clouds_tell_their_machines_secrets(address: str) -> None:
    assert not may_reach(ipaddress.ip_address(address), has_internal=True)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "::1", "10.0.0.1", "fd00::1", "fec0::1", "100.64.0.1"),
        *("::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::"),
    ],
)
def test_what_is_not_public_is_reached_only_where_that_may_be(address: str) -> None:
    assert may_reach(ipaddress.ip_address(address), has_internal=True)
    assert not may_reach(ipaddress.ip_address(address), has_internal=False)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::1.1.1.1", "2002:101:101::"])
def test_what_is_public_is_reached(address: str) -> None:
    assert may_reach(ipaddress.ip_address(address), has_internal=False)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", "abcd"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nabcd", "abcd"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""),
    ],
)
def test_who_says_that_it_has_a_message_is_believed_though_the_rest_cannot_be_read(
    shared_node: RunningNode, answer: bytes, text: str
) -> None:
    with answering(answer) as url:
        assert posted(shared_node, url) == Answer(200, text)


def test_a_connection_that_the_endpoint_closes_unannounced_is_no_failure(shared_node: RunningNode) -> None:
    """It closes each one when the second request comes on it, as if that had crossed its farewell."""
    served = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b""):
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(1)
            served.append(answer)
            writer.write(answer)
        writer.close()

    async def post() -> list[Answer]:
        async with (
            await asyncio.start_server(serve, "127.0.0.1", 0) as server,
            web_client.session(shared_node.node) as session,
        ):
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            return [await web_client.post(session, url, {}, "m") for _ in range(3)]

    assert shared_node.run(post()) == [Answer(200, "ok")] * 3
    assert len(served) == 5


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The URL of a server that says this to the first who asks, and nothing more."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


def posted(node: RunningNode, url: str) -> Answer:
    async def post() -> Answer:
        async with web_client.session(node.node) as session:
            return await web_client.post(session, url, {}, "m")

    answer: Answer = node.run(post())
    return answer


def test_many_endpoints_whose_names_nobody_answers_for_hold_up_nothing_else(
    shared_node: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    sns = shared_node.client("sns")
    topic = sns.create_topic(Name="silent")["TopicArn"]
    waiting, answered = threading.Semaphore(0), threading.Event()
    real = socket.getaddrinfo

    def silent(host: Any, *args: Any, **more: Any) -> Any:
        if not str(host).endswith(".silent.test"):
            return real(host, *args, **more)
        waiting.release()
        answered.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    monkeypatch.setattr(Processors, "idle_share", lambda processors: 0.0)  # a worker gets no more slots
    for number in range(100):
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://{number}.silent.test/")
    try:
        for _ in range(100):
            assert waiting.acquire(timeout=10)
        assert shared_node.run(shared_node.node.aside(lambda: "signed"), timeout_s=5) == "signed"
        with receiver() as hook:
            came = threading.Event()
            hook.while_answering = came.set
            sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=hook.url)
            assert came.wait(10)
            answered.set()
            shared_node.settle()
    finally:
        answered.set()
        sns.delete_topic(TopicArn=topic)
