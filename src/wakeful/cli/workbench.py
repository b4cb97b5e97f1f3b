"""The line to the node while somebody works on a function: it is open as long as they do."""

from __future__ import annotations

import http.client
import json
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

from wakeful.cli import client

_CONNECT_S = 10.0


class Gone(Exception):
    """The node has ended."""


class Refused(Exception):
    """The node does not take this save. The message says why."""


class Workbench:
    """`events` gets what the node tells, and None when it tells no more."""

    def __init__(self, endpoint: str | None, arn: str) -> None:
        self._at = client.endpoint_of(endpoint)
        self._path = f"/_wakeful/dev/{quote(arn, safe='')}"
        self._signs = False
        self.is_deleted = False
        """The function, while it was worked on."""

        self.shown: set[str] = set()
        """Why code does not load, of which the log is about to tell again."""

        self._saving: http.client.HTTPConnection | None = None
        self.events: queue.Queue[dict[str, Any] | None] = queue.Queue()

    @contextmanager
    def open(self, wish: dict[str, Any]) -> Iterator[None]:
        """Ends the command in words where the node refuses."""
        connection, answer = self._send("POST", json.dumps(wish).encode(), None)
        if answer.status == 403:
            connection.close()
            self._signs = True
            connection, answer = self._send("POST", json.dumps(wish).encode(), None)
        if answer.status != 200:
            client.give_up(_words(answer.status, answer.read()))
        reader = threading.Thread(target=self._read, args=(answer,), daemon=True)
        reader.start()
        try:
            yield
        finally:
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()
            if self._saving is not None:
                self._saving.close()

    def save(self, files: dict[str, Any]) -> dict[str, Any]:
        """What became of it. Raises Gone and Refused; ends the command where the function is not there any more."""
        self._saving, answer = self._send("PUT", json.dumps({"files": files}).encode(), self._saving)
        body = answer.read()
        if answer.status == 404:
            client.give_up(_words(answer.status, body))
        if answer.status != 200:
            raise Refused(_words(answer.status, body))
        told: dict[str, Any] = json.loads(body)
        return told

    def _read(self, answer: http.client.HTTPResponse) -> None:
        try:
            while line := answer.readline():
                if line.strip():
                    self.events.put(json.loads(line))
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass  # closed, by them or by us: either way it is over
        finally:
            self.events.put(None)

    def _send(
        self, method: str, body: bytes, connection: http.client.HTTPConnection | None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """With one connection for all saves; the node ends one that has not been used for long."""
        headers = {"content-type": "application/json"}
        if self._signs:
            headers.update(client.signature(f"{self._at}{self._path}", method, body))
        for is_last in (connection is None, True):
            connection = connection or self._connection()
            try:
                connection.request(method, self._path, body, headers)
                return connection, connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                connection = None
                if is_last:
                    raise Gone(f"No node answers at {self._at} any more.") from error
        raise AssertionError("one of the two was the last")

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._at)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=_CONNECT_S)
        connection.connect()
        connection.sock.settimeout(None)  # what is debugged takes its time; when the node ends, we hear it
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def _words(status: int, body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return f"The node answered {status}."
