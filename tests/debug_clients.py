"""Clients of debuggers, as small as they can be: the Debug Adapter Protocol, and Chrome's over a WebSocket."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import urllib.request
from collections.abc import Callable
from typing import Any

PATIENCE_S = 30

Message = dict[str, Any]


class _Session:
    """Messages both ways; what comes before it is asked for is kept until then."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._file = self._socket.makefile("rb")
        self._number = 0
        self._heard: list[Message] = []

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _wait(self, is_it: Callable[[Message], bool]) -> Message:
        while True:
            for told in self._heard:
                if is_it(told):
                    self._heard.remove(told)
                    return told
            self._heard.append(self._read())

    def _read(self) -> Message:
        raise NotImplementedError


class Dap(_Session):
    """A session with debugpy, attached."""

    def __init__(self, port: int, local_root: str) -> None:
        super().__init__(port)
        self.ask("initialize", adapterID="test", clientID="test", linesStartAt1=True, pathFormat="path")
        mapping = {"localRoot": local_root, "remoteRoot": "/var/task"}
        self._attached = self._send("attach", justMyCode=False, pathMappings=[mapping])
        self.event("initialized")

    def break_at(self, path: str, line: int) -> None:
        """The function is stopped there from now on; its process runs."""
        answer = self.ask("setBreakpoints", source={"path": path}, breakpoints=[{"line": line}])
        assert answer["body"]["breakpoints"][0]["verified"], answer
        self.ask("configurationDone")
        self._wait(lambda told: told.get("request_seq") == self._attached)

    def stopped(self) -> int:
        """The thread that was stopped."""
        return int(self.event("stopped")["body"]["threadId"])

    def value(self, thread: int, expression: str) -> str:
        frames = self.ask("stackTrace", threadId=thread)["body"]["stackFrames"]
        return str(self.ask("evaluate", expression=expression, frameId=frames[0]["id"])["body"]["result"])

    def go_on(self, thread: int) -> None:
        self.ask("continue", threadId=thread)

    def ask(self, command: str, **arguments: Any) -> Message:
        number = self._send(command, **arguments)
        answer = self._wait(lambda told: told.get("request_seq") == number)
        assert answer["success"], answer
        return answer

    def event(self, name: str) -> Message:
        return self._wait(lambda told: told.get("event") == name)

    def _send(self, command: str, **arguments: Any) -> int:
        self._number += 1
        body = json.dumps({"seq": self._number, "type": "request", "command": command, "arguments": arguments}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        return self._number

    def _read(self) -> Message:
        length = 0
        while (line := self._file.readline()) != b"\r\n":
            assert line, "the debugger has gone"
            length = int(line.partition(b":")[2])
        message: Message = json.loads(self._file.read(length))
        return message


class Inspector(_Session):
    """A session with the inspector of Node.js."""

    def __init__(self, port: int) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE_S) as answer:
            address = json.loads(answer.read())[0]["webSocketDebuggerUrl"]
        assert address.startswith(f"ws://127.0.0.1:{port}/"), address
        super().__init__(port)
        path, key = address.partition(f":{port}")[2], base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while self._file.readline() != b"\r\n":
            pass

    def ask(self, method: str, **parameters: Any) -> Message:
        self._number += 1
        number = self._number
        body = json.dumps({"id": number, "method": method, "params": parameters}).encode()
        mask = os.urandom(4)
        length = bytes((0x80 | len(body),)) if len(body) < 126 else b"\xfe" + struct.pack(">H", len(body))
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(body))
        self._socket.sendall(b"\x81" + length + mask + masked)
        answer = self._wait(lambda told: told.get("id") == number)
        assert "error" not in answer, answer
        result: Message = answer["result"]
        return result

    def event(self, name: str) -> Message:
        parameters: Message = self._wait(lambda told: told.get("method") == name)["params"]
        return parameters

    def _read(self) -> Message:
        _, length = self._file.read(2)
        if length == 126:
            (length,) = struct.unpack(">H", self._file.read(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self._file.read(8))
        message: Message = json.loads(self._file.read(length))
        return message
