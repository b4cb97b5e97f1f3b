"""Endpoints that are none, that do not answer, or that want to know who asks."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.cli.conftest import NOBODY, wakeful
from tests.running_node import RunningNode, running_node
from wakeful.cli import client

COMMANDS = (("status",), ("invoke", "f"), ("logs", "f"), ("trace",), ("trace", "x"))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "endpoint", ["foo", "127.0.0.1:4566", "http://127.0.0.1:x", "http://a b", "http://[::1", "file:///etc/passwd"]
)
def test_what_is_no_address_is_told_with_one_that_is(command: tuple[str, ...], endpoint: str) -> None:
    said = wakeful(*command, "--endpoint", endpoint)
    assert (said.status, said.out) == (1, "")
    assert said.err == f"{endpoint} is no address of a node. It looks like http://127.0.0.1:4566.\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_where_nobody_answers_the_user_is_told_how_to_start_a_node(command: tuple[str, ...]) -> None:
    said = wakeful(*command)
    assert (said.status, said.out) == (1, "")
    assert said.err == f"No node answers at {NOBODY}. Start one with `wakeful start`.\n"


class Website(BaseHTTPRequestHandler):
    """A server that has nothing to do with us."""

    def do_GET(self) -> None:
        self.send_error(404)

    do_POST = do_GET

    def log_message(self, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def website() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Website) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_of_another_kind_is_called_so(command: tuple[str, ...], website: str) -> None:
    said = wakeful(*command, endpoint=website)
    assert (said.status, said.out) == (1, "")
    assert said.err == f"What answers at {website} is no Wakeful node.\n"


def test_an_invocation_is_waited_for_as_long_as_a_function_may_run_and_is_never_repeated() -> None:
    config = client.aws("lambda", NOBODY).meta.config
    assert config.read_timeout > 900
    assert config.retries["total_max_attempts"] == 1


def test_status_shows_how_the_node_runs(shared: RunningNode) -> None:
    said = wakeful("status", endpoint=f"{shared.endpoint}/")
    assert said.status == 0
    words = dict(line.split(maxsplit=1) for line in said.out.splitlines())
    assert words["status"] == "ready"
    assert words["endpoint"] == shared.endpoint


def test_status_tells_what_the_node_holds(shared: RunningNode) -> None:
    key = {"AttributeName": "id"}
    shared.client("dynamodb", key="100000000077").create_table(
        TableName="carts",
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
        KeySchema=[{**key, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    shared.client("kinesis", key="100000000077").create_stream(StreamName="clicks", ShardCount=1)
    said = wakeful("status", endpoint=shared.endpoint).out
    assert re.search(r"^holds .*\b1 table, 1 table stream\b.*\b1 data stream$", said, re.MULTILINE)


def test_a_node_that_others_can_reach_is_looked_at_with_the_key_of_a_root(tmp_path: Path) -> None:
    made = wakeful("keys", "create", "--data-dir", str(tmp_path))
    key = dict(line.removeprefix("export ").split("=", 1) for line in made.out.splitlines())
    with running_node(tmp_path, host="0.0.0.0") as node:
        endpoint = node.endpoint.replace("0.0.0.0", "127.0.0.1")
        refused = wakeful("status", endpoint=endpoint)
        assert (refused.status, refused.out) == (1, "")
        assert "needs a signature by the root of an account" in refused.err
        assert wakeful("status", endpoint=endpoint, **key).status == 0
        assert wakeful("trace", endpoint=endpoint, **key).out == "No function has run yet.\n"
        assert "there is no function f." in wakeful("logs", "f", endpoint=endpoint, **key).err
