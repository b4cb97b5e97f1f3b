"""Telemetry in real sandboxes: real extensions subscribe, and get what AWS's extensions would get."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.test_extensions import CLIENT, ECHO, said, stopped, with_extensions
from tests.environments.test_in_sandboxes import confined
from tests.environments.world import World, until
from wakeful import limits
from wakeful.environments.pool import Bounds

pytestmark = pytest.mark.slow

SUBSCRIBER = (
    CLIENT
    + """
import http.server, socketserver, threading
TELEMETRY, LOGS = "/2022-07-01/telemetry", "/2020-08-15/logs"
def got(records):
    for record in records:
        print("got", NAME, json.dumps(record), flush=True)
class Listener(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        got(json.loads(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *words):
        pass
def listen(port, host="127.0.0.1"):
    server = http.server.ThreadingHTTPServer((host, port), Listener)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
def put(path, me, body):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request("PUT", path, body if isinstance(body, str) else json.dumps(body),
                       {"Lambda-Extension-Identifier": me})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())
def subscribe(me, types, path=TELEMETRY, version="2022-12-13", port=8080, timeout=25, **more):
    where = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:%d" % port}
    return put(path, me, {"schemaVersion": version, "types": types, "destination": where,
                          "buffering": {"timeoutMs": timeout}, **more})
def serve(me):
    while next_event(me)["eventType"] != "SHUTDOWN":
        pass
"""
)

WATCHER = (
    SUBSCRIBER
    + """
listen(8080)
say("early")
me, _ = register("INVOKE", "SHUTDOWN")
assert subscribe(me, ["platform", "function"]) == (200, "OK")
serve(me)
"""
)


def got(world: World, name: str) -> list[dict[str, Any]]:
    start = f"got {name} "
    return [json.loads(line.removeprefix(start)) for line in world.lines if line.startswith(start)]


def kinds(records: Iterable[dict[str, Any]]) -> list[str]:
    return [record["type"] for record in records]


async def reported(world: World, name: str, count: int = 1) -> list[dict[str, Any]]:
    """What it got, once it has so many reports."""
    await until(lambda: kinds(got(world, name)).count("platform.report") >= count)
    return got(world, name)


def record(records: list[dict[str, Any]], kind: str) -> Any:
    """The only one of its kind."""
    (found,) = [each["record"] for each in records if each["type"] == kind]
    return found


@pytest.mark.parametrize("isolation", ["auto", "none"])
async def test_a_subscriber_gets_init_and_every_invocation_in_order(make_world: MakeWorld, isolation: str) -> None:
    async with confined(make_world, isolation) as world:
        files = {"app.py": "print('imported')\n" + ECHO["app.py"]}
        version = with_extensions(world, {"watcher": WATCHER}, files)
        invocation = world.invocation({"a": 1})
        outcome = await world.pool.invoke(version, invocation)
        records = await reported(world, "watcher")
        assert kinds(records)[0] == "platform.initStart"
        assert kinds(records)[-6:-4] == ["platform.extension", "platform.initReport"]
        # The runtime starts as soon as extensions have registered, and may be ready before they subscribe.
        early = ["function", "platform.initRuntimeDone", "platform.telemetrySubscription"]
        assert sorted(kinds(records)[1:-6]) == early
        assert kinds(records)[-4:] == ["platform.start", "function", "platform.runtimeDone", "platform.report"]
        assert "TELEMETRY\tName: watcher\tState: Subscribed\tTypes: [Platform, Function]\n" in world.lines
        init = {"initializationType": "on-demand", "phase": "init"}
        start = record(records, "platform.initStart")
        assert start.items() >= {**init, "functionName": version.name, "functionVersion": "$LATEST"}.items()
        assert start["runtimeVersion"].startswith("python:3.11")
        subscribed = {"name": "watcher", "state": "Subscribed", "types": ["platform", "function"]}
        assert record(records, "platform.telemetrySubscription") == subscribed
        extension = {"name": "watcher", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}
        assert record(records, "platform.extension") == extension
        assert record(records, "platform.initRuntimeDone") == {**init, "status": "success"}
        assert record(records, "platform.initReport")["metrics"]["durationMs"] > 0
        assert [each["record"] for each in records if each["type"] == "function"] == ["imported\n", "handled\n"]
        assert invocation.trace is not None
        tracing = {"type": "X-Amzn-Trace-Id", "value": invocation.trace.header}
        request_id = invocation.request_id
        begun = {"requestId": request_id, "version": "$LATEST", "tracing": tracing}
        assert record(records, "platform.start") == begun
        done = record(records, "platform.runtimeDone")
        assert (done["requestId"], done["status"], done["tracing"]) == (request_id, "success", tracing)
        assert [span["name"] for span in done["spans"]] == ["responseLatency", "responseDuration", "runtimeOverhead"]
        assert done["metrics"]["producedBytes"] == len(outcome.payload)
        told = record(records, "platform.report")
        assert (told["requestId"], told["status"], told["tracing"]) == (request_id, "success", tracing)
        assert told["metrics"].keys() == {
            *("durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs")
        }
        final = outcome if outcome.final is None else await outcome.final
        assert told["metrics"]["billedDurationMs"] == final.billed_ms
        assert [span["name"] for span in told["spans"]] == ["extensionOverhead"]


async def test_behind_landlock_a_subscription_is_refused_by_name(make_world: MakeWorld) -> None:
    tries = SUBSCRIBER + "me, _ = register()\nsay('told', *subscribe(me, ['platform']))\nnext_event(me)\n"
    async with confined(make_world, "C") as world:
        await world.answer(with_extensions(world, {"tries": tries}))
        (told,) = [line for line in world.lines if line.startswith("tries told ")]
        assert "400 {'errorMessage': \"Wakeful has no Telemetry API where" in told


async def test_the_environment_has_the_name_at_which_extensions_listen(make_world: MakeWorld) -> None:
    watcher = WATCHER.replace("listen(8080)", "listen(8080, 'sandbox.localdomain')")
    async with confined(make_world) as world:
        if world.isolation not in ("A", "B"):
            pytest.skip("for sandboxes with a file tree of their own")
        await world.answer(with_extensions(world, {"watcher": watcher}))
        await reported(world, "watcher")


async def test_json_records_are_objects_from_the_schema_on_that_has_them(make_world: MakeWorld) -> None:
    programs = {
        name: SUBSCRIBER
        + f"listen({port})\nme, _ = register('INVOKE', 'SHUTDOWN')\n"
        + f"assert subscribe(me, ['platform', 'function'], version={version!r}, port={port})[0] == 200\nserve(me)\n"
        for name, version, port in (("new", "2025-01-29", 8080), ("old", "2022-07-01", 8081))
    }
    files = {"app.py": "def handler(event, context):\n    print('{\"message\": \"hello\"}')\n    print('plain')\n"}
    async with confined(make_world) as world:
        version = with_extensions(world, programs, files, log_format="JSON")
        await world.answer(version)
        for name, first in (("new", {"message": "hello"}), ("old", '{"message": "hello"}\n')):
            records = await reported(world, name)
            assert [each["record"] for each in records if each["type"] == "function"] == [first, "plain\n"]
        subscribed = [json.loads(line) for line in world.lines if line.startswith('{"time"')]
        assert {"name": "new", "state": "Subscribed", "types": ["platform", "function"]} in [
            each["record"] for each in subscribed if each.get("type") == "platform.telemetrySubscription"
        ]


async def test_the_older_api_has_its_own_events(make_world: MakeWorld) -> None:
    older = (
        SUBSCRIBER
        + """
listen(8080)
me, _ = register("INVOKE", "SHUTDOWN")
assert subscribe(me, ["platform", "extension"], LOGS, "2021-03-18") == (200, "OK")
say("told of itself")
serve(me)
"""
    ).replace('print("got", NAME', 'NAME != "older" or print("got", NAME')
    files = {"app.py": "def handler(event, context):\n    if event: raise ValueError(event)\n"}
    async with confined(make_world) as world:
        version = with_extensions(world, {"older": older.replace("for record in records:", ONLY)}, files)
        invocation = world.invocation("x")
        await world.pool.invoke(version, invocation)
        records = await reported(world, "older")
        assert [kind for kind in kinds(records) if kind != "extension"] == [
            *("platform.logsSubscription", "platform.extension", "platform.start", "platform.runtimeDone"),
            *("platform.end", "platform.report"),
        ]
        request_id = invocation.request_id
        assert record(records, "platform.start") == {"requestId": request_id, "version": "$LATEST"}
        assert record(records, "platform.runtimeDone") == {"requestId": request_id, "status": "failure"}
        assert record(records, "platform.end") == {"requestId": request_id}
        assert record(records, "platform.report").keys() == {"requestId", "metrics"}
        assert record(records, "extension") == "older told of itself\n"
        assert "LOGS\tName: older\tState: Subscribed\tTypes: [Platform, Extension]\n" in world.lines


ONLY = "for record in (each for each in records if not str(each['record']).startswith('got ')):"
"""Or it would hear of what it prints about what it heard, and so on."""


async def test_lines_over_tcp_and_several_extensions(make_world: MakeWorld) -> None:
    tcp = (
        SUBSCRIBER
        + """
server = socketserver.TCPServer(("127.0.0.1", 9999), None, bind_and_activate=True)
def read():
    stream = server.socket.accept()[0].makefile("rb")
    for line in stream:
        got([json.loads(line)])
threading.Thread(target=read, daemon=True).start()
me, _ = register("INVOKE", "SHUTDOWN")
assert subscribe(me, ["platform", "function"], destination={"protocol": "TCP", "port": 9999}) == (200, "OK")
serve(me)
"""
    )
    async with confined(make_world) as world:
        version = with_extensions(world, {"tcp": tcp, "watcher": WATCHER})
        await world.answer(version)
        lines, batches = await reported(world, "tcp"), await reported(world, "watcher")
        assert kinds(lines)[0] == "platform.initStart"
        begun = kinds(lines).index("platform.start")
        assert lines[begun:] == batches[kinds(batches).index("platform.start") :]


async def test_an_internal_extension_subscribes_too_and_init_ends_the_time_for_it(make_world: MakeWorld) -> None:
    program = SUBSCRIBER.partition("\n")[2].replace("os.path.basename(sys.argv[0])", "'inside'")
    files = {
        "app.py": program
        + """
listen(8080)
me, _ = register("INVOKE")
assert subscribe(me, ["platform"]) == (200, "OK")
def loop():
    events = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        events.request("GET", "/2020-01-01/extension/event/next", headers={"Lambda-Extension-Identifier": me})
        events.getresponse().read()
threading.Thread(target=loop, daemon=True).start()
def handler(event, context):
    return subscribe(me, ["function"])
"""
    }
    async with confined(make_world) as world:
        early = await world.invoke(world.version(files, memory_mb=512))
        assert json.loads(early.payload) == [
            403,
            {
                "errorMessage": "Telemetry API subscription is closed already",
                "errorType": "Telemetry.SubscriptionClosed",
            },
        ]
        assert "platform.report" in kinds(await reported(world, "inside"))


async def test_a_frozen_sandbox_gets_nothing_until_it_runs_again(make_world: MakeWorld) -> None:
    slow = WATCHER.replace('["platform", "function"]', '["platform"], timeout=400')
    async with confined(make_world, bounds=Bounds(freeze_after_s=0.01)) as world:
        version = with_extensions(world, {"watcher": slow})
        await world.answer(version)
        (environment,) = world.pool._environments
        await until(lambda: environment.state.value == "frozen")
        process = environment._process
        assert process is not None
        await until(lambda: not process.telemetry._wakefulness.is_on.is_set())
        before = len(got(world, "watcher"))
        process.telemetry.restore_starts("while it is frozen")
        process.telemetry.flush()
        (subscriber,) = process.telemetry._subscribers.values()
        assert not subscriber.is_idle.is_set()
        for _ in range(200):  # it is frozen again a moment after each, and on a busy machine that may be too soon
            await world.answer(version)
            if "platform.restoreStart" in kinds(got(world, "watcher"))[before:]:
                return
        raise AssertionError("what waited was never delivered")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, extensions hear all before they end."""
    monkeypatch.setattr(limits, "TELEMETRY_LAST_S", 20.0)
    monkeypatch.setattr(limits, "SHUTDOWN_EXTERNAL_S", 30.0)


@pytest.mark.parametrize(
    ("handler", "status", "error_type", "words"),
    [
        ("import os; os._exit(1)", "failure", "Runtime.ExitError", "Runtime exited with error: exit status 1"),
        ("import time; time.sleep(60)", "timeout", None, "Task timed out after 0.50 seconds"),
    ],
)
async def test_how_it_ended_is_told_before_the_end(
    make_world: MakeWorld,
    patient: None,
    handler: str,
    status: str,
    error_type: str | None,
    words: str,
) -> None:
    program = WATCHER + "say('ends')\n"
    older = program.replace("8080", "8081").replace(
        '["platform", "function"]', '["platform"], LOGS, "2020-08-15", 8081'
    )
    files = {"app.py": f"def handler(event, context):\n    print('about to', flush=True)\n    {handler}\n"}
    async with confined(make_world) as world:
        version = with_extensions(
            world, {"watcher": program, "older": older}, files, timeout_s=0.5 if status == "timeout" else 10.0
        )
        invocation = world.invocation()
        assert (await world.pool.invoke(version, invocation)).error == "Unhandled"
        ends = world.lines.index("watcher ends\n")
        records = [
            json.loads(line.removeprefix("got watcher "))
            for line in world.lines[:ends]
            if line.startswith("got watcher ")
        ]
        assert kinds(records)[-3:] == ["function", "platform.runtimeDone", "platform.report"]
        done = record(records, "platform.runtimeDone")
        assert (done["status"], done.get("errorType")) == (status, error_type)
        assert "spans" not in done
        told = record(records, "platform.report")
        assert (told["status"], told.get("errorType")) == ("timeout" if status == "timeout" else "error", error_type)
        assert record(got(world, "older"), "platform.fault") == f"RequestId: {invocation.request_id} {words}"


AFTER_SUBSCRIPTION = """
import os, time
while not os.path.exists("/tmp/subscribed"):
    time.sleep(0.001)
"""


async def test_an_init_that_is_repeated_is_told_as_such(make_world: MakeWorld, patient: None) -> None:
    async with confined(make_world) as world:
        if world.isolation not in ("A", "B"):
            pytest.skip("for sandboxes with a /tmp of their own")
        files = {"app.py": AFTER_SUBSCRIPTION + "raise RuntimeError('no')\n"}
        watcher = WATCHER.replace("\nserve(me)", "\nopen('/tmp/subscribed', 'w')\nserve(me)")
        outcome = await world.invoke(with_extensions(world, {"watcher": watcher}, files))
        assert outcome.error == "Unhandled"
        records = got(world, "watcher")
        starts = [each["record"]["phase"] for each in records if each["type"] == "platform.initStart"]
        assert starts == ["init", "invoke"]
        for kind in ("platform.initRuntimeDone", "platform.initReport"):
            ends = [each["record"] for each in records if each["type"] == kind]
            assert [(end["phase"], end["status"]) for end in ends] == [("init", "error"), ("invoke", "error")]
            assert all(end["errorType"] == "Runtime.Unknown" for end in ends)


async def test_where_nobody_subscribed_nothing_is_left_of_it(make_world: MakeWorld) -> None:
    idle = CLIENT + "me, _ = register('INVOKE')\nwhile True: next_event(me)\n"
    async with confined(make_world) as world:
        version = with_extensions(world, {"idle": idle})
        await world.answer(version)
        (environment,) = world.pool._environments
        assert environment._journal.telemetry is None
        assert environment._process is not None
        assert environment._process.api.host is environment


async def test_who_subscribes_and_never_reads_holds_up_nobody(make_world: MakeWorld) -> None:
    deaf = (
        SUBSCRIBER
        + """
import socket
deaf = socket.create_server(("127.0.0.1", 8081))
me, _ = register("INVOKE")
assert subscribe(me, ["platform", "function"], port=8081, buffering={"maxItems": 1000, "timeoutMs": 25}) == (200, "OK")
while True:
    next_event(me)
"""
    )
    loud = {
        "app.py": "def handler(event, context):\n    for _ in range(40): print('x\\n' * 1000, end='')\n    return 1\n"
    }
    async with confined(make_world) as world:
        version = with_extensions(world, {"deaf": deaf, "watcher": WATCHER}, loud)
        other = world.version(ECHO)
        await world.answer(other, 1)
        for _ in range(3):
            await world.answer(version)
            await world.answer(other, 1)
            await until(lambda: world.pool.counts.idle == 2)
        telemetry = next(
            each._journal.telemetry for each in world.pool._environments if each._journal.telemetry is not None
        )
        buffer = telemetry._subscribers["deaf"].buffer
        assert len(buffer) <= 2000
        assert buffer._lost_records > 100_000
        assert telemetry._room.left_bytes >= 0
        await stopped(world)
        assert telemetry._room.left_bytes == limits.TELEMETRY_WAITING_BYTES_MAX


async def test_an_extension_cannot_send_the_node_elsewhere(make_world: MakeWorld) -> None:
    tries = (
        SUBSCRIBER
        + """
me, _ = register()
def points_at(where):
    return subscribe(me, ["platform"], destination={"protocol": "HTTP", "URI": where})
ports = {os.environ[name].rpartition(":")[2] for name in ("AWS_LAMBDA_RUNTIME_API", "AWS_ENDPOINT_URL")} | {"4566"}
hosts = ["example.com:80", "169.254.169.254:80", "127.0.0.1:8080", "sandbox.localdomain.example.com:80"]
found = [points_at("http://" + host) for host in hosts + ["sandbox.localdomain:" + port for port in sorted(ports)]]
say("found", json.dumps([[status, answer["errorType"]] for status, answer in found]))
next_event(me)
"""
    )
    for isolation in ("auto", "none"):
        async with confined(make_world, isolation) as world:
            await world.answer(with_extensions(world, {"tries": tries}))
            (found,) = said(world, "tries", "found")
            assert len(found) >= 6
            assert {tuple(each) for each in found} == {(400, "ValidationError")}


async def test_a_restore_is_told(make_world: MakeWorld) -> None:
    async with confined(make_world) as world:
        version = with_extensions(world, {"watcher": WATCHER}, is_snap_start=True, version="1")
        await world.pool.park(version)
        await world.answer(version)
        records = await reported(world, "watcher")
        restored = [kind for kind in kinds(records) if "estore" in kind]
        assert restored == ["platform.restoreStart", "platform.restoreRuntimeDone", "platform.restoreReport"]
        assert record(records, "platform.initStart")["initializationType"] == "snap-start"
        assert record(records, "platform.initReport")["status"] == "success"
        assert record(records, "platform.restoreStart")["functionVersion"] == "1"
        assert record(records, "platform.restoreReport")["metrics"]["durationMs"] > 0
        assert record(records, "platform.report")["metrics"]["restoreDurationMs"] > 0
