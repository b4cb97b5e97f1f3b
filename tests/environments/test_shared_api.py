"""The Runtime API with several events under way: statuses and bodies are AWS's emulator's for managed instances."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

from tests.environments.test_extensions_api import ask, register
from tests.environments.test_runtime_api import NEXT, VERSION, Client, Server, Told, error
from tests.environments.world import until
from wakeful import limits
from wakeful.clock import Clock
from wakeful.environments.extensions_api import ExtensionsApi
from wakeful.environments.faults import Answer
from wakeful.environments.report import Run
from wakeful.environments.shared_api import Exchange, SharedApi
from wakeful.environments.shared_lines import SharedReport, SharedTelemetry
from wakeful.environments.streamed import StreamedResponse
from wakeful.environments.version import Invocation, Sharing

SHARED = replace(VERSION, sharing=Sharing(slots=3), log_format="JSON")
INVOCATION = "/2018-06-01/runtime/invocation/"
LATE = (410, error("InvokeTimeout", "Invoke timeout"))


class SharedServer(Server):
    """A Runtime API for three invocations at a time."""

    def make(self, told: Told) -> SharedApi:
        self.rooms = 0
        self.over: list[tuple[str, bytes]] = []

        def room() -> None:
            self.rooms += 1

        return SharedApi(told, ExtensionsApi(told, SHARED, self._external), 3, room)

    def hand(self, request_id: str, sink: Any = None) -> Exchange:
        def over(exchange: Exchange, answer: Answer | StreamedResponse) -> None:
            self.over.append((exchange.invocation.request_id, answer.payload))

        invocation = Invocation(request_id, b"{}", VERSION.arn, sink=sink)
        outcome: Any = asyncio.get_running_loop().create_future()
        exchange = Exchange(invocation, outcome, over, began=time.monotonic(), started_at=0.0)
        assert isinstance(self.api, SharedApi)
        self.api.hand(exchange, 0)
        return exchange

    async def workers(self, count: int) -> list[Client]:
        """Clients that wait for events, in this order."""
        made = []
        for number in range(count):
            client = await self.client()
            client.send("GET", NEXT)
            made.append(client)
            await until(lambda number=number: len(self.api._parked) == number + 1)
        return made


async def told(client: Client, path: str, body: bytes = b"{}", *headers: str) -> tuple[int, Any]:
    status, answer = await client.ask("POST", INVOCATION + path, body, *headers)
    return status, json.loads(answer)


async def test_each_worker_has_an_event_of_its_own_and_answers_come_in_any_order() -> None:
    async with SharedServer() as server:
        one, two = await server.workers(2)
        assert server.told.heard == [("ready",)]  # with the first
        assert server.rooms == 1
        server.hand("a")
        server.hand("b")
        for client, name in ((one, "a"), (two, "b")):
            status, headers, _ = await client.answer()
            assert (status, headers["Lambda-Runtime-Aws-Request-Id"]) == (200, name)
        assert await told(two, "b/response", b'"2"') == (202, {"status": "OK"})
        assert await told(one, "a/error", b'{"errorType": "E"}') == (202, {"status": "OK"})
        assert server.over == [("b", b'"2"'), ("a", b'{"errorType": "E"}')]
        assert await told(one, "a/response") == (400, error("InvalidRequestID", "Invalid request ID"))
        assert await told(one, "nobody/response") == (400, error("InvalidRequestID", "Invalid request ID"))


async def test_what_comes_too_late_is_told_so_once() -> None:
    async with SharedServer() as server:
        (worker,) = await server.workers(1)
        exchange = server.hand("a")
        await worker.answer()
        assert isinstance(server.api, SharedApi)
        server.api.give_up(exchange)
        assert await told(worker, "a/response") == LATE
        assert await told(worker, "a/response") == (400, error("InvalidRequestID", "Invalid request ID"))
        assert server.over == []


async def test_an_answer_names_the_invocation_it_is_for() -> None:
    async with SharedServer() as server:
        one, two = await server.workers(2)
        first = server.hand("a")
        _, headers, _ = await one.answer()
        before = f"Lambda-Runtime-Invocation-Id: {headers['Lambda-Runtime-Invocation-Id']}"
        assert isinstance(server.api, SharedApi)
        server.api.give_up(first)
        server.hand("a")  # tried again, while the first is still at work
        _, headers, _ = await two.answer()
        now = f"Lambda-Runtime-Invocation-Id: {headers['Lambda-Runtime-Invocation-Id']}"
        assert await told(one, "a/response", b'"old"', before) == LATE
        assert await told(two, "a/response", b'"new"', now) == (202, {"status": "OK"})
        assert server.over == [("a", b'"new"')]


async def test_a_response_that_is_too_large_or_says_nonsense_is_refused() -> None:
    async with SharedServer() as server:
        one, two = await server.workers(2)
        server.hand("a")
        server.hand("b")
        await one.answer()
        await two.answer()
        status, _ = await told(one, "a/response", b"x" * (limits.RESPONSE_BYTES_MAX + 1))
        assert status == 413
        mode = "Lambda-Runtime-Function-Response-Mode: sideways"
        status, document = await told(two, "b/response", b"{}", mode)
        assert (status, document["errorType"]) == (400, "InvalidFunctionResponseMode")
        kinds = [json.loads(payload)["errorType"] for _, payload in server.over]
        assert kinds == ["Function.ResponseSizeTooLarge", "Runtime.InvalidResponseModeHeader"]


async def test_init_fails_once_and_not_after_a_worker_was_ready() -> None:
    async with SharedServer() as server:
        client = await server.client()
        status, _ = await client.ask("POST", "/2018-06-01/runtime/init/error", b"{}")
        again, _ = await client.ask("POST", "/2018-06-01/runtime/init/error", b"{}")
        assert (status, again) == (202, 403)
    async with SharedServer() as server:
        await server.workers(1)
        client = await server.client()
        assert (await client.ask("POST", "/2018-06-01/runtime/init/error", b"{}"))[0] == 403


async def test_extensions_hear_of_the_end_and_of_no_invocation() -> None:
    async with SharedServer("a") as server:
        client = await server.client()
        status, _, body = await ask(client, "POST", "register", {"events": ["INVOKE", "SHUTDOWN"]}, "Name: a")
        assert (status, body["errorType"]) == (403, "Extension.InvalidEventType")
        status, _, body = await ask(client, "POST", "register", {"events": ["INVOKE"]}, "Name: internal")
        assert (status, body["errorMessage"]) == (403, "No events allowed for internal extensions")
        await register(server, "a", "SHUTDOWN")


async def test_telemetry_tells_invocations_that_overlap_each_by_itself() -> None:
    told: list[tuple[str, Any]] = []

    async def nowhere() -> Any:
        raise ConnectionAbortedError

    telemetry = SharedTelemetry(SHARED, Clock(), nowhere, asyncio.get_running_loop().create_task, False)
    telemetry._platform = lambda kind, record: told.append((kind, record))  # type: ignore[method-assign]
    telemetry.init_starts("release", "init")
    for name in ("a", "b"):
        telemetry.starts(Invocation(name, b"{}", VERSION.arn))
    for name in ("b", "a"):
        telemetry.ends(Run(name, 1.5, 0, 2048, 20, None, "success", None))
    assert [kind for kind, _ in told] == ["platform.initStart", *["platform.start"] * 2, *["platform.report"] * 2]
    assert told[0][1]["initializationType"] == "lambda-managed-instances"
    assert [record["requestId"] for _, record in told[1:]] == ["a", "b", "b", "a"]
    assert told[-1][1] == {"requestId": "a", "status": "success", "metrics": {"durationMs": 1.5}}


def test_the_log_has_no_lines_below_its_level() -> None:
    quiet = SharedReport(replace(SHARED, system_log_level="WARN"))
    assert quiet.initialised(0.0, 1.0) == quiet.end(0.0, Run("a", 1.0, 0, 2048, 1, None, "success", None)) == []
    (line,) = quiet.end(0.0, Run("a", 1.0, 0, 2048, 1, None, "timeout", "Sandbox.Timedout"))
    assert json.loads(line)["record"]["errorType"] == "Sandbox.Timedout"
