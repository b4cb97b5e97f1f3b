"""Runtime management: the runtime version a function has, is shown, and may be held to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.errors import refusal
from tests.functions import RUNTIME, call, deploy, package, wait_until_active, wait_until_updated
from tests.running_node import RunningNode

pytestmark = pytest.mark.slow

OTHER = "arn:aws:lambda:us-east-1::runtime:" + "0" * 64


@pytest.fixture
def node(tidied_node: RunningNode) -> RunningNode:
    return tidied_node


def arn_of(client: Any, name: str = "f") -> str:
    return str(client.get_function_configuration(FunctionName=name)["RuntimeVersionConfig"]["RuntimeVersionArn"])


def test_a_configuration_shows_the_runtime_version_that_the_log_names(client: Any) -> None:
    deploy(client)
    shown = arn_of(client)
    assert f"Runtime Version ARN: {shown}" in call(client).log
    assert client.get_function(FunctionName="f")["Configuration"]["RuntimeVersionConfig"] == {
        "RuntimeVersionArn": shown
    }
    assert "RuntimeVersionConfig" not in client.list_functions()["Functions"][0]
    deploy(client, "other", Runtime="provided.al2023", Code={"ZipFile": package(bootstrap="#!/bin/sh\n")})
    assert arn_of(client, "other") != shown


def test_the_runtime_is_chosen_by_itself_unless_told_otherwise(client: Any) -> None:
    arn = deploy(client)
    client.publish_version(FunctionName="f")
    for mode in ("FunctionUpdate", "Auto"):
        put = client.put_runtime_management_config(FunctionName="f", UpdateRuntimeOn=mode)
        assert (put["UpdateRuntimeOn"], put["FunctionArn"]) == (mode, arn)
        assert client.get_runtime_management_config(FunctionName="f")["UpdateRuntimeOn"] == mode
    held = {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": arn_of(client)}
    client.put_runtime_management_config(FunctionName="f", Qualifier="1", **held)
    got = client.get_runtime_management_config(FunctionName="f", Qualifier="1")
    assert {name: got[name] for name in held} == held
    assert got["FunctionArn"] == f"{arn}:1"
    latest = client.get_runtime_management_config(FunctionName="f")
    assert latest["UpdateRuntimeOn"] == "Auto"
    assert "RuntimeVersionArn" not in latest


def test_a_version_that_this_host_does_not_have_is_refused(client: Any) -> None:
    deploy(client)
    put = client.put_runtime_management_config
    for request, words in (
        ({"UpdateRuntimeOn": "Manual"}, "is required"),
        ({"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": arn_of(client)}, "only be provided"),
        ({"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": OTHER}, f"not one of {RUNTIME}"),
    ):
        code, message = refusal(put, FunctionName="f", **request)
        assert (code, words in message) == ("InvalidParameterValueException", True), message
    assert refusal(put, FunctionName="none", UpdateRuntimeOn="Auto")[0] == "ResourceNotFoundException"
    assert refusal(client.get_runtime_management_config, FunctionName="f", Qualifier="7")[0] == (
        "ResourceNotFoundException"
    )


def test_a_function_is_not_run_with_another_version_than_the_one_it_is_held_to(
    node: RunningNode, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(client)
    client.put_runtime_management_config(FunctionName="f", UpdateRuntimeOn="Manual", RuntimeVersionArn=arn_of(client))
    assert call(client, event=1).payload == 1

    async def newer(name: str) -> str:
        return "python:0.0.v99"

    monkeypatch.setattr(node.node.runtimes, "release", newer)
    client.update_function_configuration(FunctionName="f", Description="anything that is looked at anew")
    wait_until_updated(client, "f")
    assert refusal(client.invoke, FunctionName="f")[0] == "InvalidRuntimeException"
    client.put_runtime_management_config(FunctionName="f", UpdateRuntimeOn="Auto")
    assert call(client, event=2).payload == 2


def test_the_setting_goes_with_its_function(client: Any) -> None:
    deploy(client)
    client.put_runtime_management_config(FunctionName="f", UpdateRuntimeOn="FunctionUpdate")
    client.delete_function(FunctionName="f")
    deploy(client)
    wait_until_active(client, "f")
    assert client.get_runtime_management_config(FunctionName="f")["UpdateRuntimeOn"] == "Auto"
