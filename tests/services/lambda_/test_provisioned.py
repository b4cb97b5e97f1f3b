"""Provisioned concurrency: environments that stand ready, for a version or an alias, and nothing else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.functions import call, deploy, wait_until_updated
from tests.running_node import RunningNode, running_node

pytestmark = pytest.mark.slow

INIT = """
import os, uuid
HERE = str(uuid.uuid4())
if os.environ.get("BREAKS") == "yes":
    raise ValueError("not today")
def handler(event, context):
    if event == "die":
        os._exit(1)
    return [os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], HERE]
"""


def until_status(client: Any, wanted: str, qualifier: str = "1") -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        shown: dict[str, Any] = client.get_provisioned_concurrency_config(FunctionName="f", Qualifier=qualifier)
        if shown["Status"] == wanted:
            return shown
        assert time.monotonic() < deadline, shown


def provision(client: Any, qualifier: str, count: int) -> Any:
    return client.put_provisioned_concurrency_config(
        FunctionName="f", Qualifier=qualifier, ProvisionedConcurrentExecutions=count
    )


@pytest.fixture
def published(client: Any) -> Any:
    deploy(client, code=INIT)
    client.publish_version(FunctionName="f")
    return client


def test_environments_stand_ready_before_anybody_calls(published: Any, node: RunningNode) -> None:
    made = provision(published, "1", 2)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (made["Status"], made["RequestedProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 2)
    shown = until_status(published, "READY")
    assert shown["AllocatedProvisionedConcurrentExecutions"] == 2
    assert shown["AvailableProvisionedConcurrentExecutions"] == 2
    answer = call(published, "f:1")
    assert answer.payload[0] == "provisioned-concurrency"
    assert "Init Duration" not in answer.log
    (run,) = node.run(node.node.telemetry.recent_notes(kind="run", limit=10))
    assert (run.detail["provisioned"], run.detail["cold"], run.detail["init_ms"]) == (True, False, None)
    assert call(published, "f").payload[0] == "on-demand"


def test_an_alias_has_its_own_and_moves_them_with_it(published: Any) -> None:
    published.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    provision(published, "live", 1)
    until_status(published, "READY", "live")
    assert call(published, "f:live").payload[0] == "provisioned-concurrency"
    assert call(published, "f:1").payload[0] == "on-demand"
    published.update_function_configuration(FunctionName="f", Timeout=7)
    wait_until_updated(published, "f")
    published.publish_version(FunctionName="f")
    published.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    until_status(published, "READY", "live")
    answer = call(published, "f:live")
    assert (answer.payload[0], answer.version) == ("provisioned-concurrency", "2")


def test_what_ends_is_replaced(published: Any) -> None:
    provision(published, "1", 1)
    until_status(published, "READY")
    before = call(published, "f:1").payload
    assert call(published, "f:1", event="die").error == "Unhandled"
    until_status(published, "READY")
    after = call(published, "f:1").payload
    assert after[0] == "provisioned-concurrency"
    assert after[1] != before[1]


def test_a_configuration_can_be_taken_away(published: Any) -> None:
    provision(published, "1", 1)
    until_status(published, "READY")
    published.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    code, message = refusal(published.get_provisioned_concurrency_config, FunctionName="f", Qualifier="1")
    assert code == "ProvisionedConcurrencyConfigNotFoundException"
    assert message == "No Provisioned Concurrency Config found for this function"
    published.update_function_configuration(FunctionName="f", Timeout=7)
    assert call(published, "f:1").error is None


def test_a_function_whose_init_fails_has_failed_to_be_provisioned(client: Any) -> None:
    deploy(client, code=INIT, Environment={"Variables": {"BREAKS": "yes"}})
    client.publish_version(FunctionName="f")
    provision(client, "1", 1)
    shown = until_status(client, "FAILED")
    assert "INIT" in shown["StatusReason"]
    assert shown["AvailableProvisionedConcurrentExecutions"] == 0


def test_they_are_there_again_after_a_restart(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        client = node.client("lambda")
        deploy(client, code=INIT)
        client.publish_version(FunctionName="f")
        provision(client, "1", 1)
    with running_node(tmp_path) as node:
        client = node.client("lambda")
        until_status(client, "READY")
        assert call(client, "f:1").payload[0] == "provisioned-concurrency"


def test_they_are_listed_and_go_with_what_they_are_for(published: Any) -> None:
    published.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    provision(published, "live", 1)
    listed = published.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"]
    assert [each["FunctionArn"] for each in listed] == ["arn:aws:lambda:us-east-1:000000000000:function:f:live"]
    code, _ = refusal(published.list_provisioned_concurrency_configs, FunctionName="nobody")
    assert code == "ResourceNotFoundException"
    published.delete_alias(FunctionName="f", Name="live")
    assert published.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"] == []


def test_what_cannot_be_provisioned_is_refused(published: Any) -> None:
    published.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    for qualifier, count, code, words in (
        ("$LATEST", 1, "InvalidParameterValueException", "cannot be applied to unpublished function versions"),
        ("9", 1, "ResourceNotFoundException", "Function not found"),
        ("nobody", 1, "ResourceNotFoundException", "Cannot find alias arn: arn:aws:lambda:"),
        ("1", 901, "InvalidParameterValueException", "below its minimum value of [100]"),
    ):
        found = refusal(
            published.put_provisioned_concurrency_config,
            FunctionName="f",
            Qualifier=qualifier,
            ProvisionedConcurrentExecutions=count,
        )
        assert found[0] == code
        assert words in found[1]
    published.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=2)
    asked = {"FunctionName": "f", "Qualifier": "1", "ProvisionedConcurrentExecutions": 3}
    code, message = refusal(published.put_provisioned_concurrency_config, **asked)
    assert "should not be greater than the reservedConcurrentExecution" in message
    provision(published, "1", 1)
    asked = {"FunctionName": "f", "Qualifier": "live", "ProvisionedConcurrentExecutions": 1}
    code, message = refusal(published.put_provisioned_concurrency_config, **asked)
    assert message.startswith("Alias can't be used")


def test_what_was_never_provisioned_has_nothing_to_show_and_nothing_to_take_away(published: Any) -> None:
    code, message = refusal(published.get_provisioned_concurrency_config, FunctionName="f", Qualifier="1")
    assert (code, message) == (
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )
    published.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    for operation in (
        published.get_provisioned_concurrency_config,
        published.delete_provisioned_concurrency_config,
    ):
        assert refusal(operation, FunctionName="f", Qualifier="nobody")[0] == "ResourceNotFoundException"
        assert refusal(operation, FunctionName="f", Qualifier="$LATEST")[0] == "InvalidParameterValueException"


def test_no_less_can_be_reserved_than_is_provisioned(published: Any) -> None:
    provision(published, "1", 2)
    code, message = refusal(published.put_function_concurrency, FunctionName="f", ReservedConcurrentExecutions=1)
    assert code == "InvalidParameterValueException"
    assert "should not be lower than function's total provisioned concurrency [2]" in message
    published.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=2)
