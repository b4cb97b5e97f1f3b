"""Function URLs in InvokeMode RESPONSE_STREAM: an HTTP client has each piece as the function writes it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.functions import NODE_RUNTIME, deploy, needs_node, package
from tests.running_node import RunningNode

pytestmark = [pytest.mark.slow, needs_node]

STREAMS = """
    const fs = require("node:fs");
    const until = async (path) => {
      while (!fs.existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const go = process.env.GO;

    exports.text = awslambda.streamifyResponse(async (event, stream) => {
      stream.setContentType("text/plain");
      stream.write(event.rawPath);
      await until(go);
      stream.end(" and the rest");
    });

    exports.http = awslambda.streamifyResponse(async (event, stream) => {
      const metadata = { statusCode: 418, headers: { "x-tea": "pot" }, cookies: ["a=1", "b=2"] };
      stream = awslambda.HttpResponseStream.from(stream, metadata);
      stream.end("short and stout");
    });

    exports.nonsense = awslambda.streamifyResponse(async (event, stream) => {
      stream = awslambda.HttpResponseStream.from(stream, { statusCode: "many" });
      stream.end("x");
    });

    exports.endless = awslambda.streamifyResponse(async (event, stream) => {
      stream.setContentType("application/vnd.awslambda.http-integration-response");
      stream.end("there is no end to the metadata");
    });

    exports.early = awslambda.streamifyResponse(async () => { throw new Error("at once"); });

    exports.middle = awslambda.streamifyResponse(async (event, stream) => {
      stream.write("begun");
      await until(go);
      throw new Error("in the middle");
    });

    exports.empty = awslambda.streamifyResponse(async (event, stream) => { stream.end(); });

    exports.buffered = async () => ({ statusCode: 201, body: "b" });
    """


@pytest.fixture
def go(tmp_path: Path) -> Path:
    return tmp_path / "go"


@contextmanager
def asked(node: RunningNode, go: Path, handler: str, **more: Any) -> Iterator[http.client.HTTPResponse]:
    client = node.client("lambda")
    code = {"ZipFile": package(index__js=STREAMS)}
    variables = {"Variables": {"GO": str(go)}}
    deploy(client, handler, Runtime=NODE_RUNTIME, Handler=f"index.{handler}", Code=code, Environment=variables)
    made = client.create_function_url_config(
        FunctionName=handler, AuthType="NONE", InvokeMode="RESPONSE_STREAM", **more
    )
    parts = urlsplit(made["FunctionUrl"])
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)
    try:
        connection.request("GET", "/path", headers={"Host": parts.netloc, "Origin": "http://localhost"})
        yield connection.getresponse()
    finally:
        connection.close()


def test_the_first_piece_is_there_before_the_function_ends(node: RunningNode, go: Path) -> None:
    with asked(node, go, "text", Cors={"AllowOrigins": ["*"]}) as response:
        assert (response.status, response.getheader("content-type")) == (200, "text/plain")
        assert response.getheader("access-control-allow-origin") == "http://localhost"
        assert response.read1(100) == b"/path"
        go.touch()  # without this it never ends
        assert response.read() == b" and the rest"


def test_status_headers_and_cookies_come_before_the_body(node: RunningNode, go: Path) -> None:
    with asked(node, go, "http") as response:
        assert (response.status, response.getheader("x-tea")) == (418, "pot")
        assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]
        assert response.read() == b"short and stout"


@pytest.mark.parametrize("handler", ["nonsense", "endless", "early"])
def test_what_is_no_answer_is_a_bad_gateway(node: RunningNode, go: Path, handler: str) -> None:
    with asked(node, go, handler) as response:
        assert (response.status, response.read()) == (502, b"Internal Server Error")


def test_an_answer_that_fails_in_the_middle_is_broken_off(node: RunningNode, go: Path) -> None:
    with asked(node, go, "middle") as response:
        assert response.status == 200
        assert response.read1(100) == b"begun"
        go.touch()
        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_a_stream_may_be_empty_and_a_function_need_not_stream(node: RunningNode, go: Path) -> None:
    with asked(node, go, "empty") as response:
        assert (response.status, response.read()) == (200, b"")
    with asked(node, go, "buffered") as response:
        assert (response.status, response.read()) == (200, b'{"statusCode":201,"body":"b"}')


def test_a_run_that_was_streamed_is_in_the_story(node: RunningNode, go: Path) -> None:
    with asked(node, go, "http") as response:
        response.read()
    node.settle()
    (run,) = node.run(node.node.telemetry.recent_notes(kind="run", limit=5))
    assert (run.name, run.status) == ("http", "ok")
