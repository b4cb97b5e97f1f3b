"""What may be subscribed to, and what is wrong with everything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wakeful.environments.telemetry_request import LOGS, TELEMETRY, Api, Destination, Invalid, Subscription, read

HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"}


def body(**more: Any) -> bytes:
    document = {"schemaVersion": "2022-12-13", "types": ["platform"], "destination": HTTP, **more}
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


def complaint(request: bytes, api: Api = TELEMETRY) -> str:
    with pytest.raises(Invalid) as caught:
        read(api, request, {4566})
    return str(caught.value)


def test_what_is_left_out_is_what_aws_takes() -> None:
    wanted = read(TELEMETRY, body(), ())
    destination = Destination(True, 8080, "POST", "sandbox.localdomain", "/")
    assert wanted == Subscription(TELEMETRY, "2022-12-13", ("platform",), destination, 10_000, 262_144, 1.0)
    older = read(LOGS, body(schemaVersion=None), ())
    assert (older.version, older.api) == ("2020-08-15", LOGS)


def test_everything_can_be_asked_for() -> None:
    wanted = read(
        TELEMETRY,
        body(
            schemaVersion="2025-01-29",
            types=["function", "extension"],
            buffering={"maxItems": 1000, "maxBytes": 1_048_576, "timeoutMs": 25},
            destination={"protocol": "HTTP", "URI": "http://sandbox:1234/a/b?c=d", "method": "PUT", "encoding": "JSON"},
        ),
        (),
    )
    assert wanted.destination == Destination(True, 1234, "PUT", "sandbox", "/a/b?c=d")
    assert (wanted.max_items, wanted.max_bytes, wanted.timeout_s) == (1000, 1_048_576, 0.025)
    for where in ({"protocol": "TCP", "port": 99}, {"protocol": "TCP", "URI": "tcp://sandbox.localdomain:99"}):
        assert read(TELEMETRY, body(destination=where), ()).destination.port == 99
        assert not read(TELEMETRY, body(destination=where), ()).destination.is_http


def test_all_that_is_wrong_is_told_at_once() -> None:
    where = {"protocol": "HTTP", "URI": "http://sandbox.localdomain"}
    assert complaint(body(types=[], destination=where)) == "URI port is not provided; types should not be empty"


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.com:8080",
        "http://169.254.169.254:80",
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "http://sandbox.localdomain.example.com:8080",
        "http://sandbox.localdomain@example.com:8080",
        "http://user@sandbox.localdomain:8080",
        "http://[::1]:8080",
    ],
)
def test_nobody_but_the_environment_itself_is_told(uri: str) -> None:
    said = complaint(body(destination={"protocol": "HTTP", "URI": uri}))
    assert said == "URI host should be sandbox.localdomain"


@pytest.mark.parametrize("port", [9001, 4566])
def test_our_own_ports_are_no_destination(port: int) -> None:
    for where in (
        {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}"},
        {"protocol": "TCP", "port": port},
    ):
        assert complaint(body(destination=where)).endswith(f"port {port} is reserved")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"schemaVersion": None}, "schemaVersion should be one of 2022-07-01, 2022-12-13, 2025-01-29"),
        ({"schemaVersion": "2021-03-18"}, "schemaVersion should be one of 2022-07-01, 2022-12-13, 2025-01-29"),
        ({"schemaVersion": []}, "schemaVersion should be one of 2022-07-01, 2022-12-13, 2025-01-29"),
        ({"types": None}, "types should not be empty"),
        ({"types": ["other"]}, "types should be of platform, function, extension"),
        ({"types": "platform"}, "types should be of platform, function, extension"),
        ({"types": ["platform", "platform"]}, "types should be unique"),
        ({"destination": None}, "destination is not provided"),
        ({"destination": {}}, "destination protocol should be HTTP or TCP"),
        ({"destination": {"protocol": "HTTPS"}}, "destination protocol should be HTTP or TCP"),
        ({"destination": {"protocol": "HTTP"}}, "URI is not provided"),
        ({"destination": {"protocol": "TCP"}}, "port is not provided"),
        ({"destination": {"protocol": "TCP", "port": True}}, "port should be between 1 and 65535"),
        ({"destination": {"protocol": "TCP", "port": 70_000}}, "port should be between 1 and 65535"),
        ({"destination": {**HTTP, "URI": "https://sandbox.localdomain:1"}}, "URI scheme should be http"),
        ({"destination": {**HTTP, "URI": "http://sandbox.localdomain:0"}}, "URI port should be between 1 and 65535"),
        ({"destination": {**HTTP, "URI": "http://sandbox.localdomain:99999"}}, "URI is not valid"),
        ({"destination": {**HTTP, "URI": "http://sandbox.localdomain:1/a b"}}, "URI is not valid"),
        ({"destination": {**HTTP, "URI": "http://sandbox.localdomain:1/\r\nX: y"}}, "URI is not valid"),
        ({"destination": {**HTTP, "method": "GET"}}, "destination method should be POST or PUT"),
        ({"destination": {**HTTP, "encoding": "XML"}}, "destination encoding should be JSON"),
        ({"buffering": 1}, "buffering should be an object"),
        ({"buffering": {"maxItems": 999}}, "maxItems should be an integer between 1000 and 10000"),
        ({"buffering": {"maxBytes": 1_048_577}}, "maxBytes should be an integer between 262144 and 1048576"),
        ({"buffering": {"timeoutMs": 24.5}}, "timeoutMs should be an integer between 25 and 30000"),
    ],
)
def test_what_is_wrong_has_a_name(more: dict[str, Any], said: str) -> None:
    assert complaint(body(**more)) == said


def test_each_api_has_its_schemas() -> None:
    said = "schemaVersion should be one of 2020-08-15, 2021-03-18"
    assert complaint(body(), LOGS) == said


@pytest.mark.parametrize("request_body", [b"", b"{", b"\xff", b"[" * 100_000, b"[]", b'"x"', b"null"])
def test_what_is_no_object_is_refused(request_body: bytes) -> None:
    assert complaint(request_body).startswith("request body")


@given(
    some.dictionaries(
        some.sampled_from(["schemaVersion", "types", "destination", "buffering"]),
        some.recursive(
            some.none() | some.booleans() | some.integers() | some.text(),
            lambda inner: (
                some.lists(inner, max_size=3)
                | some.dictionaries(some.sampled_from(["protocol", "URI", "port", "maxItems"]), inner)
            ),
            max_leaves=5,
        ),
    )
)
def test_whatever_is_sent_is_taken_or_refused(document: dict[str, Any]) -> None:
    try:
        assert read(LOGS, json.dumps(document).encode(), ()).types
    except Invalid as error:
        assert str(error)


def test_each_schema_has_its_events() -> None:
    wanted = read(TELEMETRY, body(types=["platform", "function"]), ())
    assert wanted.wants("platform.initStart") and wanted.wants("platform.runtimeDone") and wanted.wants("function")
    assert not any(map(wanted.wants, ("extension", "platform.end", "platform.fault", "platform.logsSubscription")))
    old, newer = (read(LOGS, body(schemaVersion=version), ()) for version in LOGS.versions)
    assert old.wants("platform.end") and old.wants("platform.fault") and old.wants("platform.logsDropped")
    assert not any(map(old.wants, ("function", "platform.initStart", "platform.telemetrySubscription")))
    assert not old.wants("platform.runtimeDone") and newer.wants("platform.runtimeDone")
    versions = {version: read(TELEMETRY, body(schemaVersion=version), ()).has_objects for version in TELEMETRY.versions}
    assert versions == {"2022-07-01": False, "2022-12-13": True, "2025-01-29": True}
