"""Layers: published, shown, shared, forgotten, and what functions have of them."""

from __future__ import annotations

import io
import stat
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.functions import ROLE, RUNTIME, call, deploy, package, wait_until_updated
from tests.running_node import RunningNode, running_node
from wakeful import limits
from wakeful.services.lambda_ import runs
from wakeful.services.lambda_.references import of_arn

ARN = "arn:aws:lambda:us-east-1:000000000000:layer:words"

READS_OPT = """
import os
def handler(event, context):
    os.chdir("/opt")
    return {name: open(name).read() for name in event if os.path.exists(name)}
"""


@pytest.fixture
def node(lent_node: RunningNode) -> RunningNode:
    return lent_node


@pytest.fixture
def confined(tmp_path: Path) -> Iterator[RunningNode]:
    """A node whose functions have a root of their own, and in it /opt."""
    with running_node(tmp_path / "confined", isolation="auto") as node:
        yield node


def zipped(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def linked(name: str, points_to: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, points_to)
    return packed.getvalue()


def publish(client: Any, name: str = "words", files: dict[str, str] | bytes | None = None, **more: Any) -> str:
    body = files if isinstance(files, bytes) else zipped(files or {"python/words.py": "GREETING = 'hello'\n"})
    made = client.publish_layer_version(LayerName=name, Content={"ZipFile": body}, **more)
    return str(made["LayerVersionArn"])


def test_a_published_version_shows_what_was_said_of_it_and_its_content(client: Any) -> None:
    body = zipped({"python/words.py": "GREETING = 'hello'\n"})
    said = {
        "Description": "d",
        "CompatibleRuntimes": [RUNTIME],
        "CompatibleArchitectures": ["x86_64"],
        "LicenseInfo": "Apache-2.0",
    }
    made = client.publish_layer_version(LayerName="words", Content={"ZipFile": body}, **said)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (made["LayerArn"], made["LayerVersionArn"], made["Version"]) == (ARN, f"{ARN}:1", 1)
    for shown in (
        made,
        client.get_layer_version(LayerName="words", VersionNumber=1),
        client.get_layer_version(LayerName=ARN, VersionNumber=1),
        client.get_layer_version_by_arn(Arn=f"{ARN}:1"),
    ):
        assert {member: shown[member] for member in said} == said
        assert shown["CreatedDate"].endswith("+0000")
        assert shown["Content"]["CodeSize"] == len(body)
        with urllib.request.urlopen(shown["Content"]["Location"], timeout=10) as response:
            assert response.read() == body


def test_layers_and_versions_are_listed_with_what_suits(client: Any) -> None:
    publish(client, "b", CompatibleRuntimes=["python3.11"])
    publish(client, "a", CompatibleRuntimes=["nodejs20.x"], CompatibleArchitectures=["arm64"])
    publish(client, "b", CompatibleRuntimes=["python3.12"])
    listed = client.list_layers()["Layers"]
    assert [(each["LayerName"], each["LatestMatchingVersion"]["Version"]) for each in listed] == [("a", 1), ("b", 2)]
    older = client.list_layers(CompatibleRuntime="python3.11")["Layers"]
    assert [(each["LayerName"], each["LatestMatchingVersion"]["Version"]) for each in older] == [("b", 1)]
    assert [each["LayerName"] for each in client.list_layers(CompatibleArchitecture="arm64")["Layers"]] == ["a"]
    versions = client.list_layer_versions(LayerName="b")["LayerVersions"]
    assert [each["Version"] for each in versions] == [2, 1]
    assert "Content" not in versions[0]
    assert client.list_layer_versions(LayerName="nobody")["LayerVersions"] == []
    paged = client.get_paginator("list_layers").paginate(PaginationConfig={"PageSize": 1})
    assert [each["LayerName"] for page in paged for each in page["Layers"]] == ["a", "b"]
    paged = client.get_paginator("list_layer_versions").paginate(LayerName="b", PaginationConfig={"PageSize": 1})
    assert [each["Version"] for page in paged for each in page["LayerVersions"]] == [2, 1]


def test_a_number_is_never_given_twice(client: Any) -> None:
    publish(client)
    client.delete_layer_version(LayerName="words", VersionNumber=1)
    client.delete_layer_version(LayerName="words", VersionNumber=1)
    assert refusal(client.get_layer_version, LayerName="words", VersionNumber=1)[0] == "ResourceNotFoundException"
    assert client.list_layers()["Layers"] == []
    assert publish(client) == f"{ARN}:2"


def test_what_cannot_be_published_or_found_is_refused(client: Any) -> None:
    for content, words in (
        ({"ZipFile": b"no zip"}, "Could not unzip uploaded file"),
        ({"ZipFile": zipped({})}, "non-empty zip"),
        ({"S3Bucket": "nowhere", "S3Key": "k"}, "NoSuchBucket"),
        ({}, "Please provide a source"),
    ):
        code, message = refusal(client.publish_layer_version, LayerName="words", Content=content)
        assert code == "InvalidParameterValueException"
        assert words in message
    code, _ = refusal(client.get_layer_version, LayerName="words", VersionNumber=7)
    assert code == "ResourceNotFoundException"
    code, message = refusal(client.get_layer_version, LayerName="words", VersionNumber=0)
    assert (code, message) == ("InvalidParameterValueException", "Layer Version Cannot be less than 1.")
    code, message = refusal(client.delete_layer_version, LayerName="words", VersionNumber=0)
    assert (code, message) == ("InvalidParameterValueException", "Layer Version Cannot be less than 1.")
    for operation, more, member in (
        (
            client.publish_layer_version,
            {"CompatibleRuntimes": ["cobol"], "Content": {}},
            "'[cobol]' at 'compatibleRuntimes'",
        ),
        (client.list_layer_versions, {"CompatibleRuntime": "cobol"}, "'cobol' at 'compatibleRuntime'"),
    ):
        code, message = refusal(operation, LayerName="words", **more)
        assert (code, f"Value {member} failed to satisfy" in message) == ("ValidationException", True), message
    assert refusal(client.list_layers, CompatibleRuntime="cobol")[0] == "ValidationException"
    code, message = refusal(client.list_layers, CompatibleArchitecture="mips")
    assert (code, "[x86_64, arm64]" in message) == ("ValidationException", True)
    for operation, more in (
        (client.get_layer_version_policy, {}),
        (client.remove_layer_version_permission, {"StatementId": "s"}),
        (
            client.add_layer_version_permission,
            {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"},
        ),
    ):
        assert refusal(operation, LayerName="words", VersionNumber=7, **more) == (
            "ResourceNotFoundException",
            f"Layer version {ARN}:7 does not exist.",
        )
    code, _ = refusal(client.list_layer_versions, LayerName="words", Marker="%%%")
    assert code == "InvalidParameterValueException"
    code, _ = refusal(client.list_layers, Marker="%%%")
    assert code == "InvalidParameterValueException"


def test_a_policy_says_who_else_may_have_a_version(client: Any, node: RunningNode) -> None:
    publish(client)
    which = {"LayerName": "words", "VersionNumber": 1}
    granted = {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "111111111111"}
    assert refusal(client.get_layer_version_policy, **which)[0] == "ResourceNotFoundException"
    added = client.add_layer_version_permission(**which, **granted)
    shown = client.get_layer_version_policy(**which)
    assert added["Statement"] in shown["Policy"]
    assert f'"Resource":"{ARN}:1"' in added["Statement"]
    assert shown["RevisionId"] == added["RevisionId"]
    assert refusal(client.add_layer_version_permission, **which, **granted)[0] == "ResourceConflictException"
    other = {**granted, "StatementId": "t", "OrganizationId": "o-0123456789"}
    assert refusal(client.add_layer_version_permission, **which, **other)[0] == "InvalidParameterValueException"
    client.add_layer_version_permission(**which, **{**other, "Principal": "*"})
    old = {"StatementId": "s", "RevisionId": added["RevisionId"]}
    code, _ = refusal(client.remove_layer_version_permission, **which, **old)
    assert code == "PreconditionFailedException"
    client.remove_layer_version_permission(**which, StatementId="s")
    assert refusal(client.remove_layer_version_permission, **which, StatementId="s")[0] == "ResourceNotFoundException"
    assert "111111111111" not in client.get_layer_version_policy(**which)["Policy"]


def test_another_account_has_a_layer_only_where_its_policy_says_so(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        client = node.client("lambda")
        publish(client)
        other = node.client("lambda", key="111111111111")
        assert refusal(other.get_layer_version_by_arn, Arn=f"{ARN}:1")[0] == "AccessDeniedException"
        client.add_layer_version_permission(
            LayerName="words",
            VersionNumber=1,
            StatementId="s",
            Action="lambda:GetLayerVersion",
            Principal="111111111111",
        )
        assert other.get_layer_version_by_arn(Arn=f"{ARN}:1")["Version"] == 1


@pytest.mark.slow
def test_a_function_imports_from_its_layers_and_shows_them(client: Any) -> None:
    arn = publish(client)
    code = "import words\ndef handler(event, context):\n    return words.GREETING\n"
    deploy(client, code=code, Layers=[arn])
    assert call(client).payload == "hello"
    shown = client.get_function_configuration(FunctionName="f")["Layers"]
    assert [layer["Arn"] for layer in shown] == [arn]
    assert shown[0]["CodeSize"] > 0


@pytest.mark.slow
def test_a_later_layer_covers_an_earlier_one_and_none_writes_through_anothers_links(
    confined: RunningNode, tmp_path: Path
) -> None:
    client = confined.client("lambda")
    outside = tmp_path / "outside"
    outside.mkdir()
    layers = [
        publish(client, "first", {"a": "1", "b": "1", "folder/x": "1", "was-file": "1"}),
        publish(client, "second", {"b": "2", "folder/y": "2", "was-file/now": "folder"}),
        publish(client, "third", linked("link", str(outside))),
        publish(client, "fourth", {"link/z": "4"}),
    ]
    deploy(client, code=READS_OPT, Layers=layers)
    read = call(client, event=["a", "b", "folder/x", "folder/y", "was-file/now", "link/z"]).payload
    assert read == {"a": "1", "b": "2", "folder/x": "1", "folder/y": "2", "was-file/now": "folder", "link/z": "4"}
    assert list(outside.iterdir()) == []


@pytest.mark.slow
def test_layers_are_exchanged_taken_away_and_kept_where_nothing_is_said(confined: RunningNode) -> None:
    client = confined.client("lambda")
    first, second = publish(client, files={"w": "1"}), publish(client, files={"w": "2"})
    deploy(client, code=READS_OPT, Layers=[first])
    assert call(client, event=["w"]).payload == {"w": "1"}
    client.update_function_configuration(FunctionName="f", Layers=[second])
    wait_until_updated(client, "f")
    assert call(client, event=["w"]).payload == {"w": "2"}
    client.update_function_code(FunctionName="f", ZipFile=package(index__py=READS_OPT + "\n"))
    wait_until_updated(client, "f")
    assert call(client, event=["w"]).payload == {"w": "2"}
    client.publish_version(FunctionName="f")
    client.update_function_configuration(FunctionName="f", Layers=[])
    wait_until_updated(client, "f")
    assert call(client, event=["w"]).payload == {}
    assert "Layers" not in client.get_function_configuration(FunctionName="f")
    assert call(client, "f:1", event=["w"]).payload == {"w": "2"}


@pytest.mark.slow
def test_a_deleted_version_stays_with_the_functions_that_have_it(tmp_path: Path) -> None:
    with running_node(tmp_path, isolation="auto") as node:
        client = node.client("lambda")
        arn = publish(client, files={"w": "1"})
        deploy(client, code=READS_OPT, Layers=[arn])
        client.delete_layer_version(LayerName="words", VersionNumber=1)
        node.advance(3 * 3600)
    with running_node(tmp_path, isolation="auto") as node:
        client = node.client("lambda")
        assert call(client, event=["w"]).payload == {"w": "1"}
        code, message = refusal(client.update_function_configuration, FunctionName="f", Layers=[arn])
        assert (code, message) == ("InvalidParameterValueException", f"Layer version {arn} does not exist.")


def test_layers_that_a_function_cannot_have_are_refused(client: Any) -> None:
    arns = [publish(client, f"l{number}") for number in range(6)]
    again = publish(client, "l0")
    for layers, words in (
        (arns, "Cannot reference more than 5 layers."),
        ([arns[0], again], "Two different versions of the same layer are not allowed"),
        ([f"{ARN}:9"], f"Layer version {ARN}:9 does not exist."),
        ([arns[0].replace("us-east-1", "eu-west-1")], "Layers are expected to be in region us-east-1."),
    ):
        code, message = refusal(
            client.create_function,
            FunctionName="f",
            Runtime=RUNTIME,
            Role=ROLE,
            Handler="index.handler",
            Code={"ZipFile": package(index__py=READS_OPT)},
            Layers=layers,
        )
        assert code == "InvalidParameterValueException"
        assert words in message
    assert client.list_functions()["Functions"] == []


def test_code_and_layers_together_have_a_size(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = publish(client, files={"large": "x" * 3000})
    monkeypatch.setattr("wakeful.limits.LAMBDA_UNZIPPED_BYTES_MAX", 4000)
    code, message = refusal(
        client.create_function,
        FunctionName="f",
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": zipped({"index.py": "#" * 2000})},
        Layers=[arn],
    )
    assert code == "InvalidParameterValueException"
    assert message == (
        "Function code combined with layers exceeds the maximum allowed size of 4000 bytes. The actual size is 5000"
        " bytes."
    )


@pytest.mark.slow
def test_what_was_unpacked_goes_with_the_last_that_needs_it(
    node: RunningNode, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [publish(client, "one", {"w": "1"}), publish(client, "two", {"v": "2"})]
    arn = deploy(client, Layers=layers)
    code = node.run(runs.target(node.node, of_arn(arn))).pick().code.parent
    assert len([each for each in code.iterdir() if each.is_dir()]) == 4  # the code, two layers, and both together
    client.delete_function(FunctionName="f")
    client.delete_layer_version(LayerName="one", VersionNumber=1)
    monkeypatch.setattr(limits, "BLOB_GRACE_S", -1.0)  # files are as old as they are, whatever the node's clock says
    node.advance(2 * 3600)
    assert len([each for each in code.iterdir() if each.is_dir()]) == 1


WATCHER = """#!/usr/bin/env -S python3 -S
import http.client, json, os, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def ask(method, path, body=None, **headers):
    headers = {f"Lambda-Extension-{name}": value for name, value in headers.items()}
    api.request(method, "/2020-01-01/extension/" + path, body, headers)
    answer = api.getresponse()
    answer.read()
    return answer
me = ask("POST", "register", '{"events": ["INVOKE"]}', Name="watcher").headers["Lambda-Extension-Identifier"]
while True:
    ask("GET", "event/next", Identifier=me)
    time.sleep(0.5)
    print("the extension is done", flush=True)
"""


@pytest.mark.slow
def test_a_layer_brings_an_extension_and_the_run_costs_until_it_is_done(confined: RunningNode) -> None:
    client = confined.client("lambda")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("extensions/watcher")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, WATCHER)
    layer = publish(client, files=packed.getvalue())
    deploy(client, Layers=[layer], Timeout=20)
    request_id = client.invoke(FunctionName="f")["ResponseMetadata"]["RequestId"]
    deadline = time.monotonic() + 30
    while (run := confined.run(confined.node.telemetry.note_by_id(request_id))) is None:
        assert time.monotonic() < deadline, "the run was never noted"
    assert run.duration_ms >= 500
    assert run.detail["billed_ms"] >= 500
    logs = confined.client("logs").filter_log_events(logGroupName="/aws/lambda/f")["events"]
    assert "the extension is done\n" in [event["message"] for event in logs]
    assert "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE]\n" in [event["message"] for event in logs]


@pytest.mark.parametrize("number", [1 << 63, 10**30])
def test_a_number_that_no_version_can_have_is_none_of_ours(client: Any, number: int) -> None:
    deploy(client)
    arn = f"arn:aws:lambda:us-east-1:000000000000:layer:l:{number}"
    assert refusal(client.get_layer_version_by_arn, Arn=arn)[0] == "ResourceNotFoundException"
    assert refusal(client.update_function_configuration, FunctionName="f", Layers=[arn]) == (
        "InvalidParameterValueException",
        f"Layer version {arn} does not exist.",
    )
