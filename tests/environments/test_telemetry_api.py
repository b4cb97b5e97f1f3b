"""The Telemetry and the Logs API as extensions see them: who may subscribe, when, and what they are told."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Coroutine
from typing import Any, Self

import pytest

from tests.environments.test_extensions_api import register
from tests.environments.test_runtime_api import VERSION, Client, Server, error
from wakeful import limits, names
from wakeful.clock import Clock
from wakeful.environments import telemetry_request
from wakeful.environments.telemetry import Telemetry
from wakeful.environments.telemetry_api import TelemetryApi
from wakeful.environments.telemetry_request import TELEMETRY as TELEMETRY_API
from wakeful.environments.telemetry_request import Api

TELEMETRY, LOGS = "/2022-07-01/telemetry", "/2020-08-15/logs"
WHERE = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"}
BODY = {"schemaVersion": "2022-12-13", "types": ["function"], "destination": WHERE}


class Subscribing(Server):
    """A Runtime API with both, beside an extension `a`."""

    def __init__(self, *, can_listen: bool = True) -> None:
        super().__init__("a")
        self._can_listen = can_listen

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.heard: list[tuple[str, str, tuple[str, ...], bool]] = []
        self.telemetry = Telemetry(VERSION, Clock(), self._connector, self._spawn, is_provisioned=False)

        def told(api: Api, name: str, types: tuple[str, ...], is_new: bool) -> None:
            self.heard.append((api.name, name, types, is_new))

        self.api.routes.append(
            TelemetryApi(self.telemetry, self.api.extensions, lambda: {self.port}, told, can_listen=self._can_listen)
        )
        self.client_a, header = await register(self, "a")
        self.me = f"Lambda-Extension-{header}"
        return self

    async def __aexit__(self, *error: Any) -> None:
        self.telemetry.close()
        self.telemetry.close()
        await super().__aexit__(*error)

    async def _connector(self) -> socket.socket:
        raise ConnectionAbortedError

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    async def put(self, path: str = TELEMETRY, *, me: str | None = None, **more: Any) -> tuple[int, Any]:
        version = "2022-12-13" if path.startswith(TELEMETRY) else "2021-03-18"
        body = {"schemaVersion": version, "types": ["platform"], "destination": WHERE, **more}
        return await ask(self.client_a, "PUT", path, body, self.me if me is None else me)


async def ask(client: Client, method: str, path: str, body: Any, *headers: str) -> tuple[int, Any]:
    status, answer = await client.ask(method, path, json.dumps(body).encode(), *[each for each in headers if each])
    return status, json.loads(answer) if answer else None


@pytest.mark.parametrize("path", [TELEMETRY, TELEMETRY + "/", LOGS, LOGS + "/"])
async def test_a_subscription_is_answered_and_told(path: str) -> None:
    async with Subscribing() as server:
        assert await server.put(path) == (200, "OK")
        assert server.heard == [("Telemetry" if path.startswith(TELEMETRY) else "Logs", "a", ("platform",), True)]
        assert server.telemetry.is_wanted


async def test_the_same_again_changes_nothing_and_another_replaces_it() -> None:
    async with Subscribing() as server:
        await server.put()
        assert await server.put() == (200, "AlreadySubscribed")
        (first,) = server.telemetry._subscribers.values()
        assert await server.put(types=["function"]) == (200, "OK")
        (second,) = server.telemetry._subscribers.values()
        assert second is not first
        assert second.subscription.types == ("function",)
        assert first.buffer.is_empty
        left_bytes = limits.TELEMETRY_WAITING_BYTES_MAX
        assert server.telemetry._room.left_bytes == left_bytes  # it wants nothing of what there was
        assert [is_new for *_, is_new in server.heard] == [True, False, True]


async def test_who_has_one_of_the_apis_does_not_get_the_other() -> None:
    async with Subscribing() as server:
        await server.put(LOGS)
        status, body = await server.put(TELEMETRY)
        message = (
            "The extension a is already subscribed to the LogsAPI. "
            "You must either subscribe to the LogsAPI or the TelemetryAPI"
        )
        assert (status, body) == (400, error("Telemetry.AccessDenied", message))


async def test_after_init_nobody_subscribes() -> None:
    async with Subscribing() as server:
        await server.put()
        server.telemetry.init_ends(None, 1.0)
        for path, name in ((TELEMETRY, "Telemetry"), (LOGS, "Logs")):
            closed = error(f"{name}.SubscriptionClosed", f"{name} API subscription is closed already")
            assert await server.put(path) == (403, closed)
        assert len(server.heard) == 1


@pytest.mark.parametrize(("path", "kind"), [(TELEMETRY, "ValidationError"), (LOGS, "Logs.ValidationError")])
async def test_what_is_wrong_with_it_is_said(path: str, kind: str) -> None:
    async with Subscribing() as server:
        where = {"protocol": "HTTP", "URI": "http://sandbox.localdomain"}
        said = "URI port is not provided; types should not be empty"
        assert await server.put(path, types=[], destination=where) == (400, error(kind, said))
        for uri in ("http://example.com:80", "http://169.254.169.254:80", f"http://127.0.0.1:{server.port}"):
            status, body = await server.put(path, destination={"protocol": "HTTP", "URI": uri})
            assert (status, body) == (400, error(kind, "URI host should be sandbox.localdomain"))
        ours = {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{server.port}"}
        status, body = await server.put(path, destination=ours)
        assert (status, body) == (400, error(kind, f"URI port {server.port} is reserved"))
        assert not server.telemetry.is_wanted


async def test_who_subscribes_has_to_say_who_it_is() -> None:
    async with Subscribing() as server:
        status, body = await server.put(me="")
        missing = error("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
        assert (status, body) == (403, missing)
        status, body = await server.put(me="Lambda-Extension-Identifier: me")
        invalid = error("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
        assert (status, body) == (403, invalid)
        somebody = names.new_uuid()
        status, body = await server.put(me=f"Lambda-Extension-Identifier: {somebody}")
        unknown = error("Extension.UnknownExtensionIdentifier", f"Unknown extension {somebody}")
        assert (status, body) == (403, unknown)


async def test_there_is_one_method_and_nothing_below() -> None:
    async with Subscribing() as server:
        assert (await server.client_a.ask("POST", TELEMETRY, b"{}", server.me))[0] == 405
        assert (await server.client_a.ask("PUT", TELEMETRY + "/x", b"{}", server.me))[0] == 404


async def test_where_no_extension_can_listen_it_is_refused_by_name() -> None:
    async with Subscribing(can_listen=False) as server:
        status, body = await server.put()
        assert (status, body["errorType"]) == (400, "NotImplemented")
        assert "Telemetry API" in body["errorMessage"]


async def test_what_there_was_before_comes_too_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TELEMETRY_HISTORY_BYTES_MAX", 1000)
    async with Subscribing() as server:
        server.telemetry.init_starts("python:3.11.v1", "init")
        server.telemetry.printed(["x" * 100 + "\n"] * 20, 0.0, by_extension=False)
        await server.put(types=["platform", "function"])
        (subscriber,) = server.telemetry._subscribers.values()
        waiting = [record for _, _, record in subscriber.buffer._waiting]
        kinds = [record.kind for record in waiting]
        assert kinds[:1] + kinds[-2:] == [
            "platform.initStart",
            "platform.logsDropped",
            "platform.telemetrySubscription",
        ]
        assert json.loads(waiting[-2].text)["droppedRecords"] == 20 - kinds.count("function") > 10


async def test_who_waits_for_deliveries_is_let_go_when_the_sandbox_is_closed() -> None:
    async with Subscribing() as server:
        for name in ("a", "b"):
            wanted = telemetry_request.read(TELEMETRY_API, json.dumps(BODY).encode(), ())
            server.telemetry.subscribe(name, wanted)
        server.telemetry.printed(["said"], 1.0, by_extension=False)
        waiting = asyncio.ensure_future(server.telemetry.delivered())
        await asyncio.sleep(0)
        assert not waiting.done()
        server.telemetry.close()
        await asyncio.wait_for(waiting, 5)
