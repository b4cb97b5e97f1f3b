"""Working on a function as a command does it: a line that is open meanwhile, and saves."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

from tests.running_node import RunningNode


class Line:
    """The answer that lasts as long as somebody works on the function."""

    def __init__(self, node: RunningNode, arn: str, answer: http.client.HTTPResponse) -> None:
        self._node, self._arn, self._answer = node, arn, answer

    def event(self) -> dict[str, Any]:
        """The next thing that the node tells."""
        while not (line := self._answer.readline()).strip():
            assert line, "the node tells no more"
        told: dict[str, Any] = json.loads(line)
        return told

    def save(self, **files: str | None) -> dict[str, Any]:
        """A name's double underscore stands for a dot."""
        told = {name.replace("__", "."): None if text is None else content(text) for name, text in files.items()}
        status, answer = put(self._node, self._arn, {"files": told})
        assert status == 200, answer
        return answer


def content(text: str) -> dict[str, Any]:
    return {"content": base64.b64encode(text.encode()).decode()}


def ask(node: RunningNode, method: str, arn: str, document: Any, **headers: str) -> http.client.HTTPResponse:
    parts = urlsplit(node.endpoint)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    connection.request(method, f"/_wakeful/dev/{quote(arn, safe='')}", json.dumps(document), headers)
    answer = connection.getresponse()
    answer.connection = connection  # type: ignore[attr-defined]  # to be closed with it
    return answer


def put(node: RunningNode, arn: str, document: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    answer = ask(node, "PUT", arn, document, **headers)
    told: dict[str, Any] = json.loads(answer.read())
    answer.connection.close()  # type: ignore[attr-defined]
    return answer.status, told


def refused(node: RunningNode, arn: str, **wish: Any) -> tuple[int, str]:
    """The status and the reason."""
    answer = ask(node, "POST", arn, wish)
    told = json.loads(answer.read())
    answer.connection.close()  # type: ignore[attr-defined]
    return answer.status, told["message"]


@contextmanager
def at_work(node: RunningNode, arn: str, **wish: Any) -> Iterator[Line]:
    """Somebody works on it until the block ends, and what ran before runs again."""
    answer = ask(node, "POST", arn, wish)
    assert answer.status == 200, answer.read()
    line = Line(node, arn, answer)
    assert line.event() == {"state": "open"}
    try:
        yield line
    finally:
        answer.close()
        answer.connection.close()  # type: ignore[attr-defined]
        node.run(_nobody_works(node, arn))


async def _nobody_works(node: RunningNode, arn: str) -> None:
    import asyncio

    while arn in node.node.workshop.functions:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.01)
