"""The AWS CLI's `lambda` commands and waiters: what they print, and how they end."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws_cli import AwsCli, aws_cli, program, variables
from tests.functions import ROLE, RUNTIME, package, wait_until_active, wait_until_updated
from tests.running_node import RunningNode

pytestmark = pytest.mark.slow

CODE = "import os\ndef handler(event, context):\n    return [{answer}, event, os.environ.get('COLOUR')]\n"


@pytest.fixture
def cli(node: RunningNode) -> Iterator[AwsCli]:
    with aws_cli(node.endpoint) as started:
        yield started


def zipped(tmp_path: Path, answer: int) -> str:
    path = tmp_path / f"{answer}.zip"
    path.write_bytes(package(index__py=CODE.format(answer=answer)))
    return f"fileb://{path}"


def create(cli: AwsCli, tmp_path: Path, *more: str, name: str = "f") -> Any:
    return cli.ok(
        *("create-function", "--function-name", name, "--runtime", RUNTIME, "--role", ROLE),
        *("--handler", "index.handler", "--zip-file", zipped(tmp_path, 1), *more),
    )


def invoke(cli: AwsCli, tmp_path: Path, *more: str, event: str = "{}") -> tuple[Any, Any]:
    """What the command printed, and what it wrote into its file."""
    out = tmp_path / "out.json"
    printed = cli.ok("invoke", "--function-name", "f", "--payload", event, *more, str(out))
    return printed, json.loads(out.read_text())


def test_a_function_from_its_making_to_its_end(cli: AwsCli, client: Any, tmp_path: Path) -> None:
    made = create(cli, tmp_path, "--environment", "Variables={COLOUR=red}", "--tags", "team=a")
    assert (made["State"], made["Version"]) == ("Pending", "$LATEST")
    wait_until_active(client, "f")  # the program's own waiters look again after seconds only
    for waiter in ("function-exists", "function-active", "function-active-v2"):
        assert cli.ok("wait", waiter, "--function-name", "f") is None
    printed, answer = invoke(cli, tmp_path, event='{"a": 1}')
    assert (printed["StatusCode"], printed["ExecutedVersion"]) == (200, "$LATEST")
    assert answer == [1, {"a": 1}, "red"]

    changed = cli.ok("update-function-code", "--function-name", "f", "--zip-file", zipped(tmp_path, 2))
    assert changed["LastUpdateStatus"] == "InProgress"
    wait_until_updated(client, "f")
    for waiter in ("function-updated", "function-updated-v2"):
        assert cli.ok("wait", waiter, "--function-name", "f") is None
    settings = ("--environment", "Variables={COLOUR=blue}", "--timeout", "9")
    cli.ok("update-function-configuration", "--function-name", "f", *settings)
    wait_until_updated(client, "f")
    assert invoke(cli, tmp_path)[1] == [2, {}, "blue"]

    assert cli.ok("publish-version", "--function-name", "f")["Version"] == "1"
    cli.ok("wait", "published-version-active", "--function-name", "f", "--qualifier", "1")
    alias = cli.ok("create-alias", "--function-name", "f", "--name", "live", "--function-version", "1")
    assert alias["AliasArn"].endswith(":f:live")
    assert invoke(cli, tmp_path, "--qualifier", "live")[0]["ExecutedVersion"] == "1"
    shown = cli.ok("get-function", "--function-name", "f")
    assert (shown["Configuration"]["Timeout"], shown["Tags"]) == (9, {"team": "a"})
    names = cli.ok("list-functions", "--query", "Functions[].FunctionName")
    assert names == ["f"]
    versions = cli.ok("list-versions-by-function", "--function-name", "f", "--page-size", "1")
    assert [each["Version"] for each in versions["Versions"]] == ["$LATEST", "1"]
    assert cli.ok("delete-function", "--function-name", "f") in (None, {"StatusCode": 204})
    gone = cli.run("lambda", "get-function", "--function-name", "f")
    assert (gone.code, "(ResourceNotFoundException)" in gone.err) == (255, True)


def test_what_belongs_to_a_function(cli: AwsCli, client: Any, tmp_path: Path) -> None:
    arn = create(cli, tmp_path)["FunctionArn"]
    wait_until_active(client, "f")
    cli.ok("tag-resource", "--resource", arn, "--tags", "a=1,b=2")
    cli.ok("untag-resource", "--resource", arn, "--tag-keys", "a")
    assert cli.ok("list-tags", "--resource", arn) == {"Tags": {"b": "2"}}
    cli.ok("put-function-concurrency", "--function-name", "f", "--reserved-concurrent-executions", "3")
    assert cli.ok("get-function-concurrency", "--function-name", "f") == {"ReservedConcurrentExecutions": 3}
    principal = ("--principal", "s3.amazonaws.com", "--action", "lambda:InvokeFunction")
    cli.ok("add-permission", "--function-name", "f", "--statement-id", "s", *principal)
    policy = json.loads(cli.ok("get-policy", "--function-name", "f")["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["s"]
    cli.ok("remove-permission", "--function-name", "f", "--statement-id", "s")
    url = cli.ok("create-function-url-config", "--function-name", "f", "--auth-type", "NONE")
    shown = cli.ok("get-function-url-config", "--function-name", "f")
    assert (shown["FunctionUrl"], shown["InvokeMode"]) == (url["FunctionUrl"], "BUFFERED")
    layer = cli.ok("publish-layer-version", "--layer-name", "l", "--zip-file", zipped(tmp_path, 3))
    assert cli.ok("get-layer-version-by-arn", "--arn", layer["LayerVersionArn"])["Version"] == 1
    assert [each["LayerName"] for each in cli.ok("list-layers")["Layers"]] == ["l"]
    cli.ok("update-function-configuration", "--function-name", "f", "--layers", layer["LayerVersionArn"])
    assert cli.ok("get-account-settings")["AccountUsage"]["FunctionCount"] == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("get-function", "--function-name", "nobody"), 255, "Function not found: arn:aws:lambda:us-east-1:"),
        (("invoke", "--function-name", "nobody", "out"), 255, "(ResourceNotFoundException)"),
        (("get-function", "--function-name", "two words"), 255, "(ValidationException)"),
        (("list-functions", "--starting-token", "nonsense"), 255, "(InvalidParameterValueException)"),
        (("get-alias", "--function-name", "f", "--name", "x"), 255, "Cannot find alias arn:"),
    ],
)
def test_errors_have_their_words_and_their_exit_codes(
    cli: AwsCli, words: tuple[str, ...], code: int, said: str
) -> None:
    result = cli.run("lambda", *words)
    assert (result.code, result.out) == (code, "")
    assert said in result.err


def test_the_program_itself_waits_and_fails_as_scripts_expect(cli: AwsCli, node: RunningNode, tmp_path: Path) -> None:
    create(cli, tmp_path)
    commands = (
        ("wait", "function-active-v2", "--function-name", "f"),
        ("get-function-configuration", "--function-name", "f", "--query", "State", "--output", "text"),
        ("delete-function", "--function-name", "nobody"),
    )
    results = [
        subprocess.run(
            [program(), "lambda", *words], env=variables(node.endpoint), capture_output=True, text=True, check=False
        )
        for words in commands
    ]
    assert [result.returncode for result in results] == [0, 0, 255]
    assert results[1].stdout == "Active\n"
    assert "when calling the DeleteFunction operation: Function not found:" in results[2].stderr
