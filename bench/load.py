"""A load: so many connections, each sending one prepared request after the other. Runs in a process of its own.

    python -m bench.load HOST PORT CONNECTIONS SECONDS < request.http

The request is sent as it stands, byte for byte, so that the client costs next to nothing; answers are counted and the
times from sending to the last byte are told as JSON. Anything but 2xx is an error and is counted as one.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast

import uvloop


class Connection(asyncio.Protocol):
    """Sends the request, waits for the whole answer, sends it again."""

    def __init__(self, request: bytes, until: float, times: list[float], errors: list[bytes]) -> None:
        self._request = request
        self._until = until
        self._times = times
        self._errors = errors
        self._buffer = b""
        self._sent = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclasses of it
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        if self._sent > self._until:
            self._transport.close()
            return
        self._transport.write(self._request)

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
        self._times.append(time.perf_counter() - self._sent)
        if not head.startswith(b"http/1.1 2"):
            self._errors.append(self._buffer[:300])
        self._buffer = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._buffer or time.perf_counter() <= self._until:
            self._errors.append(b"connection lost")
        if not self.done.done():
            self.done.set_result(None)


async def run(host: str, port: int, connections: int, seconds: float, request: bytes) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    errors: list[bytes] = []
    begun = time.perf_counter()
    made = [
        await loop.create_connection(lambda: Connection(request, begun + seconds, times, errors), host, port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in made))
    took = time.perf_counter() - begun
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


if __name__ == "__main__":
    host, port, connections, seconds = sys.argv[1:5]
    result = uvloop.run(run(host, int(port), int(connections), float(seconds), sys.stdin.buffer.read()))
    json.dump(result, sys.stdout)
