"""SnapStart: published versions are initialised ahead, and restored for their first event."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.functions import call, deploy, wait_until_active, wait_until_updated
from tests.running_node import RunningNode, running_node
from wakeful.environments.jail import tracing
from wakeful.services.lambda_.billing import price

pytestmark = pytest.mark.slow

ON = {"ApplyOn": "PublishedVersions"}
CODE = """
import os, uuid
from snapshot_restore_py import register_after_restore
HERE = str(uuid.uuid4())
def fail():
    raise ValueError("not today")
if os.environ.get("BREAKS") == "init":
    fail()
if os.environ.get("BREAKS") == "restore":
    register_after_restore(fail)
def handler(event, context):
    return [os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], HERE]
"""


def publish(client: Any, **settings: Any) -> dict[str, Any]:
    deploy(client, code=CODE, SnapStart=ON, **settings)
    published: dict[str, Any] = client.publish_version(FunctionName="f")
    return published


def settled(client: Any, name: str = "f:1") -> dict[str, Any]:
    """The configuration once the version is Pending no more."""
    deadline = time.monotonic() + 30
    while True:
        shown: dict[str, Any] = client.get_function_configuration(FunctionName=name)
        if shown["State"] != "Pending":
            return shown
        assert time.monotonic() < deadline, shown


def test_a_published_version_is_pending_while_it_is_initialised_and_then_on(client: Any, node: RunningNode) -> None:
    published = publish(client)
    assert (published["State"], published["SnapStart"]) == (
        "Pending",
        {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"},
    )
    shown = settled(client)
    assert (shown["State"], shown["SnapStart"]["OptimizationStatus"]) == ("Active", "On")
    latest = client.get_function_configuration(FunctionName="f")
    assert latest["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    answer = call(client, "f:1")
    assert answer.payload[0] == "snap-start"
    assert "\tRestore Duration: " in answer.log
    assert "Init Duration" not in answer.log
    assert call(client, "f").payload[0] == "on-demand"


def test_the_time_of_hooks_and_the_restoring_itself_are_billed(client: Any, node: RunningNode) -> None:
    publish(client, MemorySize=512)
    settled(client)
    call(client, "f:1")
    call(client, "f:1")
    second, first = node.run(node.node.telemetry.recent_notes(kind="run", limit=10))
    assert first.detail["restore_ms"] > 0
    assert "restore_ms" not in second.detail
    assert first.detail["init_ms"] is None
    units = first.detail["units"]
    assert units == {
        "Request": 1,
        "Lambda-GB-Second": first.detail["billed_ms"] * 512,
        "Lambda-SnapStart-Restored-GB": 512,
        "Billed-Duration": first.detail["billed_ms"],
    }
    assert first.detail["usd"] == pytest.approx(float(price.list_price(units)))


def test_a_version_whose_init_fails_has_failed_with_awss_reason(client: Any) -> None:
    publish(client, Environment={"Variables": {"BREAKS": "init"}})
    shown = settled(client)
    assert (shown["State"], shown["StateReasonCode"]) == ("Failed", "FunctionError")
    assert shown["StateReason"] == "An error occurred during function initialization."
    assert (shown["LastUpdateStatus"], shown["SnapStart"]["OptimizationStatus"]) == ("Failed", "Off")
    code, message = refusal(client.invoke, FunctionName="f:1")
    assert code == "ResourceConflictException"
    assert "state: Failed" in message


def test_a_hook_that_fails_is_a_snap_start_exception(client: Any) -> None:
    publish(client, Environment={"Variables": {"BREAKS": "restore"}})
    assert settled(client)["State"] == "Active"
    code, message = refusal(client.invoke, FunctionName="f:1")
    assert code == "SnapStartException"
    assert message.startswith("The afterRestore() runtime hook encountered an error.")
    assert refusal(client.invoke_with_response_stream, FunctionName="f:1") == (code, message)


def test_an_event_whose_restoring_fails_is_tried_again_and_becomes_a_dead_letter(
    client: Any, node: RunningNode
) -> None:
    sqs = node.client("sqs")
    queue = sqs.create_queue(QueueName="dead")["QueueUrl"]
    target = {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"}
    publish(client, Environment={"Variables": {"BREAKS": "restore"}}, DeadLetterConfig=target)
    settled(client)
    client.invoke(FunctionName="f:1", InvocationType="Event", Payload=b"7")
    node.advance(200)
    (letter,) = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"], WaitTimeSeconds=20)["Messages"]
    assert letter["Body"] == "7"
    assert "afterRestore" in letter["MessageAttributes"]["ErrorMessage"]["StringValue"]


def test_it_calls_aws_as_its_role_though_no_credentials_lie_in_its_environment(client: Any) -> None:
    code = """
    import boto3, os
    CLIENT = boto3.client("sts")
    def handler(event, context):
        held = [name for name in os.environ if name in ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")]
        return [held, CLIENT.get_caller_identity()["Arn"]]
    """
    deploy(client, code=code, SnapStart=ON, Timeout=30)
    client.publish_version(FunctionName="f")
    settled(client)
    assert call(client, "f:1").payload == [[], "arn:aws:sts::000000000000:assumed-role/function/f-function"]


def test_clients_of_aws_that_were_used_in_init_do_not_keep_it_from_being_copied(tmp_path: Path) -> None:
    code = """
import boto3, time, uuid
HERE = str(uuid.uuid4())
sts = boto3.client("sts")
ME = sts.get_caller_identity()["Arn"]
def handler(event, context):
    time.sleep(0.5)
    return [HERE, ME, sts.get_caller_identity()["Arn"]]
"""
    with running_node(tmp_path, isolation="auto") as node:
        if not (node.node.isolation.tier in "AB" and tracing.is_possible()):
            pytest.skip("NO NAMESPACES ON THIS HOST: SnapStart by fork was not tried")
        client = node.client("lambda")
        deploy(client, code=code, SnapStart=ON, MemorySize=512, Timeout=20)
        client.publish_version(FunctionName="f")
        settled(client)
        with ThreadPoolExecutor(3) as callers:
            answers = [answer.payload for answer in callers.map(lambda _: call(client, "f:1"), range(3))]
    assert all(before == now for _, before, now in answers)
    assert len({here for here, _, _ in answers}) == 1


def test_it_is_turned_on_and_off_for_versions_to_come(client: Any) -> None:
    deploy(client, code=CODE)
    client.publish_version(FunctionName="f")
    client.update_function_configuration(FunctionName="f", SnapStart=ON)
    wait_until_updated(client, "f")
    assert client.publish_version(FunctionName="f")["Version"] == "2"
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert settled(client, "f:2")["SnapStart"]["OptimizationStatus"] == "On"
    assert call(client, "f:live").payload[0] == "snap-start"
    assert settled(client, "f:1")["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    client.update_function_configuration(FunctionName="f", SnapStart={"ApplyOn": "None"})
    wait_until_updated(client, "f")
    assert client.publish_version(FunctionName="f")["Version"] == "3"
    assert settled(client, "f:3")["SnapStart"]["OptimizationStatus"] == "Off"
    assert call(client, "f:3").payload[0] == "on-demand"
    client.delete_alias(FunctionName="f", Name="live")
    client.delete_function(FunctionName="f", Qualifier="2")
    assert call(client, "f:3").error is None


def test_a_function_may_be_published_as_it_is_made(client: Any) -> None:
    deploy(client, code=CODE, SnapStart=ON, Publish=True)
    wait_until_active(client, "f:1")
    assert call(client, "f:1").payload[0] == "snap-start"


def test_environments_are_parked_again_after_a_restart(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        publish(node.client("lambda"))
        settled(node.client("lambda"))
    with running_node(tmp_path) as node:
        deadline = time.monotonic() + 30
        while not node.node.environments.counts.environments:
            assert time.monotonic() < deadline
        client = node.client("lambda")
        answer = call(client, "f:1")
        assert answer.payload[0] == "snap-start"
        assert "\tRestore Duration: " in answer.log


def test_what_cannot_be_had_with_it_is_refused(client: Any) -> None:
    publish(client)
    settled(client)
    for settings, words in (
        ({"EphemeralStorage": {"Size": 513}}, "Ephemeral storage greater than 512 MB"),
        ({"FileSystemConfigs": [{"Arn": FILES, "LocalMountPath": "/mnt/x"}]}, "file systems"),
    ):
        code, message = refusal(client.update_function_configuration, FunctionName="f", **settings)
        assert code == "InvalidParameterValueException"
        assert words in message
    asked = {"FunctionName": "f", "Qualifier": "1", "ProvisionedConcurrentExecutions": 1}
    code, message = refusal(client.put_provisioned_concurrency_config, **asked)
    assert code == "InvalidParameterValueException"
    assert message == "Provisioned Concurrency is not supported for SnapStart enabled functions."
    tenancy = {"TenantIsolationMode": "PER_TENANT"}
    code, message = refusal(lambda: deploy(client, "g", SnapStart=ON, TenancyConfig=tenancy))
    assert (code, "Tenant isolation" in message) == ("InvalidParameterValueException", True)


FILES = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-01234567890123456"


def test_a_version_that_initialises_for_long_holds_nobody_up_and_may_be_deleted(
    client: Any, node: RunningNode, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    code = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\n" + CODE
    deploy(client, code=code, SnapStart=ON)
    for _ in range(5):
        client.update_function_configuration(FunctionName="f", Description=f"{_}", Timeout=30 + _)
        wait_until_updated(client, "f")
        assert client.publish_version(FunctionName="f")["State"] == "Pending"
    deploy(client, "g")
    assert call(client, "g", event=1).payload == 1
    assert client.get_function_configuration(FunctionName="f:1")["State"] == "Pending"
    client.delete_function(FunctionName="f")
    gate.touch()
    deadline = time.monotonic() + 30
    while node.node.environments.counts.environments > 1:
        assert time.monotonic() < deadline
