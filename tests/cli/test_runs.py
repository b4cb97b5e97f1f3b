"""What the command line shows of functions that run: answers, logs, stories."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests import functions
from tests.cli.conftest import wakeful
from tests.running_node import RunningNode, running_node
from wakeful.cli.app import app

pytestmark = pytest.mark.slow

CODE = """
def handler(event, context):
    print("got", event)
    if event == "fail":
        raise ValueError("as asked for")
    return event
"""
RAW = f"""#!{sys.executable}
import os, urllib.request
api = f"http://{{os.environ['AWS_LAMBDA_RUNTIME_API']}}/2018-06-01/runtime/invocation"
while True:
    with urllib.request.urlopen(f"{{api}}/next") as event:
        id_ = event.headers["Lambda-Runtime-Aws-Request-Id"]
    urllib.request.urlopen(urllib.request.Request(f"{{api}}/{{id_}}/response", b"\\xff\\xfe", method="POST")).close()
"""


def bootstrap(script: str) -> bytes:
    """A package with a runtime of its own."""
    packed = io.BytesIO()
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o755 << 16
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(entry, script)
    return packed.getvalue()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with running_node(tmp_path_factory.mktemp("node") / "data") as started:
        client = started.client("lambda")
        functions.deploy(client, code=CODE)
        functions.deploy(client, "fresh", code=CODE)
        functions.deploy(client, "raw", Runtime="provided.al2023", Code={"ZipFile": bootstrap(RAW)})
        yield started


def test_a_payload_comes_from_the_line_from_a_file_or_from_standard_input(node: RunningNode, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text('["file"]')
    for payload, given, answer in (('{"a": 1}', "", {"a": 1}), (f"@{file}", "", ["file"]), ("-", "[2]", [2])):
        said = wakeful("invoke", "f", payload, endpoint=node.endpoint, given=given)
        assert (said.status, json.loads(said.out), said.err) == (0, answer, "")
    assert wakeful("invoke", "f", endpoint=node.endpoint).out == "{}\n"


def test_a_payload_that_is_no_json_is_refused_in_lambdas_words(node: RunningNode) -> None:
    for payload, given in (("{bad", ""), ("-", b"\xff")):
        said = wakeful("invoke", "f", payload, endpoint=node.endpoint, given=given)
        assert (said.status, said.out) == (1, "")
        assert said.err.startswith("InvalidRequestContentException: ")


def test_a_function_that_fails_ends_the_command_with_one_and_its_error(node: RunningNode) -> None:
    said = wakeful("invoke", "f", '"fail"', endpoint=node.endpoint)
    assert said.status == 1
    assert json.loads(said.out)["errorMessage"] == "as asked for"


def test_the_end_of_the_log_is_on_standard_error(node: RunningNode) -> None:
    said = wakeful("invoke", "f", '"x"', "--log", endpoint=node.endpoint)
    assert (said.status, said.out) == (0, '"x"\n')
    assert "got x" in said.err
    assert said.err.rstrip("\n").splitlines()[-1].startswith("REPORT RequestId: ")


def test_an_event_is_accepted_and_runs_later(node: RunningNode) -> None:
    said = wakeful("invoke", "f", '"later"', "--event", "--log", endpoint=node.endpoint)
    assert (said.status, said.out) == (0, "accepted\n")
    node.settle()
    node.run(node.node.telemetry.flush())
    assert "got later" in wakeful("logs", "f", endpoint=node.endpoint).out


def test_an_answer_that_is_no_text_is_passed_on_as_it_is(node: RunningNode) -> None:
    result = CliRunner().invoke(app, ["invoke", "raw"], env={"AWS_ENDPOINT_URL": node.endpoint})
    assert (result.exit_code, result.stdout_bytes) == (0, b"\xff\xfe\n")


def test_the_log_is_the_one_the_function_writes(node: RunningNode) -> None:
    client = node.client("lambda")
    assert wakeful("logs", "fresh", endpoint=node.endpoint).err == (
        "There is no log group /aws/lambda/fresh: fresh has not run yet.\n"
    )
    client.update_function_configuration(FunctionName="fresh", LoggingConfig={"LogGroup": "elsewhere"})
    functions.wait_until_updated(client, "fresh")
    functions.call(client, "fresh", "x")
    node.settle()
    node.run(node.node.telemetry.flush())
    arn = client.get_function_configuration(FunctionName="fresh")["FunctionArn"]
    for name in ("fresh", arn):
        assert "got x" in wakeful("logs", name, endpoint=node.endpoint).out


def test_the_latest_runs_lead_to_their_stories(node: RunningNode) -> None:
    functions.call(node.client("lambda"), event="fail")
    node.run(node.node.telemetry.flush())
    listed = wakeful("trace", endpoint=node.endpoint).out.splitlines()
    assert listed[0] == "The latest runs (UTC); `wakeful trace ID` tells the whole story."
    _, trace, _, name, status = listed[1].split()
    assert (name, status) == ("f", "Unhandled")
    told = wakeful("trace", trace, endpoint=node.endpoint).out
    assert "  1 run, " in told
    assert "at list price" in told
    assert "✗ run   f (" in told
