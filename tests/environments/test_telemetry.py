"""Telemetry in real sandboxes: real extensions subscribe, and get what AWS's extensions would get."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.test_extensions import CLIENT, ECHO, with_extensions
from tests.environments.test_in_sandboxes import confined
from tests.environments.world import World, until

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


async def test_a_subscriber_gets_init_and_every_invocation_in_order(make_world: MakeWorld) -> None:
    async with confined(make_world) as world:
        files = {"app.py": "print('imported')\n" + ECHO["app.py"]}
        version = with_extensions(world, {"watcher": WATCHER}, files)
        invocation = world.invocation(1)
        await world.pool.invoke(version, invocation)
        await until(lambda: "platform.report" in kinds(got(world, "watcher")))
        records = got(world, "watcher")
        assert kinds(records) == [
            "platform.initStart",
            "platform.telemetrySubscription",
            "function",
            "platform.initRuntimeDone",
            "platform.extension",
            "platform.initReport",
            "platform.start",
            "function",
            "platform.runtimeDone",
            "platform.report",
        ]
