"""Addresses that are no API: found before the wire, answered by a service, in the words of the API it belongs to."""

from __future__ import annotations

import dataclasses
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_node import RunningNode, running_node
from wakeful.composition import SERVICES
from wakeful.fabric.front import Arrival, Place
from wakeful.fabric.service import Node
from wakeful.wire.errors import AccessDenied, AwsError
from wakeful.wire.message import HttpRequest, HttpResponse


class Echo:
    """Answers below /echo/ what it was asked."""

    operation = "Invoke"
    body_bytes_max = 10

    def too_large(self) -> AwsError:
        return AccessDenied("too large")

    def place_of(self, http: HttpRequest) -> Place | None:
        name = http.path.removeprefix("/echo/")
        return None if name == http.path else Place(name, "/", is_by_host=False)

    async def answer(self, node: Node, arrival: Arrival) -> HttpResponse:
        if arrival.place.id == "broken":
            raise RuntimeError("a secret")
        if arrival.place.id == "inside":
            return HttpResponse(200, body=str(arrival.is_inside).encode())
        if arrival.place.id == "signed":
            return HttpResponse(200, body=(await arrival.signer()).access_key_id.encode())
        return HttpResponse(200, body=arrival.http.body, more_headers=(("x-more", "1"), ("x-more", "2")))


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[RunningNode]:
    services = tuple(
        dataclasses.replace(each, fronts=(Echo(),)) if each.name == "lambda" else each for each in SERVICES
    )
    with running_node(tmp_path / "data", services) as node:
        yield node


def ask(
    node: RunningNode, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(node.endpoint + path, body, headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers.items()), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers.items()), error.read()


def test_what_a_front_claims_is_not_the_apis_and_all_else_is(echo: RunningNode) -> None:
    status, headers, body = ask(echo, "/echo/x", b"body")
    assert (status, body) == (200, b"body")
    assert {"x-amzn-requestid", "x-amzn-trace-id"} <= set(headers)
    assert echo.client("lambda").list_functions()["Functions"] == []
    assert ask(echo, "/_wakeful/health")[0] == 200


def test_a_header_may_come_again(echo: RunningNode) -> None:
    with urllib.request.urlopen(f"{echo.endpoint}/echo/x") as answer:
        assert answer.headers.get_all("x-more") == ["1", "2"]


def test_errors_are_told_as_the_apis_are_and_ours_without_their_text(
    echo: RunningNode, caplog: pytest.LogCaptureFixture
) -> None:
    status, headers, body = ask(echo, "/echo/x", b"12345678901")
    assert (status, json.loads(body)) == (403, {"Message": "too large"})
    assert headers["x-amzn-errortype"] == "AccessDeniedException"
    status, headers, body = ask(echo, "/echo/broken")
    assert (status, headers["x-amzn-errortype"]) == (500, "ServiceException")
    assert b"secret" not in body
    assert "a secret" in caplog.text


def test_who_signed_is_found_out_when_it_is_asked_for(echo: RunningNode) -> None:
    status, _, body = ask(echo, "/echo/signed")
    assert (status, b"Missing Authentication Token" in body) == (403, True)
    scope = "KEY/20261121/us-east-1/lambda/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=x"
    more = {"Authorization": authorization, "X-Amz-Date": "20261121T000000Z"}
    assert ask(echo, "/echo/signed", headers=more)[2] == b"KEY"
    assert ask(echo, "/echo/x", headers={"Authorization": "nonsense"})[0] == 200


def test_a_topics_message_comes_to_a_front_as_if_out_of_a_sandbox(echo: RunningNode) -> None:
    """Whoever may subscribe would otherwise speak as somebody on this machine."""
    message = {"x-amz-sns-message-type": "Notification"}
    assert ask(echo, "/echo/inside", b"m")[2] == b"False"
    assert ask(echo, "/echo/inside", b"m", message)[2] == b"True"
    for path in ("/", "/_wakeful/health", "/bucket/key"):
        status, _, body = ask(echo, path, b"m", message)
        assert (status, b"no messages of topics" in body) == (403, True)
