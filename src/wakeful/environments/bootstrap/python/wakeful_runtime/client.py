"""The Runtime API over one raw socket. `http.client` alone would take longer to load than the sandbox to build."""

from __future__ import annotations

import _socket
import os

_PATH = b"/2018-06-01/runtime/"
_RECEIVE_BYTES = 65_536
_TCP_NODELAY = (6, 1)
_FORK = b'{"fork":true}'


class Refused(Exception):
    """The Runtime API did not take an answer."""


class Client:
    """One keep-alive connection. An answer and the question for the next event travel in one piece."""

    def __init__(self, connection: _socket.socket, host: str) -> None:
        self._connection = connection
        self._received = b""
        head = b" HTTP/1.1\r\nHost: " + host.encode() + b"\r\n"
        self._next = b"GET " + _PATH + b"invocation/next" + head + b"\r\n"
        self._head = head
        self._is_asked = False

    def next_event(self) -> tuple[dict[bytes, bytes], bytes]:
        """Waits for the next event: its headers and its body."""
        if not self._is_asked:
            self._connection.sendall(self._next)
        self._is_asked = False
        status, headers, body = self._answer()
        if status != b"200":
            raise Refused(f"next: {status.decode()} {body.decode('utf-8', 'replace')}")
        return headers, body

    def respond(self, request_id: bytes, body: bytes, content_type: bytes | None = None) -> None:
        """The event is answered, and the next one is asked for."""
        header = b"" if content_type is None else b"Content-Type: " + content_type + b"\r\n"
        self._post(b"invocation/" + request_id + b"/response", body, header)

    def fail(self, request_id: bytes, error_type: str, body: bytes) -> None:
        """The event has failed, and the next one is asked for."""
        self._post(b"invocation/" + request_id + b"/error", body, _type_header(error_type))

    def fail_to_start(self, error_type: str, body: bytes) -> None:
        """INIT has failed. The process is expected to exit."""
        self._connection.sendall(self._request(b"init/error", body, _type_header(error_type)))
        self._answer()

    def restore_next(self) -> bool:
        """INIT is over; returns when the environment has been restored for its first event.

        Or earlier, and True: when this process shall fork, to be copied for many environments.
        """
        self._connection.sendall(b"GET " + _PATH + b"restore/next" + self._head + b"\r\n")
        status, _, body = self._answer()
        if status != b"200":
            raise Refused(f"restore/next: {status.decode()} {body.decode('utf-8', 'replace')}")
        return body == _FORK

    def close(self) -> None:
        self._connection.close()

    def fail_to_restore(self, error_type: str, body: bytes) -> None:
        """What had to be done after being restored has failed. The process is expected to exit."""
        self._connection.sendall(self._request(b"restore/error", body, _type_header(error_type)))
        self._answer()

    def _post(self, path: bytes, body: bytes, header: bytes) -> None:
        self._connection.sendall(self._request(path, body, header) + self._next)
        self._is_asked = True
        status, _, answer = self._answer()
        # A response that is too large, or too late, has ended the invocation, not the runtime.
        if status not in (b"202", b"410", b"413"):
            raise Refused(f"{path.decode()}: {status.decode()} {answer.decode('utf-8', 'replace')}")

    def _request(self, path: bytes, body: bytes, header: bytes) -> bytes:
        return b"".join(
            (b"POST ", _PATH, path, self._head, header, b"Content-Length: %d\r\n\r\n" % len(body), body),
        )

    def _answer(self) -> tuple[bytes, dict[bytes, bytes], bytes]:
        """Status, headers and body of the next answer on the connection."""
        received = self._received
        receive = self._connection.recv
        while True:
            end = received.find(b"\r\n\r\n")
            if end >= 0:
                break
            data = receive(_RECEIVE_BYTES)
            if not data:
                os._exit(1)  # the environment is being taken down: no exit handlers, as after a kill
            received = received + data if received else data
        lines = received[:end].split(b"\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b": ")
            headers[name] = value
        start = end + 4
        missing = start + int(headers.get(b"Content-Length", 0)) - len(received)
        if missing > 0:
            pieces = [received]
            while missing > 0:
                data = receive(min(missing, 1 << 20) if missing > _RECEIVE_BYTES else _RECEIVE_BYTES)
                if not data:
                    os._exit(1)
                pieces.append(data)
                missing -= len(data)
            received = b"".join(pieces)
        body_end = len(received) + missing
        self._received = received[body_end:]
        return lines[0][9:12], headers, received[start:body_end]


def connect(address: str, kind: type[Client] = Client) -> Client:
    """A client of the Runtime API at `address` (host:port)."""
    host, _, port = address.rpartition(":")
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    connection.connect((host, int(port)))
    connection.setsockopt(*_TCP_NODELAY, 1)
    return kind(connection, address)


def _type_header(error_type: str) -> bytes:
    safe = error_type.encode("ascii", "replace").replace(b"\r", b" ").replace(b"\n", b" ")
    return b"Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: " + safe + b"\r\n"
