"""What a greedy tenant does to a node: the code of a function. Standard library only; each burden has its end."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

RUNTIME_API = 9001


def handler(event: Any, context: Any) -> str:
    globals()[event["burden"]](time.monotonic() + event["seconds"])
    return "done"


def processors(end: float) -> None:
    """As many processes as there can be, each of them busy."""
    me = os.getpid()
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            os.fork()
        sum(range(10000))
    if os.getpid() != me:
        os._exit(0)


def memory(end: float) -> None:
    """All it has, taken and given back again and again."""
    while time.monotonic() < end:
        block = bytearray(700 << 20)
        del block


def disk(end: float) -> None:
    """/tmp full of bytes, then full of files, and empty again."""
    while time.monotonic() < end:
        with contextlib.suppress(OSError), Path("/tmp/large").open("wb") as file:
            while time.monotonic() < end:
                file.write(bytes(1 << 20))
        Path("/tmp/large").unlink()
        count = 0
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                os.close(os.open(f"/tmp/{count}", os.O_CREAT | os.O_WRONLY))
                count += 1
        for number in range(count):
            Path(f"/tmp/{number}").unlink()


def many_lines(end: float) -> None:
    _print((b"x" * 99 + b"\n") * 655, end)


def empty_lines(end: float) -> None:
    _print(b"\n" * 65536, end)


def one_line_without_an_end(end: float) -> None:
    _print(b"x" * 65536, end)


def _print(block: bytes, end: float) -> None:
    while time.monotonic() < end:
        os.write(1, block)


def requests_to_the_runtime_api(end: float) -> None:
    _ask(end, RUNTIME_API, b"/2018-06-01/ping")


def requests_sent_without_waiting(end: float) -> None:
    _ask(end, RUNTIME_API, b"/2018-06-01/ping", at_once=1000)


def aws_calls(end: float) -> None:
    _ask(end, _endpoint(), b"/?Action=ListQueues&Version=2012-11-05", connections=200)


def frames_of_http2(end: float) -> None:
    """Pings, which are answered at once, and to nobody's request."""
    opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4" + bytes(5)
    ping = b"\0\0\x08\6" + bytes(5 + 8)
    _flood(end, _endpoint(), ping * 1000, connections=60, opening=opening)


def connections(end: float) -> None:
    """Opened, with half a request on them or nothing, never read from, and closed."""
    while time.monotonic() < end:
        held = []
        with contextlib.suppress(OSError):
            for number in range(400):
                held.append(socket.create_connection(("127.0.0.1", (RUNTIME_API, _endpoint())[number % 2]), 0.05))
                held[-1].send(b"GET /2018-06-01/ping HTTP/1.1\r\nHo" if number % 3 else b"")
        for each in held:
            each.close()


def answers_that_nobody_reads(end: float) -> None:
    _ask(end, _endpoint(), b"/?Action=ListQueues&Version=2012-11-05", connections=100, reads=False)


def _endpoint() -> int:
    return int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])


def _ask(end: float, port: int, path: bytes, *, connections: int = 60, at_once: int = 1, reads: bool = True) -> None:
    question = (b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n") * at_once
    _flood(end, port, question, connections=connections, reads=reads)


def _flood(
    end: float, port: int, question: bytes, *, connections: int, reads: bool = True, opening: bytes = b""
) -> None:
    def one() -> None:
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(opening)
                while time.monotonic() < end:
                    connection.sendall(question)
                    if reads and not connection.recv(65536):
                        break

    threads = [threading.Thread(target=one, daemon=True) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
