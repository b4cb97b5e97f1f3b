"""Tenant isolation: every tenant of a function has environments of its own."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.functions import ROLE, RUNTIME, call, deploy, package
from tests.running_node import RunningNode

pytestmark = pytest.mark.slow

PER_TENANT: dict[str, Any] = {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}
SEEN = """
import json, os
SEEN = []
def handler(event, context):
    SEEN.append(context.tenant_id)
    if path := os.environ.get("TOLD"):
        with open(path, "a") as told:
            told.write(json.dumps([context.tenant_id, event]) + "\\n")
    return SEEN
"""


def test_tenants_never_share_an_environment(client: Any) -> None:
    deploy(client, code=SEEN, **PER_TENANT)
    assert client.get_function_configuration(FunctionName="f")["TenancyConfig"] == PER_TENANT["TenancyConfig"]
    tenants = ["blue", "green", "red"] * 8
    with ThreadPoolExecutor(6) as threads:
        seen = list(threads.map(lambda tenant: call(client, TenantId=tenant).payload, tenants))
    assert [set(each) for each in seen] == [{tenant} for tenant in tenants]
    while call(client, TenantId="blue").payload.count("blue") < 2:
        pass  # one that had been started and was not needed; they are used again


def test_an_asynchronous_event_keeps_its_tenant(client: Any, node: RunningNode, tmp_path: Path) -> None:
    told = tmp_path / "told"
    deploy(client, code=SEEN, Environment={"Variables": {"TOLD": str(told)}}, **PER_TENANT)
    client.invoke(FunctionName="f", InvocationType="Event", Payload=b'"e"', TenantId="blue")
    node.settle()
    assert [json.loads(line) for line in told.read_text().splitlines()] == [["blue", "e"]]


def test_a_tenant_is_named_to_functions_that_have_tenants_and_to_no_others(client: Any) -> None:
    deploy(client, "f", code=SEEN, **PER_TENANT)
    deploy(client, "g", code=SEEN)
    for kind in ("RequestResponse", "Event", "DryRun"):
        code, message = refusal(client.invoke, FunctionName="f", InvocationType=kind)
        assert (code, message.split(".")[0]) == (
            "InvalidParameterValueException",
            "The invoked function is enabled with tenancy configuration",
        )
        code, message = refusal(client.invoke, FunctionName="g", InvocationType=kind, TenantId="blue")
        assert (code, message.split(".")[0]) == (
            "InvalidParameterValueException",
            "The invoked function is not enabled with tenancy configuration",
        )


def test_what_does_not_go_with_tenants_is_refused(client: Any, node: RunningNode) -> None:
    deploy(client, code=SEEN, **PER_TENANT)
    client.publish_version(FunctionName="f")
    code, _ = refusal(
        client.put_provisioned_concurrency_config,
        FunctionName="f",
        Qualifier="1",
        ProvisionedConcurrentExecutions=1,
    )
    assert code == "InvalidParameterValueException"
    node.client("sqs").create_queue(QueueName="q")
    queue = "arn:aws:sqs:us-east-1:000000000000:q"
    code, _ = refusal(client.create_event_source_mapping, FunctionName="f", EventSourceArn=queue)
    assert code == "InvalidParameterValueException"
    code, message = refusal(
        client.create_function,
        FunctionName="g",
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": package(index__py=SEEN)},
        TenancyConfig={"TenantIsolationMode": "SHARED"},
    )
    assert code == "ValidationException"
    assert "PER_TENANT" in message
