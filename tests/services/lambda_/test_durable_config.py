"""DurableConfig: what a durable function is created with, what may change, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.errors import refusal
from tests.functions import ROLE, RUNTIME, deploy, package, wait_until_updated

pytestmark = pytest.mark.slow

INVALID = "InvalidParameterValueException"


def create(client: Any, name: str = "f", **settings: Any) -> dict[str, Any]:
    return dict(
        client.create_function(
            FunctionName=name,
            Runtime=RUNTIME,
            Role=ROLE,
            Handler="index.handler",
            Code={"ZipFile": package(index__py="def handler(event, context): pass\n")},
            **settings,
        )
    )


def test_a_durable_function_has_a_retention_a_long_timeout_and_logs_in_json(client: Any) -> None:
    made = create(client, DurableConfig={"ExecutionTimeout": 3600})
    assert made["DurableConfig"] == {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 14}
    assert made["Timeout"] == 900
    assert made["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
        "LogGroup": "/aws/lambda/f",
    }
    assert create(client, "short", DurableConfig={"ExecutionTimeout": 60})["Timeout"] == 60
    assert create(client, "own", DurableConfig={"ExecutionTimeout": 60}, Timeout=7)["Timeout"] == 7
    found = client.get_function(FunctionName="f")["Configuration"]
    assert found["DurableConfig"] == made["DurableConfig"]
    assert "DurableConfig" not in create(client, "plain")


def test_what_a_durable_function_cannot_be_is_refused(client: Any) -> None:
    def refused(**settings: Any) -> tuple[str, str]:
        return refusal(lambda: create(client, **settings))

    assert refused(DurableConfig={"RetentionPeriodInDays": 7}) == (
        INVALID,
        "You cannot create a function with a durable configuration without an executionTimeout",
    )
    plain = (INVALID, "You cannot use plain text logs with a durable function. Only JSON format logs are supported")
    assert refused(DurableConfig={"ExecutionTimeout": 9}, LoggingConfig={"LogFormat": "Text"}) == plain
    key = {"ExecutionTimeout": 9, "KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"}
    assert "KMSKeyArn" in refused(DurableConfig=key)[1]


def test_an_update_changes_what_it_names_and_a_function_stays_what_it_was_created_as(client: Any) -> None:
    deploy(client, DurableConfig={"ExecutionTimeout": 60, "RetentionPeriodInDays": 7})
    changed = client.update_function_configuration(FunctionName="f", DurableConfig={"ExecutionTimeout": 90})
    assert changed["DurableConfig"] == {"ExecutionTimeout": 90, "RetentionPeriodInDays": 7}
    wait_until_updated(client, "f")
    kept = client.update_function_configuration(FunctionName="f", Description="x")
    assert kept["DurableConfig"] == changed["DurableConfig"]
    deploy(client, "plain")
    ask = {"FunctionName": "plain", "DurableConfig": {"ExecutionTimeout": 60}}
    assert refusal(client.update_function_configuration, **ask) == (
        INVALID,
        "You cannot add a durable configuration to a function that was originally created with no durable"
        " configuration",
    )
