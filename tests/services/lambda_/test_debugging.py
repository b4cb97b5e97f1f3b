"""Debugging functions with real clients of real debuggers, through the port that the node has for them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.debug_clients import Dap, Inspector
from tests.functions import NODE_RUNTIME, call, deploy, needs_node, package
from tests.running_node import RunningNode, running_node
from tests.services.lambda_.workbench import at_work, refused

pytestmark = pytest.mark.slow

PYTHON = """\
def handler(event, context):
    doubled = event["number"] * 2
    return {"doubled": doubled, "left_ms": context.get_remaining_time_in_millis()}
"""
NODE = """\
exports.handler = async (event) => {
  const doubled = event.number * 2;
  return { doubled };
};
"""
HELD_S = 1.2
"""Longer than the timeout of the functions here."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """With walls, as functions are debugged in earnest."""
    with running_node(tmp_path_factory.mktemp("node") / "data", isolation="auto") as started:
        yield started


@pytest.fixture
def client(node: RunningNode) -> Any:
    return node.client("lambda")


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_python_function_stops_at_a_breakpoint_for_longer_than_its_timeout(
    node: RunningNode, client: Any, port: int
) -> None:
    arn = deploy(client, "stopped", PYTHON, Timeout=1)
    with at_work(node, arn, debug={"port": port}) as line, ThreadPoolExecutor(1) as threads:
        assert line.event() == {"state": "ready", "fault": None}
        debugger = Dap(port, "/home/somebody/stopped")
        debugger.break_at("/home/somebody/stopped/index.py", 3)
        called = threads.submit(call, client, "stopped", {"number": 21})
        thread = debugger.stopped()
        assert debugger.value(thread, "doubled") == "42"
        time.sleep(HELD_S)  # the function's own time, which is no clock of ours
        assert not called.done()
        debugger.go_on(thread)
        answer = called.result(30)
        assert answer.error is None and answer.payload["doubled"] == 42
        debugger.close()
    assert call(client, "stopped", {"number": 1}).payload["left_ms"] <= 1000  # it has its timeout again


@needs_node
def test_a_node_js_function_stops_at_a_breakpoint_for_longer_than_its_timeout(
    node: RunningNode, client: Any, port: int
) -> None:
    code = {"ZipFile": package(index__js=NODE)}
    arn = deploy(client, "stopped-js", Timeout=1, Runtime=NODE_RUNTIME, Code=code)
    with at_work(node, arn, debug={"port": port}) as line, ThreadPoolExecutor(1) as threads:
        assert line.event() == {"state": "ready", "fault": None}
        debugger = Inspector(port)
        debugger.ask("Runtime.enable")
        debugger.ask("Debugger.enable")
        debugger.ask("Debugger.setBreakpointByUrl", lineNumber=2, urlRegex=".*/var/task/index.js")
        called = threads.submit(call, client, "stopped-js", {"number": 21})
        frame = debugger.event("Debugger.paused")["callFrames"][0]
        found = debugger.ask("Debugger.evaluateOnCallFrame", callFrameId=frame["callFrameId"], expression="doubled")
        assert found["result"]["value"] == 42
        time.sleep(HELD_S)
        assert not called.done()
        debugger.ask("Debugger.resume")
        assert called.result(30).payload == {"doubled": 42}
        debugger.close()


def test_code_is_loaded_when_a_client_is_there_if_that_was_asked_for(node: RunningNode, client: Any, port: int) -> None:
    arn = deploy(client, "waits", "seen = 7\n" + PYTHON, Timeout=1)
    with at_work(node, arn, debug={"port": port, "wait": True}) as line, ThreadPoolExecutor(1) as threads:
        called = threads.submit(call, client, "waits", {"number": 4})
        debugger = Dap(port, "/here")
        debugger.break_at("/here/index.py", 1)
        thread = debugger.stopped()  # in INIT, which is held no less than an invocation
        debugger.go_on(thread)
        assert line.event() == {"state": "ready", "fault": None}
        assert called.result(30).payload["doubled"] == 8
        debugger.close()


def test_whoever_waits_for_a_debugger_is_answered_when_nobody_debugs_any_more(
    node: RunningNode, client: Any, port: int
) -> None:
    arn = deploy(client, "left", PYTHON)
    with ThreadPoolExecutor(1) as threads:
        with at_work(node, arn, debug={"port": port, "wait": True}):
            called = threads.submit(call, client, "left", {"number": 4})
        assert called.result(30).payload["doubled"] == 8


def test_a_save_is_what_is_debugged_from_then_on(node: RunningNode, client: Any, port: int) -> None:
    arn = deploy(client, "saved", PYTHON)
    with at_work(node, arn, debug={"port": port}) as line:
        line.event()
        assert line.save(index__py=PYTHON.replace("* 2", "* 3"))["serves"]
        assert line.event() == {"state": "ready", "fault": None}
        debugger = Dap(port, "/here")
        debugger.break_at("/here/index.py", 2)
        debugger.close()  # who is stopped when the client leaves goes on
        assert call(client, "saved", {"number": 2}).payload["doubled"] == 6


def test_there_is_one_environment_and_who_comes_meanwhile_waits(node: RunningNode, client: Any, port: int) -> None:
    code = "import os\nseen = []\ndef handler(event, context):\n    seen.append(event)\n    return seen\n"
    arn = deploy(client, "one", code)
    with at_work(node, arn, debug={"port": port}) as line, ThreadPoolExecutor(4) as threads:
        line.event()
        answers = list(threads.map(lambda number: call(client, "one", number).payload, range(4)))
    assert sorted(map(len, answers)) == [1, 2, 3, 4]


def test_status_tells_who_is_debugged(node: RunningNode, client: Any, port: int) -> None:
    arn = deploy(client, "told", PYTHON)
    with at_work(node, arn, debug={"port": port}):
        assert node.run(node.node.describe())["worked on"] == "told (its debugger listens)"
    assert "worked on" not in node.run(node.node.describe())


def test_what_has_no_debugger_is_refused_by_name(node: RunningNode, client: Any, port: int) -> None:
    code = {"ZipFile": package(bootstrap="#!/bin/sh\n")}
    arn = deploy(client, "shell", Runtime="provided.al2023", Code=code)
    status, words = refused(node, arn, debug={"port": port})
    assert (status, words) == (
        400,
        "Wakeful has no debugger for the runtime provided.al2023, only for Node.js and Python.",
    )


def test_a_web_page_says_nothing_to_a_debugger(node: RunningNode, client: Any, port: int) -> None:
    message = b'{"seq": 1, "type": "request", "command": "initialize", "arguments": {"adapterID": "page"}}'
    arn = deploy(client, "paged", PYTHON)
    with at_work(node, arn, debug={"port": port}) as line:
        assert line.event() == {"state": "ready", "fault": None}
        with socket.create_connection(("127.0.0.1", port), timeout=30) as page:
            page.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(message), message))
            answered = b"".join(iter(lambda: page.recv(65536), b""))
        assert b'"command": "initialize"' not in answered
        debugger = Dap(port, "/home/somebody/paged")
        debugger.close()


def test_a_port_that_is_taken_is_told(node: RunningNode, client: Any) -> None:
    arn = deploy(client, "taken", PYTHON)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, words = refused(node, arn, debug={"port": taken.getsockname()[1]})
    assert status == 400 and words.endswith("of this machine: Address already in use.")


def test_debugging_needs_no_walls(tmp_path: Path, port: int) -> None:
    with running_node(tmp_path / "data") as bare:
        arn = deploy(bare.client("lambda"), "bare", PYTHON)
        with at_work(bare, arn, debug={"port": port}) as line:
            assert line.event() == {"state": "ready", "fault": None}
            Dap(port, "/here").close()


def test_where_nothing_inside_may_listen_debugging_is_refused(
    node: RunningNode, client: Any, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = deploy(client, "deaf", PYTHON)
    monkeypatch.setattr(node.node.workshop, "can_debug", False)
    assert refused(node, arn, debug={"port": port})[0] == 400
