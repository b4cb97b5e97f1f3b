"""A load: so many connections, each sending one prepared request after the other. Runs in a process of its own.

    python -m bench.load HOST PORT CONNECTIONS SECONDS < request.http
    python -m bench.load HOST PORT CONNECTIONS SECONDS pairs < access.json
    python -m bench.load HOST PORT CONNECTIONS SECONDS several|all < requests.json

The request is sent as it stands, byte for byte, so that the client costs next to nothing; answers are counted and the
times from sending to the last byte are told as JSON. Anything but 2xx is an error and is counted as one, and so is what
was not answered half a minute after the end. With `pairs` a message is received from a queue and deleted, again and
again; a pair counts as one, with the time of both. With `several` there are several requests, signed beforehand, of
which each connection sends every n-th, again and again; with `all` each is sent once.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count, cycle
from typing import Any, cast

import uvloop

from bench.signed import Access, Signer

PATIENCE_S = 30.0
"""How long after the end an answer is waited for."""


class Connection(asyncio.Protocol):
    """Sends the request, waits for the whole answer, sends it again."""

    def __init__(self, request: bytes, until: float, times: list[float], errors: list[bytes]) -> None:
        self._first = request
        self._until = until
        self._times = times
        self._errors = errors
        self._buffer = b""
        self._begun = 0.0
        self._next = b""
        self._dialling: asyncio.Future[Any] | None = None
        self._left_behind = 0
        """Connections that were ended because the server ends each with its answer."""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclasses of it
        self._peer = self._transport.get_extra_info("peername")
        if self._next:
            self._transport.write(self._next)
        else:
            self._begin(closes=False)

    def after(self, answer: bytes) -> bytes | None:
        """What is sent next, as a part of the same round; None where the round is over."""
        return None

    def _begin(self, *, closes: bool) -> None:
        self._begun = time.perf_counter()
        if self._begun > self._until:
            self._transport.close()
            return
        self._send(self._first, closes=closes)

    def _send(self, request: bytes, *, closes: bool) -> None:
        if closes:
            self._next = request
            dial = asyncio.get_running_loop().create_connection(lambda: self, *self._peer[:2])
            self._dialling = asyncio.ensure_future(dial)
            self._left_behind += 1
            self._transport.abort()
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        if at >= 0:
            length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
        elif b"chunked" in head and not self._buffer.endswith(b"0\r\n\r\n"):
            return
        answer, self._buffer = self._buffer, b""
        closes = b"connection: close" in head
        if not head.startswith(b"http/1.1 2"):
            self._errors.append(answer[:300])
        elif (following := self.after(answer)) is not None:
            self._send(following, closes=closes)
            return
        self._times.append(time.perf_counter() - self._begun)
        self._begin(closes=closes)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._left_behind:
            self._left_behind -= 1
            return
        if self._buffer or time.perf_counter() <= self._until:
            self._errors.append(b"connection lost")
        if not self.done.done():
            self.done.set_result(None)


class Pairs(Connection):
    """Receives a message, deletes it, and receives the next."""

    def __init__(
        self, receive: bytes, url: bytes, delete: Signer, until: float, times: list[float], errors: list[bytes]
    ):
        super().__init__(receive, until, times, errors)
        self._url = url
        self._delete = delete
        self._is_receiving = True

    def after(self, answer: bytes) -> bytes | None:
        if not self._is_receiving:
            self._is_receiving = True
            return None
        at = answer.find(b'"ReceiptHandle"')
        if at < 0:
            self._errors.append(b"nothing received: " + answer[-200:])
            return None
        begin = answer.index(b'"', at + len(b'"ReceiptHandle"')) + 1
        handle = answer[begin : answer.index(b'"', begin)]
        self._is_receiving = False
        return self._delete.request(b'{"QueueUrl":"%s","ReceiptHandle":"%s"}' % (self._url, handle))


class Several(Connection):
    """Sends another request each time."""

    def __init__(self, requests: Iterator[bytes], until: float, times: list[float], errors: list[bytes]):
        super().__init__(b"", until, times, errors)
        self._requests = requests

    def _begin(self, *, closes: bool) -> None:
        self._first = next(self._requests, b"")
        if not self._first:
            self._until = 0.0
        super()._begin(closes=closes)


Made = Callable[[float, list[float], list[bytes]], Connection]


async def run(host: str, port: int, connections: int, seconds: float, make: Made) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    errors: list[bytes] = []
    begun = time.perf_counter()
    made = [
        await loop.create_connection(lambda: make(begun + seconds, times, errors), host, port)
        for _ in range(connections)
    ]
    _, waiting = await asyncio.wait([protocol.done for _, protocol in made], timeout=seconds + PATIENCE_S)
    took = time.perf_counter() - begun
    if waiting:
        errors.append(b"%d connections had no answer %.0f s after the end" % (len(waiting), PATIENCE_S))
    times.sort()

    def percentile(share: float) -> float:
        return times[min(len(times) - 1, int(len(times) * share))] * 1000 if times else float("nan")

    return {
        "requests": len(times),
        "per_s": len(times) / took,
        "p50_ms": percentile(0.50),
        "p99_ms": percentile(0.99),
        "errors": len(errors),
        "first_error": errors[0].decode(errors="replace") if errors else "",
    }


def _pairs(host: str, port: int, said: bytes) -> Made:
    asked = json.loads(said)
    access, url = Access(asked["key"], asked["secret"]), asked["url"]
    signers = [Signer(f"{host}:{port}", "sqs", f"AmazonSQS.{name}Message", access) for name in ("Receive", "Delete")]
    receive = signers[0].request(json.dumps({"QueueUrl": url}).encode())
    return lambda *of_run: Pairs(receive, url.encode(), signers[1], *of_run)


def _several(host: str, port: int, connections: int, said: bytes, *, is_once: bool) -> Made:
    asked = json.loads(said)
    signer = Signer(f"{host}:{port}", asked["service"], asked["target"], Access(asked["key"], asked["secret"]))
    requests = [signer.request(json.dumps(body).encode()) for body in asked["bodies"]]
    if is_once:
        left = iter(requests)
        return lambda *of_run: Several(left, *of_run)
    numbers = count()
    return lambda *of_run: Several(cycle(requests[next(numbers) % len(requests) :: connections]), *of_run)


def main() -> None:
    host, port, connections, seconds, *what = sys.argv[1:]
    said = sys.stdin.buffer.read()
    make: Made
    if what == ["pairs"]:
        make = _pairs(host, int(port), said)
    elif what:
        make = _several(host, int(port), int(connections), said, is_once=what == ["all"])
    else:
        make = lambda *of_run: Connection(said, *of_run)  # noqa: E731
    json.dump(uvloop.run(run(host, int(port), int(connections), float(seconds), make)), sys.stdout)


if __name__ == "__main__":
    main()
