"""An HTTP endpoint for tests: it keeps what it is sent, and answers what it is told to."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def type(self) -> str:
        return self.headers["x-amz-sns-message-type"]


@dataclass
class Receiver:
    """`answers` are statuses and headers, in the order of the requests; after them everything is taken."""

    port: int
    scheme: str = "http"
    got: list[Got] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    under_way: int = 0
    most_at_once: int = 0
    while_answering: Callable[[], object] = lambda: None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    def taken(self, kind: str = "Notification") -> list[Got]:
        """What came of one type, and is forgotten."""
        found = [each for each in self.got if each.type == kind]
        self.got = [each for each in self.got if each.type != kind]
        return found

    def confirm(self) -> str:
        """The one question that came is answered by following its link; the answer to that."""
        (question,) = self.taken("SubscriptionConfirmation")
        with urlopen(question.document["SubscribeURL"]) as answer:
            return str(answer.read().decode())


@contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            with lock:
                it.under_way += 1
                it.most_at_once = max(it.most_at_once, it.under_way)
                headers = {name.lower(): value for name, value in self.headers.items()}
                it.got.append(Got(self.path, headers, body))
                status, more = it.answers.pop(0) if it.answers else (200, {})
            it.while_answering()
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            answer = f"answer {status}".encode()
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            with lock:
                it.under_way -= 1
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    it = Receiver(server.server_address[1], "http" if tls is None else "https")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield it
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
