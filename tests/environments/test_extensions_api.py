"""The Extensions API as extensions see it: states, statuses and messages are those of AWS's own emulator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.environments.test_runtime_api import NEXT, TRACE, Client, Server, error
from tests.environments.world import until
from wakeful import limits, names
from wakeful.environments.extensions_api import Stage
from wakeful.environments.version import Invocation

ROOT = "/2020-01-01/extension/"


async def ask(
    client: Client, method: str, verb: str, body: Any = None, *headers: str
) -> tuple[int, dict[str, str], Any]:
    send(client, method, verb, body, *headers)
    status, answered, document = await client.answer()
    return status, answered, json.loads(document) if document else None


def send(client: Client, method: str, verb: str, body: Any = None, *headers: str) -> None:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    client.send(method, ROOT + verb, payload, *(f"Lambda-Extension-{header}" for header in headers))


async def register(server: Server, name: str, *events: str) -> tuple[Client, str]:
    """A registered extension: its connection, and the header with its identifier."""
    client = await server.client()
    status, headers, body = await ask(client, "POST", "register", {"events": events}, f"Name: {name}")
    assert status == 200, body
    return client, f"Identifier: {headers['Lambda-Extension-Identifier']}"


async def waiting(server: Server, name: str, *events: str) -> tuple[Client, str]:
    """An extension that waits for an event."""
    client, me = await register(server, name, *events)
    send(client, "GET", "event/next", None, me)
    await until(lambda: server.api.extensions.members[name].stage is Stage.READY)
    return client, me


def refused(start: str, end: str, who: str) -> dict[str, str]:
    return error(
        "Extension.InvalidExtensionState",
        f"State transition from {start} to {end} failed for extension {who.removeprefix('Identifier: ')}. "
        "Error: State transition is not allowed",
    )


async def test_a_registration_tells_about_the_function_and_the_account_if_asked() -> None:
    async with Server("a", "b") as server:
        client = await server.client()
        about = {"functionName": "f", "functionVersion": "7", "handler": "f.handler"}
        status, headers, body = await ask(client, "POST", "register", {"events": ["INVOKE"]}, "Name: a")
        assert (status, body) == (200, about)
        assert names.new_uuid().count("-") == headers["Lambda-Extension-Identifier"].count("-")
        assert server.told.heard == []
        features = "Accept-Feature: other, accountId"
        _, _, body = await ask(client, "POST", "register", {"events": []}, "Name: b", features)
        assert body == {**about, "accountId": "000000000000"}
        assert server.told.heard == [("extensions registered",)]


async def test_init_waits_for_every_extension_and_an_invocation_for_those_who_hear_of_it() -> None:
    async with Server("hears", "does-not") as server:
        hears, me = await waiting(server, "hears", "INVOKE", "SHUTDOWN")
        assert server.api.extensions.awaited
        await waiting(server, "does-not")
        assert server.told.heard[-1] == ("extensions ready",)
        runtime = await server.ready()
        invocation = Invocation("id", b"{}", "arn:f", TRACE)
        server.api.extensions.invoke(invocation, 1234)
        server.api.give(invocation, 1234)
        _, headers, body = await hears.answer()
        assert json.loads(body) == {
            "eventType": "INVOKE",
            "deadlineMs": 1234,
            "requestId": "id",
            "invokedFunctionArn": "arn:f",
            "tracing": {"type": "X-Amzn-Trace-Id", "value": TRACE.header},
        }
        assert headers["Lambda-Extension-Event-Identifier"]
        await runtime.answer()
        assert [member.name for member in server.api.extensions.awaited] == ["hears"]
        send(hears, "GET", "event/next", None, me)
        await until(lambda: server.told.heard[-1] == ("extensions ready",))


async def test_the_end_is_told_to_external_extensions_that_want_to_know_even_if_they_ask_late() -> None:
    async with Server("now", "late", "indifferent") as server:
        now, _ = await waiting(server, "now", "SHUTDOWN")
        late, me = await register(server, "late", "SHUTDOWN")
        await waiting(server, "indifferent", "INVOKE")
        server.api.extensions.shut_down("timeout", 99)
        told = {"eventType": "SHUTDOWN", "deadlineMs": 99, "shutdownReason": "timeout"}
        assert json.loads((await now.answer())[2]) == told
        assert (await ask(late, "GET", "event/next", None, me))[2] == told
        assert server.api.extensions.members["indifferent"].stage is Stage.READY


async def test_internal_extensions_register_until_init_is_over_and_not_for_the_end() -> None:
    async with Server() as server:
        client, me = await register(server, "inside", "INVOKE")
        answer = await ask(client, "POST", "register", {"events": ["INVOKE", "SHUTDOWN"]}, "Name: other")
        kind = "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"
        assert (answer[0], answer[2]) == (403, error("Extension.InvalidEventType", kind))
        answer = await ask(client, "POST", "register", {"events": []}, "Name: inside")
        message = "Extension with this name already registered"
        assert (answer[0], answer[2]) == (403, error("Extension.InvalidExtensionState", message))
        send(client, "GET", "event/next", None, me)
        await server.ready()
        late = await server.client()
        answer = await ask(late, "POST", "register", {"events": []}, "Name: late")
        message = "Extension registration closed already"
        assert (answer[0], answer[2]) == (403, error("Extension.RegistrationClosed", message))


async def test_there_are_ten_extensions_and_no_more() -> None:
    async with Server(*(f"e{number}" for number in range(limits.EXTENSIONS_MAX - 1))) as server:
        client, _ = await register(server, "the tenth")
        status, _, body = await ask(client, "POST", "register", {"events": []}, "Name: the eleventh")
        assert (status, body) == (403, error("Extension.TooManyExtensions", "Extension limit (10) reached"))


@pytest.mark.parametrize(
    ("headers", "body", "kind", "message"),
    [
        ((), {"events": []}, "Extension.InvalidExtensionName", "Empty extension name"),
        (("Name: a",), {"events": ["SLEEP"]}, "Extension.InvalidEventType", "SLEEP: ErrorInvalidEventType"),
        (
            ("Name: a",),
            {"configurationKeys": ["k"]},
            "InvalidRequestFormat",
            "configurationKeys are deprecated; use environment variables instead",
        ),
        (("Name: a",), [], "InvalidRequestFormat", "a registration is a JSON object"),
        (("Name: a",), {"events": [1]}, "InvalidRequestFormat", "events are a list of strings"),
        (("Name: a",), b"{", "InvalidRequestFormat", None),
        (("Name: a",), b"\xff", "InvalidRequestFormat", None),
    ],
)
async def test_what_is_no_registration_is_refused(
    headers: tuple[str, ...], body: Any, kind: str, message: str | None
) -> None:
    async with Server("a") as server:
        status, _, answer = await ask(await server.client(), "POST", "register", body, *headers)
        assert (status, answer["errorType"]) == (403, kind)
        assert message is None or answer["errorMessage"] == message
        assert server.api.extensions.members["a"].stage is Stage.STARTED


@pytest.mark.parametrize(("method", "verb"), [("GET", "event/next"), ("POST", "init/error"), ("POST", "exit/error")])
async def test_who_asks_has_to_say_who_it_is(method: str, verb: str) -> None:
    async with Server() as server:
        client = await server.client()
        status, _, body = await ask(client, method, verb)
        missing = error("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
        assert (status, body) == (403, missing)
        status, _, body = await ask(client, method, verb, None, "Identifier: me")
        invalid = error("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
        assert (status, body) == (403, invalid)
        somebody = names.new_uuid()
        fault = "Function-Error-Type: Extension.X"
        status, _, body = await ask(client, method, verb, None, f"Identifier: {somebody}", fault)
        unknown = f"Unknown extension {somebody}" if method == "GET" else "Unknown Lambda-Extension-Identifier"
        assert (status, body) == (403, error("Extension.UnknownExtensionIdentifier", unknown))


async def test_the_first_fault_that_an_extension_reports_is_the_one() -> None:
    async with Server("a", "b") as server:
        api = server.api.extensions
        client, me = await register(server, "a")
        status, _, body = await ask(client, "POST", "init/error", None, me)
        missing = error("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
        assert (status, body) == (403, missing)
        for kind in ("Extension.NoKey", "Extension.Other"):
            status, _, body = await ask(client, "POST", "init/error", {}, me, f"Function-Error-Type: {kind}")
            assert (status, body) == (202, {"status": "OK"})
        assert (api.members["a"].error_type, api.first_fault) == ("Extension.NoKey", "Extension.InitError")
        assert (await ask(client, "GET", "event/next", None, me))[2] == refused("InitError", "Ready", me)
        other, them = await register(server, "b")
        reported = await ask(other, "POST", "exit/error", {}, them, "Function-Error-Type: Extension.Bad")
        assert reported[0] == 202
        assert api.exited("b") == "Extension.InitError"
        assert api.members["b"].stage is Stage.EXIT_ERROR
        refusal = await ask(other, "POST", "init/error", {}, them, "Function-Error-Type: Extension.Bad")
        assert refusal[2] == refused("ExitError", "InitError", them)


async def test_an_external_extension_registers_once() -> None:
    async with Server("a") as server:
        client, _ = await register(server, "a")
        _, _, body = await ask(client, "POST", "register", {"events": []}, "Name: a")
        assert body == refused("Registered", "Registered", "a")


async def test_who_waits_asks_again_only_if_its_connection_broke() -> None:
    async with Server("a") as server:
        first, me = await waiting(server, "a", "INVOKE")
        second = await server.client()
        assert (await ask(second, "GET", "event/next", None, me))[2] == refused("Ready", "Ready", me)
        first.writer.close()
        await until(lambda: server.api.extensions.members["a"].parked is None)
        send(second, "GET", "event/next", None, me)
        await until(lambda: server.api.extensions.members["a"].parked is not None)
        server.api.extensions.invoke(Invocation("id", b"{}", "arn"), 1)
        assert "tracing" not in json.loads((await second.answer())[2])


async def test_calls_have_their_method_and_there_are_no_others() -> None:
    async with Server() as server:
        client = await server.client()
        assert (await client.ask("GET", ROOT + "register"))[0] == 405
        assert (await client.ask("POST", ROOT + "event/next"))[0] == 405
        assert (await client.ask("POST", ROOT + "event/other"))[0] == 404


async def test_a_runtime_that_was_asked_to_end_is_not_heard_any_more() -> None:
    async with Server() as server:
        client = await server.running()
        server.api.end()
        assert (await client.ask("POST", "/2018-06-01/runtime/invocation/id/response", b"1"))[0] == 403
        assert (await client.ask("GET", NEXT))[0] == 403
        assert server.told.heard == [("ready",)]
